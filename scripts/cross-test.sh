#!/bin/bash
# Cross-build the library for other hosts and run the unit tests under
# qemu-user.  s390x is there because it is big-endian.
#
# usage: scripts/cross-test.sh [aarch64|s390x]...
set -eu
. "$(dirname "$0")/lib.sh"

[ $# -gt 0 ] || set -- aarch64 s390x
status=0
for arch; do
    [ -f "$top/tests/cross/$arch.txt" ] || die "unknown host: $arch"
    if ! command -v "$arch-linux-gnu-gcc" >/dev/null ||
        ! command -v "qemu-$arch" >/dev/null; then
        say "$arch: no cross compiler or no qemu-user, skipped"
        continue
    fi
    dir=$build-$arch
    configure "$dir" --cross-file "$top/tests/cross/$arch.txt" \
        -Dpython=disabled
    say "building for $arch"
    build_all "$dir"
    meson test -C "$dir" --no-rebuild --suite unit --timeout-multiplier 5 \
        --print-errorlogs || status=1
done
exit $status
