#!/bin/bash
# Boot Linux in a VM and run a checked load in it.
#
# usage: linux.sh DISCO-RUN SOURCE-ROOT load|stress|disk|nfs|placement DISCO-RUN-OPTION...
# Skipped (77) when no built guest is found (see scripts/lib.sh), or when the
# guest found lacks what a test needs.
set -eu
run=$1
root=$2
what=$3
shift 3
. "$root/scripts/lib.sh"

guests=$(find_guests) || exit 77
initrd=$(initramfs_of "$guests") || exit 77
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
kernel=$guests/vmlinux
if [ ! -f "$kernel" ]; then
    kernel=$tmp/vmlinux
    xz -dc "$guests/vmlinux.xz" >"$kernel"
fi
has() {
    gzip -dc "$initrd" | grep -q "bin/$1"
}

# boot COMMAND OPTION...: the console of a run, also on stderr.
boot() {
    local command=$1
    shift
    "$run" --memory 256M --timeout 300 --initrd "$initrd" "$@" \
        --append "console=ttyS0 panic=-1 disco.run=$(echo "$command" | tr ' ' '^')" \
        "$kernel" </dev/null | tee /dev/stderr
}

# expect PATTERN TEXT
expect() {
    grep -Eq "$1" <<<"$2" || {
        echo "linux.sh: no \"$1\" on the console" >&2
        exit 1
    }
}

case " $* " in
*" --cpus "[2-9]* | *" --vms "*) [ -f "$guests/board-features" ] || exit 77 ;;
esac
case $what in
load)
    text=$(boot "workload 2 4" "$@")
    expect '4000.*4000' "$text"
    expect 'Power down' "$text"
    ;;
stress)
    has stress || exit 77
    text=$(boot "stress 1" "$@")
    expect 'stress: 0 of [0-9]+ parts failed' "$text"
    ;;
disk)
    truncate -s 64M "$tmp/disk"
    text=$(boot "mkfs.ext2 /dev/vda;mount -t ext4 /dev/vda /mnt;\
dd if=/dev/urandom of=/mnt/x bs=1M count=8;md5sum /mnt/x;umount /mnt;\
mount -t ext4 /dev/vda /mnt;md5sum /mnt/x;umount /mnt" \
        --disk "$tmp/disk" "$@")
    sums=$(grep -Eo '[0-9a-f]{32}  /mnt/x' <<<"$text")
    [ "$(wc -l <<<"$sums")" = 2 ] && [ "$(sort -u <<<"$sums" | wc -l)" = 1 ]
    ;;
placement)
    boot "workload 8 4" "$@" --stats "$tmp/stats" >/dev/null
    python3 - "$tmp/stats" <<'END'
import json
import sys

with open(sys.argv[1], encoding="utf-8") as f:
    stats = json.load(f)
local = sum(n["sampled_local"] for n in stats["nodes"])
remote = sum(n["sampled_remote"] for n in stats["nodes"])
share = local / (local + remote)
print(f"local share {share:.3f}", stats["placement"], file=sys.stderr)
sys.exit(stats["exit_status"] != 0 or share < 0.6)
END
    ;;
nfs)
    has nfs-demo || exit 77
    text=$(boot "nfs-demo 2" --vms 2 --net subnet "$@")
    expect 'the client says: data: OK' "$text"
    ;;
esac
