#!/usr/bin/env python3
"""Generate the C source of the extension module disco._raw from the headers.

Everything the headers declare becomes reachable: functions, structs, enums and
macros with a numeric value.  Every member or typedef that is a pointer to a
function gets a static extern "Python" function `disco_py_<where>_<member>`, so
that no callback needs executable memory made at run time.

usage: gen_cffi.py OUTPUT.c INCLUDE-DIR CC...
CC is the C compiler's command.
"""
import pathlib
import re
import subprocess
import sys
import tempfile

import cffi

INCLUDES = "".join(f"#include <disco/{name}.h>\n"
                   for name in ("disco", "board", "guest"))

# A macro that has no parameters and some value.
MACRO = re.compile(r"^#\s*define\s+(DISCO_\w+)[ \t]+(\S.*)$", re.M)
# Structs whose functions the library implements and the host calls.
LIBRARY = {"disco_backend_host", "disco_block_request", "disco_stream"}


def preprocess(include, cc):
    """The declarations, without the system's headers: cffi knows stdint."""
    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / "stdint.h").write_text("")
        return subprocess.run(
            cc + ["-E", "-P", "-DDISCO_API=", "-nostdinc", "-I", folder,
                  "-I", str(include), "-x", "c", "-"],
            input=INCLUDES, text=True, stdout=subprocess.PIPE,
            check=True).stdout


def constant_macros(include):
    """Names of the macros that are integers."""
    names = []
    for header in sorted((include / "disco").glob("*.h")):
        text = header.read_text(encoding="utf-8").replace("\\\n", " ")
        text = re.sub(r"/\*.*?\*/", " ", text, flags=re.S)
        local = set(re.findall(r"^#\s*undef\s+(\w+)", text, re.M))
        for name, value in MACRO.findall(text):
            if name != "DISCO_API" and name not in local and value.strip():
                names.append(name)
    return names


def callbacks(ffi):
    """C declaration of each function that the host implements."""
    typedefs, _, _ = ffi.list_types()
    types = {name: ffi.typeof(name) for name in sorted(typedefs)}
    named = {t for t in types.values() if is_function(t)}
    for name, ctype in types.items():
        if is_function(ctype):
            yield declare(ffi, f"disco_py_{name[6:]}", ctype)
        elif ctype.kind == "struct" and ctype.fields and name not in LIBRARY:
            for field, info in ctype.fields:
                if is_function(info.type) and info.type not in named:
                    yield declare(ffi, f"disco_py_{name[6:]}_{field}",
                                  info.type)


def is_function(ctype):
    return ctype.kind == "function" or \
        ctype.kind == "pointer" and ctype.item.kind == "function"


def declare(ffi, name, ctype):
    ftype = ctype if ctype.kind == "function" else ctype.item
    args = ", ".join(ffi.getctype(a) for a in ftype.args) or "void"
    return f"{ffi.getctype(ftype.result, f'{name}({args})')};"


def main():
    output, include, cc = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3:]
    declarations = preprocess(include, cc)
    constants = "".join(f"#define {name} ...\n"
                        for name in constant_macros(include))
    probe = cffi.FFI()
    probe.cdef(declarations)
    trampolines = "".join(f'extern "Python" {line}\n'
                          for line in callbacks(probe))
    ffi = cffi.FFI()
    ffi.cdef(declarations + constants)
    ffi.cdef(trampolines)
    ffi.set_source("disco._raw", INCLUDES)
    ffi.emit_c_code(output)


if __name__ == "__main__":
    main()
