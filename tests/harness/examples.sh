#!/bin/sh
# tests/harness/examples.sh SOURCE BUILD: the example of every verb's --help succeeds, run from a folder like the top one.
set -eu
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/top"
ln -s "$1/samples" "$1/tests" "$scratch/top"
cd "$scratch/top"
bad=0
for verb in $("$2/tests/tables" verbs | sed -n 's/^| `weir \([a-z]*\).*/\1/p'); do
    example=$("$2/weir" "$verb" --help | sed -n 's/^example: weir //p')
    # shellcheck disable=SC2086 # words
    "$2/weir" $example >"$scratch/out" 2>&1 || {
        cat "$scratch/out"
        echo "fails: weir $example"
        bad=1
    }
done
exit "$bad"
