import disco
import guest_words as g
import pytest
from disco import PlaceAction, Refusal


@pytest.fixture
def machine():
    with disco.Machine(nodes=2, cpus_per_node=1) as m:
        yield m


def test_params():
    p = disco.PolicyParams(trigger=64).defaults()
    assert (p.trigger, p.sharing, p.migrate) == (64, 16, 1)
    assert p.reset_ns == 100_000_000


def test_decide():
    params = disco.PolicyParams()
    page = disco.PolicyPage(0, 1, (0, 200), (0, 50))
    assert disco.decide("disco", params, page) == (PlaceAction.MIGRATE, 1)
    page = disco.PolicyPage(0, 1, (99, 200), (0, 0))
    assert disco.decide("disco", params, page) == (PlaceAction.REPLICATE, 1)
    page = disco.PolicyPage(0, 1, (99, 200), (9, 9))
    assert disco.decide("disco", params, page)[0] == PlaceAction.NONE
    assert disco.decide("none", params, page)[0] == PlaceAction.NONE
    with pytest.raises(ValueError):
        disco.decide("best", params, page)


def test_counts_and_log(machine, vm):
    with pytest.raises(disco.StateError):
        machine.placement_tick()
    machine.start_placement(params=disco.PolicyParams(trigger=10))
    with pytest.raises(disco.ExistsError):
        machine.start_placement()
    vm.write(0x3000, b"x")
    vm.count_accesses(0x3000, 1, 5, 5)
    counters = vm.page_counters(0x3000)
    assert counters.reads[:2] == (0, 5) and not counters.frozen
    assert machine.placement_tick(1) == 1
    assert vm.page_info(0x3000).node == 1
    event, = machine.placement_log()
    assert event.action == PlaceAction.MIGRATE
    assert event.refused == Refusal.DONE
    assert (event.from_node, event.to_node, event.moves) == (0, 1, 1)
    assert machine.placement_log(1) == []
    stats = machine.placement_stats()
    assert stats.migrations == 1 and stats.refused["full"] == 0
    machine.stop_placement()


def test_sampling(machine, start):
    vcpu = start(g.NOP, g.NOP, g.NOP, g.NOP, g.NOP)
    machine.start_placement("roundrobin", sample_cycles=1000)
    vcpu.run(max_insns=5)
    assert machine.placement_stats().samples > 0
    assert machine.node_stats(0).sampled_local > 0


def test_own_policy(machine, vm, start):
    seen = []

    def decide(params, page):
        seen.append((params.trigger, page.reads))
        return PlaceAction.MIGRATE, 1

    machine.start_placement(disco.Policy("mine", decide=decide),
                            sampling=False)
    vm.write(0x3000, b"x")
    vm.count_accesses(0x3000, 1, 128)
    assert machine.placement_tick() == 1
    assert seen == [(128, (0, 128))]
    assert vm.page_info(0x3000).node == 1


def test_errors_of_a_policy(machine, vm):
    def decide(params, page):
        raise KeyError("no")

    machine.start_placement(disco.Policy(decide=decide))
    vm.write(0x3000, b"x")
    vm.count_accesses(0x3000, 1, 128)
    with pytest.raises(KeyError):
        machine.placement_tick()
    assert vm.page_info(0x3000).node == 0
