#!/bin/bash
# Install what is missing, build, and run the main job: two VMs with two vCPUs
# each on a machine of two nodes, with a disk each and a common subnet.
#
# usage: scripts/demo.sh          the built-in guest kernel
#        scripts/demo.sh linux    Linux in both VMs, to a shell and back
#
# Linux needs a kernel and an initramfs for the board: from $DISCO_GUESTS (a
# folder with vmlinux or vmlinux.xz and initramfs*.cpio.gz), or as built by
# guests/linux/build.sh, which is run when nothing is found.
set -eu
. "$(dirname "$0")/lib.sh"

kind=${1:-default}
case $kind in
default | linux) ;;
*) die "usage: scripts/demo.sh [linux]" ;;
esac

"$top/scripts/deps.sh"
configure "$build"
say "building"
build_all
demo=$build/examples/disco-demo
[ -x "$demo" ] || die "$demo was not built"

if [ "$kind" = default ]; then
    exec "$demo"
fi

if ! guests=$(find_guests); then
    recipe=$top/guests/linux/build.sh
    [ -x "$recipe" ] || die "no Linux guest: set DISCO_GUESTS"
    say "no built Linux guest found: building one (this takes long)"
    "$recipe" "$build/guests/linux"
    guests=$(find_guests) || die "guests/linux/build.sh left no kernel"
fi
say "Linux guest from $guests"
kernel=$(unpacked_kernel "$guests")
initrd=$(initramfs_of "$guests") || die "no initramfs*.cpio* in $guests"
exec "$demo" --linux --timeout "${DEMO_TIMEOUT:-900}" \
    --append "console=ttyS0 panic=-1" "$kernel" "$initrd"
