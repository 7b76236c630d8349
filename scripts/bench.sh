#!/bin/bash
# Build optimized and run benchmarks.
#
# usage: scripts/bench.sh [NAME...] [--json FILE] [--rounds N] [--engine ENGINE]
#   interp  the interpreter on freestanding guests, beside GXemul
#   api     what the API costs the embedder
#   memory  what sharing and moving memory costs
#   jit     programs and system operations, beside QEMU and the host itself
#   linux   Linux to its shell, and programs in it, beside QEMU's user mode
# Without names all of them are run.
#   --json FILE      write the figures to a file, too
#   --rounds N       rounds of a comparison, of which the median is taken
#   --engine ENGINE  what jit and linux measure: jit (the default) or interp
set -eu
. "$(dirname "$0")/lib.sh"

names=()
options=()
while [ $# -gt 0 ]; do
    case $1 in
    --json | --rounds | --engine)
        [ $# -ge 2 ] || die "$1 needs a value"
        options+=("$1=$2")
        shift
        ;;
    --json=* | --rounds=* | --engine=*) options+=("$1") ;;
    -*) die "unknown option: $1" ;;
    *) names+=("$1") ;;
    esac
    shift
done

runner=$top/bench/run.py
if [ ! -f "$runner" ]; then
    die "there are no benchmarks yet (bench/run.py is missing)"
fi
"$top/scripts/deps.sh" --bench
configure "$build"
build_all
exec python3 "$runner" --build "$build" "${options[@]}" "${names[@]}"
