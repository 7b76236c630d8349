import gc
import sys

import pytest

sys.dont_write_bytecode = True

import disco  # noqa: E402
import guest_words as g  # noqa: E402


@pytest.fixture
def machine():
    with disco.Machine(cpus_per_node=4) as m:
        yield m
    # What a test leaves behind must not disturb the next one.
    gc.collect()


@pytest.fixture
def vm(machine):
    vm = machine.create_vm("test")
    vm.map_ram(0, 1 << 20)
    return vm


@pytest.fixture
def start(vm):
    """start(words...) -> a vCPU of `vm` that will run them."""
    def make(*words, at=g.CODE, **config):
        vm.write(at, g.code(*words))
        vcpu = vm.create_vcpu(**config)
        vcpu.start(g.ENTRY - g.CODE + at)
        return vcpu
    return make
