#!/bin/sh
# tests/layers/check.sh SOURCE-FOLDER: who may include whom, where other people's headers may be seen, how long files and
# functions may get. Prints each violation; exit 1 if there is one.
set -eu
cd "$1"
# shellcheck disable=SC2016 # the awk program is one literal
find support ir frontend passes isa backends runtime tools include tests -name '*.[chly]' -type f ! -path '*/data/*' 2>/dev/null |
    LC_ALL=C sort | xargs awk '
BEGIN {
    # A folder sees these folders.
    sees["support"]  = "support"
    sees["ir"]       = "support ir"
    sees["frontend"] = "support ir frontend"
    sees["passes"]   = "support ir passes"
    sees["isa"]      = "support ir isa"
    sees["backends"] = "support ir frontend passes isa backends weir"
    sees["runtime"]  = "runtime"
    sees["include"]  = "weir"
    sees["tools"]    = "support tools weir"
    # Headers of others, by the beginning of the name: where they may be included.
    home["jansson.h"] = "support/json.c"
    home["zlib.h"] = "support/ isa/image.c"
    home["xxhash.h"] = "support/"
    home["sqlite3.h"] = "tools/cache.c"
    home["protobuf-c"] = "frontend/onnx/"
    home["onnx.pb-c.h"] = "frontend/onnx/"
    home["frontend/onnx/onnx.pb-c.h"] = "frontend/onnx/"
    home["llvm-c/"] = "backends/llvm/"
    home["getopt.h"] = "tools/options.c"
    home["cmocka.h"] = "tests/"
}
function wrong(what) {
    print FILENAME ":" FNR ": " what
    bad = 1
}
function starts(text, part) {
    return substr(text, 1, length(part)) == part
}
function is_at_home(homes,    list, n, i) {
    n = split(homes, list, " ")
    for (i = 1; i <= n; i++)
        if (starts(FILENAME, list[i]))
            return 1
    return 0
}
function check_include(name,    folder, h, n, list, i, known) {
    for (h in home)
        if (starts(name, h)) {
            if (!is_at_home(home[h]))
                wrong(name " is for " home[h] " alone")
            return
        }
    folder = name
    if (!sub(/\/.*/, "", folder) || layer == "tests")
        return
    if (starts(FILENAME, "isa/rdu/") && starts(name, "isa/pim/") || starts(FILENAME, "isa/pim/") && starts(name, "isa/rdu/"))
        wrong("isa/rdu and isa/pim do not see each other")
    known = folder == "weir" || (folder in sees)
    n = split(sees[layer], list, " ")
    for (i = 1; i <= n; i++)
        if (list[i] == folder)
            return
    if (known)
        wrong(layer " does not see " name)
}
function end_file() {
    if (last_file != "" && last_line > 600)
        print last_file ": " last_line " lines; 600 is the most"
    if (last_line > 600)
        bad = 1
}
FNR == 1 {
    end_file()
    layer = FILENAME
    sub(/\/.*/, "", layer)
    in_function = 0
    grammar = FILENAME ~ /\.[ly]$/
    if (!grammar && $0 !~ /^\/\*/)
        wrong("a file opens with a comment that says what it is")
}
{ last_file = FILENAME; last_line = FNR }
/^[ \t]*#[ \t]*include[ \t]*[<"]/ {
    name = $0
    sub(/^[^<"]*[<"]/, "", name)
    sub(/[>"].*/, "", name)
    check_include(name)
}
!grammar && /^\{/ { in_function = FNR }
!grammar && /^\}/ {
    if (in_function && FNR - in_function > 60)
        wrong("a function of " FNR - in_function " lines; 60 is the most")
    in_function = 0
}
layer != "tests" && layer != "tools" && layer != "runtime" && /(^|[^_a-z])(exit|abort) *\(/ && FILENAME != "support/arena.c" {
    if ($0 !~ /^[ \t]*(\*|\/\*|\/\/)/)
        wrong("only tools may end the program")
}
/TODO|FIXME|XXX[^X]/ && FILENAME !~ /^tests\// { wrong("unfinished business") }
END { end_file(); exit bad }
'
