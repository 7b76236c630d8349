#!/usr/bin/env python3
"""Figure 6: what sharing saves, with real Linux.

usage: fig6.py --build DIR --out DIR [--vms N,N,...] [--nfs N] [--memory SIZE]

1, 2, 4 and 8 VMs boot from one kernel and mount one disk image, copy-on-write,
with programs and sources on it.  Each does a build-like job: a program started
for every step of every source file (transform, sort, checksum), objects written
to a disk of its own, then linked to one file.  At the end of the job the
machine's footprint is taken: virtual, what the VMs believe to use, and machine,
each frame counted once.  Last, 8 VMs with one that serves all file systems to
the others by NFS (variant "nfs"): the seven do the job.  Writes fig6.json,
fig6.md and fig6.svg; fails when the machine uses more than 55 % of the virtual
at 8 VMs with disks of their own, or text is there twice.
"""
import argparse
import gzip
import json
import os
import re
import subprocess
import sys
import tempfile

import chart

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(SOURCE, "tests", "linux"))
sys.dont_write_bytecode = True
import guest  # noqa: E402

MIB = 1 << 20
IMAGE_BYTES, WORK_BYTES = 40 * MIB, 2 * MIB
KINDS = ["data", "text", "buffer", "monitor"]
# MB of the paper's figure: (VMs, variant) -> (virtual, machine).
PAPER = {(1, "local"): (27, 27), (2, "local"): (36, 29), (4, "local"): (51, 33),
         (8, "local"): (77, 38), (8, "nfs"): (81, 40)}

# The image: programs, and sources whose content is always the same.
MAKE = """
mke2fs -F -b 4096 /dev/vda > /dev/null 2>&1 || out bad mke2fs
mkdir /tmp/m
mount -t ext4 /dev/vda /tmp/m || out bad mount
mkdir /tmp/m/bin /tmp/m/src /tmp/m/obj /tmp/m/proc /tmp/m/dev /tmp/m/tmp
cp /bin/busybox /tmp/m/bin/busybox
for name in sh sed sort md5sum cat awk grep tr wc cut basename head cp; do
    ln -s busybox /tmp/m/bin/$name
done
cp /build.sh /tmp/m/build.sh
i=0
while [ $i -lt 96 ]; do
    i=$((i + 1))
    seq $((i * 1000)) $((i * 1000 + 20000)) | \
        sed "s/$/ int f$i(int a) { return a * $i + 1; }/" | head -c 180000 \
        > /tmp/m/src/f$i.c
done
umount /tmp/m
out end
"""

# The job.  Everything it runs and reads is on the image.
BUILD = """
for f in /src/*.c; do
    o=/obj/$(basename $f).o
    tr a-m A-M < $f | md5sum > $o
    head -c 6000 $f > /obj/tmp
    sed 's/int/long/g' /obj/tmp | sort -r | md5sum >> $o
    awk '{ n += length($0) } END { print n }' /obj/tmp | cut -c1-20 >> $o
    grep -c return /obj/tmp >> $o
done
cat /obj/*.o > /obj/program
md5sum < /obj/program | cut -c1-32
"""

JOB = """
mkdir /tmp/m
mount -t ext4 -o ro /dev/vda /tmp/m || out bad mount
mke2fs -F -b 4096 -I 128 /dev/vdb > /dev/null 2>&1 || out bad mke2fs
mount -t ext4 /dev/vdb /tmp/m/obj || out bad mount of the own disk
out sum $(chroot /tmp/m /bin/sh /build.sh)
out end
"""

# The same with all file systems on VM 0, which stays until the others are done.
# Addresses come from the network cards, whose fifth byte is the VM's number.  To
# the server a client is its host's name.
NFS = """
set -- $(tr : ' ' < /sys/class/net/eth0/address)
me=$((0x$5))
hostname vm$me
ip addr add 10.0.0.$((me + 1))/24 dev eth0
ip link set eth0 up
mkdir /tmp/m
if [ $me = 0 ]; then
    mount -t ext4 /dev/vda /tmp/m || out bad mount
    mkdir /tmp/m/done
    clients=
    for i in $(seq 1 %(clients)d); do
        mkdir /tmp/m/obj$i
        clients="$clients 10.0.0.$((i + 1))"
    done
    nfs-server /tmp/m $clients > /dev/null || out bad nfs-server
    until [ $(ls /tmp/m/done | wc -l) = %(clients)d ]; do sleep 1; done
    sleep 3
else
    nfs-mount 10.0.0.1 /tmp/m || out bad mount of the server
    mount --bind /tmp/m/obj$me /tmp/m/obj || out bad mount of the own folder
    out sum $(chroot /tmp/m /bin/sh /build.sh)
    echo > /tmp/m/done/$me
fi
out end
"""


def run(options, script, folder, *args):
    """Boot a script on all VMs; the lines they put out, and the statistics."""
    with open(options.initrd, "rb") as file:
        first = file.read()
    first += b"\0" * (-len(first) % 4)
    more = {"test.sh": (guest.PROLOGUE + script).encode(),
            "build.sh": BUILD.encode()}
    initrd = os.path.join(folder, "initrd")
    with open(initrd, "wb") as file:
        file.write(first + gzip.compress(guest.cpio(more), mtime=0))
    stats = os.path.join(folder, "stats.json")
    command = [os.path.join(options.build, "examples", "disco-run"), "--quiet",
               "--rng", "--timeout", "3600", "--mode", "disco",
               "--stats", stats, *args, "--append",
               "console=ttyS0 disco.run=sh^/test.sh", "--initrd", initrd,
               options.kernel]
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE,
                          stdin=subprocess.DEVNULL)
    text = done.stdout.decode("latin-1").replace("\r", "")
    lines = re.findall(r"^(?:vm\d+: )?out (.*)$", text, re.M)
    if done.returncode or not lines or any("bad" in line for line in lines):
        sys.exit(f"fig6.py: disco-run ended with {done.returncode}:\n"
                 + text[-2000:])
    with open(stats) as file:
        return lines, json.load(file)


def row_of(vms, variant, stats):
    kinds = dict(stats["footprint"]["kinds"])
    text = [kinds.pop("kernel_text"), kinds.pop("user_text")]
    kinds["text"] = {key: sum(part[key] for part in text)
                     for key in ("virtual", "machine")}
    row = {"vms": vms, "variant": variant, "kinds": kinds,
           "kernel_text": text[0],
           "virtual_bytes": stats["footprint"]["virtual_bytes"],
           "machine_bytes": stats["footprint"]["machine_bytes"],
           "shared_bytes": stats["footprint"]["shared_bytes"],
           "engine_bytes": stats["footprint"]["engine_bytes"],
           "read_blocks": stats["cache"]["read_blocks"]}
    if variant == "nfs":
        clients = stats["vms"][1:]
        cards = [vm["nics"][0] for vm in clients]
        row["remapped"] = (sum(card["rx_remapped_bytes"] for card in cards) /
                           sum(card["rx_bytes"] for card in cards))
        row["remap_calls"] = sum(vm["remapped"] for vm in clients)
    return row


def work(options, folder, vms, variant, image):
    """One row, and what the jobs put out."""
    args = ["--vms", str(vms), "--memory", options.memory, "--threads",
            str(min(vms, os.cpu_count() or 1)), "--disk", image + ",cow"]
    if variant == "nfs":
        script = NFS % {"clients": vms - 1}
        args += ["--net", "subnet"]
    else:
        script = JOB
        args += ["--disk", os.path.join(folder, "work%v")]
        for vm in range(vms):
            with open(os.path.join(folder, f"work{vm}"), "wb") as file:
                file.truncate(WORK_BYTES)
    lines, stats = run(options, script, folder, *args)
    sums = [line for line in lines if line.startswith("sum ")]
    if len(sums) != vms - (variant == "nfs"):
        sys.exit(f"fig6.py: not all jobs ended: {lines}")
    print(f"{vms} VMs done, {variant}", file=sys.stderr)
    return row_of(vms, variant, stats), sums


def experiment(options):
    rows, sums = [], set()
    plan = [(vms, "local") for vms in options.vms]
    if options.nfs:
        plan.append((options.nfs, "nfs"))
    with tempfile.TemporaryDirectory(prefix="fig6-") as folder:
        image = os.path.join(folder, "image")
        with open(image, "wb") as file:
            file.truncate(IMAGE_BYTES)
        run(options, MAKE, folder, "--memory", "64M", "--disk", image)
        for vms, variant in plan:
            row, ended = work(options, folder, vms, variant, image)
            rows.append(row)
            sums.update(ended)
    if len(sums) != 1:
        sys.exit(f"fig6.py: the jobs disagree: {sums}")
    return rows


def mb(number):
    return f"{number / 1e6:.1f}"


def name_of(row, unit=""):
    return str(row["vms"]) + unit + " + NFS" * (row["variant"] == "nfs")


def table(rows):
    out = ["# Figure 6: memory footprint", "",
           "Made by `scripts/paper.sh fig6`: real Linux, one kernel, one disk "
           "image shared copy-on-write, a", "build-like job with a disk of its "
           "own in each VM. MB; V: virtual, M: machine, in percent of V.", "",
           "| VMs | V | M | M/V | V data | text | buffer | monitor | M data | "
           "text | buffer | monitor | paper V | M | M/V |",
           "|---|" + "---|" * 14]
    for row in rows:
        kinds = row["kinds"]
        paper = PAPER.get((row["vms"], row["variant"]), (0, 0))
        cells = [name_of(row), mb(row["virtual_bytes"]),
                 mb(row["machine_bytes"]),
                 f"{100 * row['machine_bytes'] / row['virtual_bytes']:.0f} %"]
        for side in ("virtual", "machine"):
            cells += [mb(kinds[kind][side]) for kind in KINDS]
        cells += [str(paper[0]), str(paper[1]),
                  f"{100 * paper[1] / paper[0]:.0f} %" if paper[0] else ""]
        out.append("| " + " | ".join(cells) + " |")
    out += ["", "Text is what was executed, in kernel and user mode; buffer, "
            "what disks brought or got, with the blocks", "that only the cache "
            "holds; monitor, the library's tables. What engines use for "
            "themselves, code above all,", "stands apart: "
            + ", ".join(f"{mb(row['engine_bytes'])} MB at {name_of(row, ' VMs')}"
                        for row in rows) + ".",
            "Blocks read from the image: "
            + ", ".join(f"{row['read_blocks']} at {name_of(row, ' VMs')}"
                        for row in rows) + "."]
    for row in rows:
        if row["variant"] == "nfs":
            out.append(
                "NFS: one VM serves all file systems to the others, which do "
                f"the job; {100 * row['remapped']:.0f} % of what\nthe cards "
                "of clients received was mapped, and their kernels had "
                f"{row['remap_calls']} pages remapped\ninstead of copied. What "
                "is copied counts as data, and is there for each client.")
    return "\n".join(out + [""])
    return "\n".join(out)


def figure(rows):
    groups = []
    for row in rows:
        bars = []
        for label, side in (("V", "virtual"), ("M", "machine")):
            values = [row["kinds"][kind][side] / 1e6 for kind in KINDS]
            bars.append((label, values, f"{sum(values):.0f}"))
        name = f"{row['vms']} VM" + "s" * (row["vms"] > 1)
        groups.append((name + ", NFS" * (row["variant"] == "nfs"), bars))
    return chart.stacked_bars("Figure 6: memory footprint", KINDS, groups, "MB")


def check(rows):
    """What the figure must show; the sentences that are not true."""
    wrong = []
    local = [row for row in rows if row["variant"] == "local"]
    last, one = local[-1], local[0]
    share = last["machine_bytes"] / last["virtual_bytes"]
    if last["vms"] >= 8 and share > 0.55:
        wrong.append(f"machine footprint at {last['vms']} VMs is "
                     f"{100 * share:.0f} % of virtual, not 55 %")
    if last["kernel_text"]["machine"] > 1.05 * one["kernel_text"]["machine"]:
        wrong.append("kernel text is there more than once")
    buffers = [row["kinds"]["buffer"]["machine"] for row in (one, last)]
    if buffers[1] > 1.25 * buffers[0]:
        wrong.append(f"buffer cache grew by {100 * buffers[1] / buffers[0] - 100:.0f} %"
                     ", more than 25 %")
    return wrong


def main():
    parser = argparse.ArgumentParser(description="The paper's figure 6.")
    parser.add_argument("--build", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--vms", default="1,2,4,8")
    parser.add_argument("--nfs", type=int, default=8,
                        help="VMs of the NFS variant (8; 0: without)")
    parser.add_argument("--memory", default="48M")
    options = parser.parse_args()
    options.vms = [int(word) for word in options.vms.split(",")]
    found = guest.find_guests(SOURCE, options.build)
    if not found:
        sys.exit("fig6.py: no Linux guest: set DISCO_GUESTS, or make one with "
                 "guests/linux/build.sh")
    options.kernel, options.initrd = found
    rows = experiment(options)
    os.makedirs(options.out, exist_ok=True)
    for name, text in (("json", json.dumps(rows, indent=1) + "\n"),
                       ("md", table(rows)), ("svg", figure(rows))):
        with open(os.path.join(options.out, "fig6." + name), "w") as file:
            file.write(text)
    print(table(rows))
    wrong = check(rows)
    for sentence in wrong:
        print("fig6.py: " + sentence, file=sys.stderr)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
