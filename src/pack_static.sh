#!/bin/sh
# Make the static library from one relocatable object in which everything but
# the public functions is local: no internal name can clash with an embedder's.
#
# usage: pack_static.sh OUT.a CORE.a OBJCOPY AR CC...
set -eu
out=$1 core=$2 objcopy=$3 ar=$4
shift 4
object=${out%.a}-packed.o
"$@" -r -nostdlib -o "$object" -Wl,--whole-archive "$core" -Wl,--no-whole-archive
"$objcopy" --localize-hidden "$object"
rm -f "$out"
"$ar" crsD "$out" "$object"
