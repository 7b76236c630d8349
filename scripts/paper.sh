#!/bin/bash
# Run experiments of the paper and write docs/paper/NAME.{md,json,svg}.
#
# usage: scripts/paper.sh [NAME...]
# Without names all experiments are run: scripts/paper/NAME.py is one.
set -eu
. "$(dirname "$0")/lib.sh"

names=
for name in "$@"; do
    case $name in
    -*) die "unknown option: $name" ;;
    *[!a-z0-9]*) die "no experiment $name" ;;
    esac
    [ -f "$top/scripts/paper/$name.py" ] || die "no experiment $name"
    names="$names $name"
done
if [ -z "$names" ]; then
    for file in "$top"/scripts/paper/*.py; do
        name=${file##*/}
        case $name in
        chart.py) ;;
        *) names="$names ${name%.py}" ;;
        esac
    done
fi

"$top/scripts/deps.sh"
configure "$build"
build_all
mkdir -p "$top/docs/paper"
status=0
for name in $names; do
    say "$name"
    python3 "$top/scripts/paper/$name.py" --build "$build" \
        --out "$top/docs/paper" || status=1
done
exit $status
