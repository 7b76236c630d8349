"""Every public name is wrapped by the package, or listed in raw.RAW_ONLY."""
import dataclasses
import fnmatch
import os
import pathlib
import re

import disco
import pytest
from disco.raw import RAW_ONLY, ffi, lib

INCLUDE = pathlib.Path(os.environ.get(
    "DISCO_SOURCE", pathlib.Path(__file__).parents[2])) / "include" / "disco"
PACKAGE = pathlib.Path(disco.__file__).parent


def header_text():
    text = "".join(p.read_text() for p in sorted(INCLUDE.glob("*.h")))
    return re.sub(r"/\*.*?\*/", " ", text.replace("\\\n", " "), flags=re.S)


HEADERS = header_text()
# What of C the package names; raw.py only lists.
USED = set(re.findall(r"\b(?:lib\.)?((?:disco|DISCO)_\w+)", "".join(
    p.read_text() for p in PACKAGE.glob("*.py") if p.name != "raw.py")))


def is_raw_only(name):
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in RAW_ONLY)


def unwrapped(names):
    return sorted(n for n in set(names) if n not in USED
                  and not is_raw_only(n))


def functions():
    code = re.sub(r"^\s*#.*$", "", HEADERS, flags=re.M)
    return re.findall(r"DISCO_API\s[^;]*?\b(disco_\w+)\s*\(", code)


def constants():
    return [name for name in dir(lib) if name.startswith("DISCO_")
            and isinstance(getattr(lib, name), int)]


def test_the_raw_layer_is_complete():
    for name in functions():
        assert callable(getattr(lib, name)), name
    assert len(functions()) > 90
    code = re.sub(r"#\s*define\s+DISCO_\w+_(LIST|ENUM)\(.*", "", HEADERS)
    macros = re.findall(r"^#\s*define\s+(DISCO_\w+)[ \t]+[^\s]", code, re.M)
    for name in set(macros) - {"DISCO_API"}:
        assert isinstance(getattr(lib, name), int), name
    enumerators = re.findall(r"\b(DISCO_\w+)\s*=\s*-?\w+\s*[,}]", code)
    assert len(enumerators) > 70
    for name in enumerators:
        assert isinstance(getattr(lib, name), int), name
    for table, prefix in (("STATUS", ""), ("EXIT", "EXIT_"),
                          ("TRAP", "TRAP_")):
        body = re.search(rf"DISCO_{table}_LIST\(X\)(.*)", HEADERS).group(1)
        rows = re.findall(r"X\((\w+), (-?\d+)", body)
        assert len(rows) >= 10
        for name, value in rows:
            assert getattr(lib, f"DISCO_{prefix}{name}") == int(value)
    for name in re.findall(r"\}\s*(disco_\w+);", HEADERS):
        assert ffi.sizeof(name) > 0


def test_functions():
    assert unwrapped(functions()) == []


def test_constants():
    dynamic = {"DISCO_" + name for name in dir(disco.guest)}
    assert unwrapped(set(constants()) - dynamic) == []


def test_structs_and_handles():
    types, _, _ = ffi.list_types()
    assert len(types) > 40
    names = [name for name in types if not name.startswith("disco_exit_")
             and name not in ("disco_status", "disco_mmio_access",
                              "disco_stream", "disco_block_request",
                              "disco_pin")]
    # Function types count through their trampolines.
    names = [n for n in names if not n.endswith("_fn")]
    # Handles too: "disco_vm **" is what a create function fills.
    assert unwrapped(names) == []


def test_callbacks():
    names = [n for n in dir(lib) if n.startswith("disco_py_")]
    assert len(names) > 35
    assert unwrapped(names) == []


@pytest.mark.parametrize("ctype, owner", [
    ("disco_machine_config", "machine.py"), ("disco_vm_config", "vm.py"),
    ("disco_vcpu_config", "vcpu.py"), ("disco_run", "vcpu.py"),
    ("disco_topology", "numa.py"),
    ("disco_placement_config", "placement.py"),
    ("disco_policy_params", "placement.py"),
    ("disco_policy_page", "placement.py"),
    ("disco_policy_frame", "placement.py"),
    ("disco_policy_ops", "placement.py"),
    ("disco_model_config", "model.py"),
    ("disco_mmio_ops", "memory.py"), ("disco_console_ops", "vm.py"),
    ("disco_sched_config", "sched.py"),
    ("disco_sched_vm_config", "sched.py"), ("disco_board_config", "board.py"),
    ("disco_board_image", "board.py"),
    ("disco_block_backend", "backends.py"),
    ("disco_disk_config", "images.py"),
    ("disco_net_backend", "backends.py"), ("disco_port_config", "backends.py"),
    ("disco_capture", "backends.py"),
    ("disco_char_backend", "devices.py"), ("disco_exit", "vcpu.py"),
    ("disco_error", "errors.py"), ("disco_mmio_access", "_callbacks.py")])
def test_fields(ctype, owner):
    """What a struct gained, its class has to learn."""
    text = (PACKAGE / owner).read_text()
    for name, _ in ffi.typeof(ctype).fields:
        if name not in ("reserved", "flags", "cookie"):
            assert re.search(rf"\b{name}\b", text), name


@pytest.mark.parametrize("ctype, cls", [
    ("disco_machine_stats", disco.MachineStats),
    ("disco_cache_stats", disco.CacheStats),
    ("disco_model_cpu_stats", disco.ModelCpuStats),
    ("disco_model_node_stats", disco.ModelNodeStats),
    ("disco_node_stats", disco.NodeStats), ("disco_vm_stats", disco.VmStats),
    ("disco_vcpu_stats", disco.VcpuStats), ("disco_nic_stats", disco.NicStats),
    ("disco_subnet_stats", disco.SubnetStats),
    ("disco_port_stats", disco.PortStats),
    ("disco_region_info", disco.RegionInfo),
    ("disco_page_info", disco.PageInfo),
    ("disco_move_stats", disco.MoveStats),
    ("disco_move_cost", disco.MoveCost),
    ("disco_footprint", disco.Footprint),
    ("disco_footprint_kind", disco.FootprintKind),
    ("disco_image_info", disco.ImageInfo),
    ("disco_sched_cpu_stats", disco.SchedCpuStats),
    ("disco_sched_vcpu_stats", disco.SchedVcpuStats),
    ("disco_placement_stats", disco.PlacementStats),
    ("disco_placement_event", disco.PlacementEvent),
    ("disco_page_counters", disco.PageCounters)])
def test_figures(ctype, cls):
    want = {name for name, _ in ffi.typeof(ctype).fields}
    assert {f.name for f in dataclasses.fields(cls)} == \
        want - {"size", "reserved"}


def test_exit_fields():
    exit = {name for name, _ in ffi.typeof("disco_exit").fields}
    assert exit - {"size", "reserved", "u"} < set(disco.Exit._fields)
    union = {name for name, _ in ffi.typeof("disco_exit").fields[-1][1]
             .type.fields}
    assert union == {"idle", "mmio", "hypercall", "watch", "shutdown",
                     "callback", "space"}


def test_raw_only_is_no_graveyard():
    everything = set(functions()) | set(constants()) | \
        set(ffi.list_types()[0]) | set(dir(lib))
    for pattern, reason in RAW_ONLY.items():
        assert reason
        assert fnmatch.filter(everything, pattern), pattern


def test_the_package_is_typed():
    assert (PACKAGE / "py.typed").exists() and (PACKAGE / "_raw.pyi").exists()


def test_no_name_is_exported_twice():
    modules = [getattr(disco, p.stem) for p in PACKAGE.glob("*.py")
               if p.stem[0] != "_" and hasattr(
                   getattr(disco, p.stem, None), "__all__")
               and p.stem != "raw"]
    names = [n for m in modules for n in m.__all__]
    assert len(modules) >= 10 and len(names) == len(set(names))
    for name in names:
        assert hasattr(disco, name)
