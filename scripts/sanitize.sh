#!/bin/bash
# Build with sanitizers and run the tests: address+undefined, then thread.
#
# usage: scripts/sanitize.sh [address|thread]...
set -eu
. "$(dirname "$0")/lib.sh"

[ $# -gt 0 ] || set -- address thread
status=0
for kind; do
    case $kind in
    address)
        flags=address,undefined
        export ASAN_OPTIONS=detect_leaks=1:abort_on_error=1
        export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
        ;;
    thread)
        flags=thread
        export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1
        ;;
    *) die "unknown sanitizer: $kind" ;;
    esac
    dir=$build-$kind
    configure "$dir" -Db_sanitize=$flags -Db_lundef=false -Dpython=disabled \
        -Doptimization=1
    say "building with $flags"
    build_all "$dir"
    meson test -C "$dir" --no-rebuild --setup=sanitize --print-errorlogs ||
        status=1
done
exit $status
