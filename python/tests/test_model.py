import disco
import pytest

from guest_words import *  # noqa: F401,F403


def test_parameters():
    with disco.Machine(nodes=2) as m:
        with pytest.raises(disco.NotFoundError):
            m.model()
        m.set_model(ways=4, service_ns=disco.MODEL_NOTHING,
                    trap_ns={disco.Trap.MMIO: 5}, page_ns={"migrate": 9})
        model = m.model()
        assert (model["ways"], model["remote_ns"]) == (4, 900)
        assert model["service_ns"] == disco.MODEL_NOTHING
        assert model["trap_ns"][disco.Trap.MMIO] == 5
        assert model["page_ns"]["migrate"] == 9
        assert not model["uma"]
        with pytest.raises(disco.InvalidError):
            m.set_model(ways=3)
        m.drop_model()
        with pytest.raises(disco.NotFoundError):
            m.model_cpu(0)


def test_figures():
    with disco.Machine() as m:
        m.set_model()
        vm = m.create_vm()
        vm.map_ram(0, 1 << 20)
        vm.write(0x1000, bytes(64))  # nops
        vcpu = vm.create_vcpu()
        vcpu.start(0xffffffff80001000)
        vcpu.run(max_insns=16)
        cpu = m.model_cpu(0)
        assert (cpu.accesses, cpu.miss_local) == (1, 1)
        assert cpu.ledger["kernel"] == 16
        assert cpu.ledger["stall_local"] == 60
        assert sum(cpu.ledger.values()) == cpu.cycles == 76
        assert m.model_node(0).served == 1
