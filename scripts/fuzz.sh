#!/bin/bash
# Build the fuzz targets with clang's libFuzzer and run each for some seconds.
# Findings are kept in build-fuzz/findings/.
#
# usage: scripts/fuzz.sh [SECONDS] [TARGET...]      (60 seconds, all targets)
set -eu
. "$(dirname "$0")/lib.sh"

seconds=60
case ${1:-} in
[0-9]*)
    seconds=$1
    shift
    ;;
esac
command -v clang >/dev/null || die "clang is needed for libFuzzer"

dir=$build-fuzz
[ -f "$dir/build.ninja" ] || CC=clang configure "$dir" -Dfuzz=true \
    -Dpython=disabled -Dexamples=false -Ddefault_library=static \
    -Doptimization=1 \
    -Db_sanitize=address,undefined -Db_lundef=false \
    -Dc_args=-fsanitize=fuzzer-no-link
ninja -C "$dir" $(ninja -C "$dir" -t targets all |
    sed -n 's,^\(tests/fuzz/fuzz_[a-z0-9_]*\): .*,\1,p') ||
    die "the build failed"
mkdir -p "$dir/findings"

status=0
found=
for exe in "$dir"/tests/fuzz/fuzz_*; do
    [ -x "$exe" ] && [ -f "$exe" ] || continue
    name=${exe##*/}
    if [ $# -gt 0 ]; then
        case " $* " in *" $name "*) ;; *) continue ;; esac
    fi
    found=1
    corpus=$dir/corpus/$name
    mkdir -p "$corpus"
    seeds=$top/tests/fuzz/corpus/${name#fuzz_}
    [ -d "$seeds" ] || die "$name has no corpus in tests/fuzz/corpus"
    say "$name: $seconds s"
    "$exe" -max_total_time="$seconds" -timeout=10 -print_final_stats=1 \
        -artifact_prefix="$dir/findings/$name-" "$corpus" $seeds || status=1
done
[ -n "$found" ] || die "no such fuzz target"
exit $status
