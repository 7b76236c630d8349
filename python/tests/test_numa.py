import disco
import pytest

XML = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE topology SYSTEM "hwloc2.dtd">
<topology version="2.0">
 <object type="Machine" os_index="0" cpuset="0x1" complete_cpuset="0x1"
  allowed_cpuset="0x1" nodeset="0x1" complete_nodeset="0x1"
  allowed_nodeset="0x1" gp_index="1">
  <object type="NUMANode" os_index="0" cpuset="0x1" complete_cpuset="0x1"
   nodeset="0x1" complete_nodeset="0x1" gp_index="2" local_memory="1048576"/>
  <object type="PU" os_index="0" cpuset="0x1" complete_cpuset="0x1"
   nodeset="0x1" complete_nodeset="0x1" gp_index="3"/>
 </object>
</topology>
"""


def test_text():
    t = disco.Topology.parse(
        "NUMANode:2(memory=1MB,2MB cpus=1,3 distances=10,20,30,10)")
    assert t == disco.Topology((1, 3), (1 << 20, 2 << 20),
                               ((10, 20), (30, 10)))
    assert t.nodes == 2
    with pytest.raises(disco.InvalidError) as info:
        disco.Topology.parse("NUMANode:2 ships:4")
    assert info.value.where == 11


def test_machine():
    t = disco.Topology((1, 3), (1 << 20, 2 << 20))
    with disco.Machine(topology=t) as m:
        assert (m.nodes, m.cpus) == (2, 4)
        assert m.node_stats(1).frames_total == 512
        assert m.topology() == disco.Topology(
            (1, 3), (1 << 20, 2 << 20), ((10, 30), (30, 10)))
    with disco.Machine(topology="NUMANode:3 PU:2") as m:
        assert (m.nodes, m.cpus) == (3, 6)
    with pytest.raises(disco.InvalidError):
        disco.Machine(nodes=2, topology=t)
    with pytest.raises(disco.InvalidError):
        disco.Machine(topology=disco.Topology((1,) * 65))
    with pytest.raises(ValueError):
        disco.Machine(topology=disco.Topology((1, 1), (4096,)))


def test_hwloc():
    assert disco.Topology.from_xml(XML).bytes == (1 << 20,)
    with pytest.raises(disco.CorruptError):
        disco.Topology.from_xml("<topology>")
    if disco.capability(disco.Capability.HWLOC):
        assert disco.Topology.of_host().nodes >= 1
        with disco.Machine(nodes=2, host_nodes=True) as m:
            assert m.nodes == 2
    else:
        with pytest.raises(disco.UnsupportedError):
            disco.Topology.of_host()
        with pytest.raises(disco.UnsupportedError):
            disco.Machine(host_nodes=True)
