#!/bin/sh
# tests/harness/tutorial.sh PAGE BUILD: follows a manual's tutorial in a fresh folder. A block of code behind the line
# `<!-- file: NAME -->` is written to NAME; in a block of kind `console` each line that begins with `$ ` runs in sh (weir is BUILD/weir)
# and must print, stdout and stderr together, the lines behind it. Prints the differences; exit 1 if there are some, or no commands.
set -eu
page=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
build=$(cd "$2" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir steps files
awk '
/^<!-- file: .* -->$/ { name = $0; sub(/^<!-- file: /, "", name); sub(/ -->$/, "", name); next }
/^```/ && !inside { inside = $0 == "```console" ? "console" : name != "" ? "file" : "other"; next }
/^```$/ { inside = ""; name = ""; next }
inside == "file" { print > ("files/" name) }
inside == "console" && /^\$ / { n++; print substr($0, 3) > ("steps/" sprintf("%04d", n) ".sh"); printf "" > ("steps/" sprintf("%04d", n) ".out"); next }
inside == "console" { print > ("steps/" sprintf("%04d", n) ".out") }
' "$page"
mkdir run
cp files/* run/ 2>/dev/null || true
PATH=$build:$PATH
export PATH
status=0
steps=0
for step in steps/*.sh; do
    [ -f "$step" ] || break
    steps=$((steps + 1))
    (cd run && sh "../$step") >said 2>&1 || true
    if ! cmp -s said "${step%.sh}.out"; then
        echo "tutorial: $(cat "$step")"
        diff -u "${step%.sh}.out" said || true
        status=1
    fi
done
[ "$steps" -gt 0 ] || { echo "tutorial: $1 has no commands"; status=1; }
exit "$status"
