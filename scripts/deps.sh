#!/bin/bash
# Install what building and testing need, by Debian package name.  Does nothing
# when all is there.  Without root it only says what is missing.
#
# usage: scripts/deps.sh [--slow] [--bench]
#   --slow   adds what the long tests use
#   --bench  adds what the benchmarks compare with
set -eu
. "$(dirname "$0")/lib.sh"

# package:what shows that it is there (a command, or a file)
needed="
gcc:gcc
meson:meson
ninja-build:ninja
pkg-config:pkg-config
python3:python3
libffi-dev:ffi.h
libfdt-dev:libfdt.h
libhwloc-dev:hwloc.h
libcmocka-dev:cmocka.h
python3-cffi:py-cffi
python3-pytest:py-pytest
python3-dev:/usr/include/python3.*/Python.h
g++:g++
qemu-user:qemu-mips64
gcc-mips64-linux-gnuabi64:mips64-linux-gnuabi64-gcc
xz-utils:xz
"
slow="
clang:clang
libclang-rt-14-dev:/usr/lib/llvm-14/lib/clang/*/lib/linux
clang-format-14:clang-format-14
gcc-aarch64-linux-gnu:aarch64-linux-gnu-gcc
gcc-s390x-linux-gnu:s390x-linux-gnu-gcc
spin:spin
"
bench="
qemu-system-mips:qemu-system-mips64
gxemul:gxemul
"

have_header() {
    printf '#include <stdint.h>\n#include <stdarg.h>\n#include <stddef.h>\n#include <setjmp.h>\n#include <%s>\n' "$1" |
        "${CC:-cc}" -E -x c - >/dev/null 2>&1
}

have() {
    case $1 in
    py-*) # in one interpreter, whichever
        /usr/bin/python3 -c 'import cffi, pytest' 2>/dev/null ||
            python3 -c 'import cffi, pytest' 2>/dev/null
        ;;
    /*) ls -d $1 >/dev/null 2>&1 ;;
    *.h) have_header "$1" ;;
    *) command -v "$1" >/dev/null 2>&1 ;;
    esac
}

for option; do
    case $option in
    --slow) needed="$needed $slow" ;;
    --bench) needed="$needed $bench" ;;
    *) die "unknown option: $option" ;;
    esac
done
missing=
for pair in $needed; do
    have "${pair#*:}" || missing="$missing ${pair%%:*}"
done
[ -z "$missing" ] && exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    say "installing:$missing"
    export DEBIAN_FRONTEND=noninteractive
    if ! apt-get install -y --no-install-recommends $missing >/dev/null 2>&1; then
        apt-get update >/dev/null 2>&1 || true
        apt-get install -y --no-install-recommends $missing >/dev/null ||
            say "could not install all of:$missing (going on without)"
    fi
else
    say "missing packages (install them as root):$missing"
fi
