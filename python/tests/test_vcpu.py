import disco
import guest_words as g
import pytest
from disco import Access, ExitReason


def test_registers(vm):
    vcpu = vm.create_vcpu()
    regs = vcpu.regs
    regs["a0"] = -1
    assert regs["a0"] == 2 ** 64 - 1
    regs["zero"] = 5
    assert regs["zero"] == 0
    regs.update({"a1": 7, disco.reg_gpr(6): 8}, a3=9)
    assert regs.read(["a1", "a2", "a3"]) == [7, 8, 9]
    vcpu.pc = 0xffffffff80002000
    assert vcpu.pc == regs["pc"] == regs[disco.REG_PC] == 0xffffffff80002000
    regs[disco.reg_fpr(3)] = 0x4000000000000000
    assert regs["f3"] == 0x4000000000000000
    assert regs["prid"] == 0x934
    assert regs[disco.reg_cp0(15)] == 0x934
    entry = disco.reg_tlb(3, disco.TlbPart.PAGEMASK)
    assert disco.reg_name(entry) == "tlb3.pagemask"
    assert regs["tlb3.pagemask"] == regs[entry]


def test_registers_are_a_mapping(vm):
    regs = vm.create_vcpu().regs
    names = list(regs)
    assert names[0] == "pc" and {"sp", "f31", "fcsr", "status"} <= set(names)
    assert len(regs) == len(names) == len(set(names))
    assert "sp" in regs and "tlb0.entryhi" in regs
    assert disco.REG_PC in regs and "nonsense" not in regs
    assert regs.get("nonsense") is None
    assert dict(regs.items()) == regs.snapshot()
    for bad in ("nonsense", 0xffff0000):
        with pytest.raises(KeyError):
            regs[bad]
        with pytest.raises(KeyError):
            regs[bad] = 1
    for name in names:
        assert disco.reg_name(disco.reg_find(name)) == name


def test_translate(start):
    vcpu = start(g.loop())
    assert vcpu.translate(g.ENTRY, Access.EXEC) == g.CODE
    assert vcpu.translate(0xffffffffa0001234) == 0x1234
    with pytest.raises(disco.FaultError):
        vcpu.translate(0xffffffffc0000000)
    assert vcpu.disassemble(count=2)[0].startswith("b")


def test_disassemble():
    assert disco.disassemble(g.lw("v0", 8, "sp")).split() == ["lw", "v0,8(sp)"]
    assert disco.disassemble(0x7c000000).split() == [".word", "0x7c000000"]


def test_life(vm):
    vcpu = vm.create_vcpu()
    other = vm.create_vcpu(order=disco.Order.LITTLE)
    assert (vcpu.index, other.index) == (0, 1)
    assert vm.vcpus == [vcpu, other] and vm.vcpus[0] is vcpu
    assert not vcpu.runnable
    assert vcpu.run(10).reason == ExitReason.PARKED
    vm.write(g.CODE, g.code(g.loop()))
    vcpu.start(g.ENTRY)
    assert vcpu.runnable
    with pytest.raises(disco.StateError):
        vcpu.start(g.ENTRY)
    assert vcpu.run(10).reason == ExitReason.BUDGET
    vcpu.reset()
    assert vcpu.run(10).reason == ExitReason.PARKED
    other.close()
    assert vm.vcpus == [vcpu]
    with pytest.raises(disco.ClosedError):
        other.run(1)
    with pytest.raises(disco.ClosedError):
        other.regs["pc"]
    assert "closed" in repr(other)


def test_wrapper_comes_back(vm):
    vm.create_vcpu().regs["s0"] = 77
    assert vm.vcpus[0].regs["s0"] == 77


def test_config(vm):
    config = disco.VcpuConfig(mode=disco.Mode.DISCO, model="R10000",
                              fp=disco.FloatingPoint.R10000,
                              l2tlb=disco.Switchable.ON, l2tlb_entries=64)
    vm.create_vcpu(config)
    with pytest.raises(TypeError):
        vm.create_vcpu(config, model="R10000")
    with pytest.raises(TypeError):
        vm.create_vcpu(colour="blue")
    with pytest.raises(disco.InvalidError):
        vm.create_vcpu(mode=99)


def test_little_endian(vm):
    vm.write(g.CODE, g.code(g.li("t0", 0x1234), g.BREAK, order="<"))
    vcpu = vm.create_vcpu(order=disco.Order.LITTLE, break_exit=True)
    vcpu.start(g.ENTRY)
    assert vcpu.run(100).reason == ExitReason.BREAK
    assert vcpu.regs["t0"] == 0x1234


def test_stats(start):
    vcpu = start(g.loop())
    vcpu.run(1000, cpu=2)
    stats = vcpu.stats()
    assert stats.insns == 1000 and stats.cpu == 2
    assert stats.exits["budget"] == 1
    assert stats.traps["tlb_miss"] == 0
    assert len(stats.exceptions) == 32


def test_watchpoints(start):
    vcpu = start(g.lui("t0", 0x8000), g.sw("t0", 0x2000, "t0"),
                 g.lw("t1", 0x3000, "t0"), g.loop())
    vcpu.set_watch(0, 0x2000, 4, Access.WRITE)
    vcpu.set_watch(1, 0x3000, 4)
    exit = vcpu.run(100)
    assert exit.reason == ExitReason.WATCH
    assert exit.watch == (0x2000, 4, Access.WRITE)
    assert vcpu.vm.read_int(0x2000, 4) == 0
    exit = vcpu.run(100)
    assert exit.watch == (0x3000, 4, Access.READ)
    assert vcpu.vm.read_int(0x2000, 4) == 0x80000000
    vcpu.clear_watch(1)
    assert vcpu.run(100).reason == ExitReason.BUDGET
    with pytest.raises(disco.InvalidError):
        vcpu.set_watch(disco.WATCHES, 0, 4)
