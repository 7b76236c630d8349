#!/bin/bash
# Build optimized and run benchmarks.
#
# usage: scripts/bench.sh [NAME...] [--json FILE]
# Without names all benchmarks are run; bench/run.py lists them.  --json writes
# the figures to a file.
set -eu
. "$(dirname "$0")/lib.sh"

names=
json=
while [ $# -gt 0 ]; do
    case $1 in
    --json)
        [ $# -ge 2 ] || die "--json needs a file"
        json=$2
        shift
        ;;
    --json=*) json=${1#--json=} ;;
    -*) die "unknown option: $1" ;;
    *) names="$names $1" ;;
    esac
    shift
done

runner=$top/bench/run.py
if [ ! -f "$runner" ]; then
    die "there are no benchmarks yet (bench/run.py is missing)"
fi
"$top/scripts/deps.sh"
configure "$build"
build_all
set -- --build "$build"
[ -z "$json" ] || set -- "$@" --json "$json"
exec python3 "$runner" "$@" $names
