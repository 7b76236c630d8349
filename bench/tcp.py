#!/usr/bin/env python3
"""TCP between two Linux VMs over the virtual subnet: how much a second of
guest time, and a second of the host's CPU, carry.

usage: tcp.py --build DIR [--rounds N]

One VM serves a file of 16 MiB, the other fetches it, a few times or often:
the difference of such a pair of runs is what the transfers alone cost.  Prints
"name value unit limit" for run.py: medians over the rounds, and the share of
the received bytes that were mapped instead of copied.  Nothing without a Linux
guest.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(HERE)
sys.path.insert(0, os.path.join(TOP, "tests", "linux"))
import guest  # noqa: E402
from measure import cpu_seconds, run  # noqa: E402

FILE_MIB, FEW, MANY = 16, 1, 9
REMAPPED = 0.5  # of all bytes received, at least

# VM 0 serves, VM 1 fetches.  Guest time is in hundredths of a second.
SCRIPT = """#!/bin/sh
dmesg -n 1
set -- $(tr : ' ' < /sys/class/net/eth0/address)
me=$((0x$5))
ip addr add 10.0.0.$((me + 1))/24 dev eth0
ip link set eth0 up
www=/tmp/www
mkdir $www
peer=10.0.0.$((2 - me))
if [ $me = 0 ]; then
    dd if=/dev/zero bs=1M count=%d 2> /dev/null | tr '\\0' x > $www/file
    echo > $www/ready
    httpd -h $www
    until wget -q -O - http://$peer/done > /dev/null 2>&1; do sleep 0.5; done
else
    until wget -q -O - http://$peer/ready > /dev/null 2>&1; do sleep 0.2; done
    i=0
    while [ $i -lt %d ]; do
        i=$((i + 1))
        set -- $(tr -d . < /proc/uptime)
        begin=$1
        wget -q -O /dev/null http://$peer/file || echo "out bad"
        set -- $(tr -d . < /proc/uptime)
        echo "out $(($1 - begin))"
    done
    echo > $www/done
    httpd -h $www
    sleep 2
fi
"""


def transfer(options, folder, times):
    """(CPU seconds, guest seconds of each transfer, the receiver's card)"""
    initrd = os.path.join(folder, "initrd")
    with open(options.initrd, "rb") as file:
        first = file.read()
    script = (SCRIPT % (FILE_MIB, times)).encode()
    with open(initrd, "wb") as file:
        file.write(first + b"\0" * (-len(first) % 4)
                   + guest.cpio({"test.sh": script}))
    stats = os.path.join(folder, "stats.json")
    usage, output = run([
        os.path.join(options.build, "examples", "disco-run"), "--quiet",
        "--vms", "2", "--net", "subnet", "--memory", "128M", "--mode", "disco",
        "--timeout", "280", "--stats", stats, "--append",
        "console=ttyS0 disco.run=sh^/test.sh", "--initrd", initrd,
        options.kernel])
    words = [line.split()[-1] for line in output.replace("\r", "").split("\n")
             if line.startswith("vm1: out ")]
    if len(words) != times or "bad" in words:
        sys.exit("tcp.py: the transfer failed:\n" + output[-1000:])
    with open(stats, encoding="utf-8") as file:
        card = json.load(file)["vms"][1]["nics"][0]
    return cpu_seconds(usage), [int(word) / 100 for word in words], card


def main():
    parser = argparse.ArgumentParser(description="TCP between two Linux VMs.")
    parser.add_argument("--build", required=True)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    found = guest.find_guests(TOP, options.build)
    if not found:
        print("tcp.py: no Linux guest", file=sys.stderr)
        return
    options.kernel, options.initrd = found
    seconds, costs, shares = [], [], []
    with tempfile.TemporaryDirectory(prefix="tcp-") as folder:
        for _ in range(options.rounds):
            few, _, _ = transfer(options, folder, FEW)
            many, took, card = transfer(options, folder, MANY)
            costs.append(many - few)
            seconds += took
            shares.append(card["rx_remapped_bytes"] / card["rx_bytes"])
    mib = (MANY - FEW) * FILE_MIB
    print(f"tcp_guest {FILE_MIB / statistics.median(seconds):.1f} MiB/s 0")
    print(f"tcp_host_cpu {mib / statistics.median(costs):.1f} MiB/s 0")
    print(f"tcp_remapped {statistics.median(shares):.3f} x {REMAPPED}")


if __name__ == "__main__":
    main()
