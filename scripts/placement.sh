#!/bin/bash
# Print what each placement policy makes of guest programs with known behaviour
# and, when a built guest is found, of Linux: local shares, moves, and what
# counting costs.
#
# usage: scripts/placement.sh [--json FILE]
set -eu
. "$(dirname "$0")/lib.sh"

"$top/scripts/deps.sh"
configure "$build" --buildtype=release
build_all
set -- --build "$build" "$@"
if guests=$(find_guests) && initrd=$(initramfs_of "$guests"); then
    set -- "$@" --linux "$(unpacked_kernel "$guests")" "$initrd"
fi
exec python3 "$top/bench/placement.py" "$@"
