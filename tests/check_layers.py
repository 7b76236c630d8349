#!/usr/bin/env python3
"""Check who includes whom.

    base <- mem <- numa, mips (-> x64); devices -> base and include/disco only;
    core -> everything; nothing -> core.

An include of the library's own headers names its folder ("mem/frame.h").
Public headers include each other and <stdint.h> only.  Examples and the API
tests see the public headers and nothing else.

usage: check_layers.py SOURCE-ROOT | --self-test
"""
import pathlib
import re
import sys
import tempfile

ALLOWED = {
    "base": {"base"},
    "mem": {"mem", "base"},
    "numa": {"numa", "mem", "base"},
    "x64": {"x64", "base"},
    "mips": {"mips", "x64", "mem", "base"},
    "devices": {"devices", "base"},
    "core": {"core", "mips", "x64", "numa", "mem", "devices", "base"},
}
# Public headers that a folder may not see; for base: the only one it may.
PUBLIC_ONLY = {"base": {"types.h"}}
PUBLIC_NEVER = {
    "mem": {"board.h", "vcpu.h", "sched.h", "disco.h"},
    "mips": {"board.h", "numa.h", "sched.h", "machine.h", "disco.h"},
    "numa": {"board.h", "sched.h", "disco.h"},
}
# Foreign headers live behind one folder each.
FOREIGN = {"ffi.h": {"core"}, "libfdt.h": {"devices"},
           "hwloc.h": {"numa"}, "hwloc/distances.h": {"numa"}}

INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]')


def includes(path):
    text = path.read_text(encoding="utf-8", errors="replace")
    for number, line in enumerate(text.splitlines(), 1):
        match = INCLUDE.match(line)
        if match:
            yield number, match.group(1) == '"', match.group(2)


def sources(folder, suffixes=(".c", ".h", ".def")):
    if folder.is_dir():
        for path in sorted(folder.rglob("*")):
            if path.suffix in suffixes:
                yield path


def check_source(folder, quoted, name):
    """Return what is wrong with one include of a file in src/FOLDER."""
    if name.startswith("disco/"):
        header = name[len("disco/"):]
        if quoted:
            return "public headers are included as <disco/...>"
        if header in PUBLIC_NEVER.get(folder, ()) or (
                folder in PUBLIC_ONLY and header not in PUBLIC_ONLY[folder]):
            return f"{folder}/ may not include <{name}>"
        return None
    if not quoted:
        owners = FOREIGN.get(name)
        if owners is not None and folder not in owners:
            return f"{folder}/ may not include <{name}>"
        return None
    target, slash, _ = name.partition("/")
    if not slash or target not in ALLOWED:
        return f'"{name}" does not name a folder of src/'
    if target not in ALLOWED[folder]:
        return f"{folder}/ may not include {target}/"
    return None


def check_tree(root):
    problems = []

    def report(path, number, text):
        problems.append(f"{path.relative_to(root)}:{number}: {text}")

    for folder in sorted((root / "src").iterdir()):
        if not folder.is_dir():
            continue
        if folder.name not in ALLOWED:
            problems.append(f"src/{folder.name}: no rule for this folder")
            continue
        for path in sources(folder):
            for number, quoted, name in includes(path):
                wrong = check_source(folder.name, quoted, name)
                if wrong:
                    report(path, number, wrong)

    public = root / "include" / "disco"
    for path in sources(public):
        for number, quoted, name in includes(path):
            fine = (public / name).exists() if quoted else name == "stdint.h"
            if not fine:
                report(path, number, f"public headers may not include {name}")

    for outside in (root / "examples", root / "tests" / "api"):
        for path in sources(outside):
            for number, quoted, name in includes(path):
                if quoted and name.partition("/")[0] in ALLOWED:
                    report(path, number, f"only the public API here: {name}")
    return problems


def self_test():
    plants = {
        "mips/tlb.c": '#include "core/vm.h"\n',
        "devices/uart.c": '#include "mem/frame.h"\n',
        "mem/frame.c": '#include "numa/topology.h"\n',
        "base/bits.h": "#include <disco/vm.h>\n",
        "numa/topology.c": '#include "topology.h"\n',
        "core/vm.c": '#include "mips/backend.h"\n#include <ffi.h>\n',
    }
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        (root / "include" / "disco").mkdir(parents=True)
        for name, text in plants.items():
            path = root / "src" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        found = check_tree(root)
    bad = {line.split(":")[0] for line in found}
    expected = {"src/" + n for n in plants if not n.startswith("core/")}
    if bad != expected:
        print("self-test:", sorted(bad), "!=", sorted(expected))
        return 1
    return 0


def main():
    if sys.argv[1] == "--self-test":
        return self_test()
    problems = check_tree(pathlib.Path(sys.argv[1]).resolve())
    for line in problems:
        print(line)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
