#!/bin/bash
# Install what is missing, build into build/, run the tests.
#
# usage: scripts/test.sh [--slow] [MESON-TEST-ARGUMENT...]
#   --slow  also the long suites, Linux in two VMs (when a guest is there), the
#           sanitizer builds and the cross builds
set -eu
. "$(dirname "$0")/lib.sh"

slow=
if [ "${1:-}" = --slow ]; then
    slow=--slow
    shift
fi

"$top/scripts/deps.sh" $slow
configure "$build"
say "building"
build_all

status=0
if [ -n "$slow" ]; then
    meson test -C "$build" --no-rebuild --setup=all --print-errorlogs "$@" ||
        status=1
    if find_guests >/dev/null; then
        say "Linux in two VMs"
        "$top/scripts/demo.sh" linux || status=1
    else
        say "no built Linux guest: that part is skipped"
    fi
    "$top/scripts/sanitize.sh" || status=1
    "$top/scripts/cross-test.sh" || status=1
else
    meson test -C "$build" --no-rebuild --print-errorlogs "$@" || status=1
fi
exit $status
