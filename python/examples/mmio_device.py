#!/usr/bin/env python3
"""A device in Python, and a guest of eight instructions that uses it.

Register 0 takes bytes to print; a zero byte ends the run.

usage: PYTHONPATH=build/python python3 mmio_device.py [TEXT]
"""
import struct
import sys

import disco

PROGRAM = struct.pack(
    ">8I",
    0x3c08b000,  #    lui   t0,0xb000       the device, uncached
    0x3c098000,  #    lui   t1,0x8000
    0x25291020,  #    addiu t1,t1,0x1020    the text
    0x912a0000,  # 1: lbu   t2,0(t1)
    0xa10a0000,  #    sb    t2,0(t0)
    0x1540fffd,  #    bnez  t2,1b
    0x25290001,  #    addiu t1,t1,1
    0x00000000,  #    nop
)


class Printer(disco.MmioDevice):
    def __init__(self, vm):
        self.vm = vm
        self.text = bytearray()

    def write(self, access, value):
        if access.offset != 0 or access.size != 1:
            raise disco.BusError  # nothing there: the guest's bus error
        if value:
            self.text.append(value)
        else:
            self.vm.request_shutdown(0)


def main():
    text = sys.argv[1] if len(sys.argv) > 1 else "Hello from a MIPS guest"
    with disco.Machine() as machine:
        vm = machine.create_vm("example")
        vm.map_ram(0, 1 << 20)
        printer = Printer(vm)
        vm.map_mmio(0x10000000, 0x1000, "printer", printer)
        vm.write(0x1000, PROGRAM + text.encode() + b"\0")
        vcpu = vm.create_vcpu()
        vcpu.start(0xffffffff80001000)
        exit = vcpu.run()
        assert exit.reason == disco.ExitReason.SHUTDOWN
        print(printer.text.decode())
        print(f"It ran {exit.insns} instructions.")


if __name__ == "__main__":
    main()
