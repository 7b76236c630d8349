#!/usr/bin/env python3
"""Boot a kernel on the disco board; its console is this terminal.

usage: PYTHONPATH=build/python python3 boot_linux.py [options] KERNEL.elf

Ctrl-C ends it.  Exit status: the guest's, or 124 when a limit was reached.
On a terminal the guest's time keeps step with ours while it is idle; otherwise
it jumps.
"""
import argparse
import os
import select
import sys
import time

import disco


def options():
    parser = argparse.ArgumentParser(description="boot a kernel")
    parser.add_argument("kernel")
    parser.add_argument("--append", default="", help="kernel command line")
    parser.add_argument("--initrd")
    parser.add_argument("--disk", action="append", default=[],
                        help="raw disk; repeatable")
    parser.add_argument("--cpus", type=int, default=1)
    parser.add_argument("--memory", type=int, default=256, help="in MiB")
    parser.add_argument("--timeout", type=float, default=0, help="in seconds")
    parser.add_argument("--stats", action="store_true",
                        help="figures at the end, on stderr")
    return parser.parse_args()


class Terminal:
    """stdout, and stdin without waiting for it."""

    def __init__(self):
        self.input = bytearray()
        self.open = True
        self.interactive = sys.stdin.isatty()

    def write(self, data):
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()

    def poll(self, seconds):
        if not self.open:
            time.sleep(seconds)
        elif select.select([sys.stdin], [], [], seconds)[0]:
            data = os.read(sys.stdin.fileno(), 256)
            self.open = bool(data)
            self.input += data

    def feed(self, board):
        if self.input:
            del self.input[:board.console_input(self.input)]


def load(board, opt):
    board.load(opt.kernel, initrd=opt.initrd, cmdline=opt.append)


def run(machine, board, opt, terminal):
    end = time.monotonic() + opt.timeout if opt.timeout else None
    scheduler = machine.create_scheduler()
    for vcpu in board.vcpus:
        scheduler.add(vcpu)

    class TimeIsUp(Exception):
        pass

    def between():
        if end is not None and time.monotonic() > end:
            raise TimeIsUp
        terminal.poll(0)
        terminal.feed(board)

    def idle(seconds):
        if seconds is None:
            terminal.poll(0.01)
        elif terminal.interactive:
            terminal.poll(seconds)
        return True

    try:
        while True:
            vcpu, exit = scheduler.loop(idle, between)
            if exit.reason == disco.ExitReason.SHUTDOWN:
                return exit.code & 0xff
            if exit.reason == disco.ExitReason.RESET:
                board.vm.reset()
                load(board, opt)
            elif exit.reason != disco.ExitReason.KICK:
                print(f"{vcpu!r} left with {exit}", file=sys.stderr)
                return 125
    except TimeIsUp:
        return 124


def main():
    opt = options()
    terminal = Terminal()
    with disco.Machine(cpus_per_node=opt.cpus) as machine:
        info = disco.elf_info(opt.kernel)
        board = disco.Board.create(
            machine, "linux", ram_bytes=opt.memory << 20, cpus=opt.cpus,
            vcpu=disco.VcpuConfig(order=info.order), console=terminal.write,
            wall_ns=time.time_ns())
        for name in opt.disk:
            board.add_disk(name)
        load(board, opt)
        try:
            status = run(machine, board, opt, terminal)
        except KeyboardInterrupt:
            status = 130
        if opt.stats:
            print(board.vm.stats(), file=sys.stderr)
            for vcpu in board.vcpus:
                print(vcpu.stats(), file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
