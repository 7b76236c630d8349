#!/usr/bin/env python3
"""Feed the preprocessed public headers to cffi: what it takes, the Python
binding can use without a copy of the declarations.

usage: check_cffi.py INCLUDE-DIR CC...
"""
import pathlib
import subprocess
import sys
import tempfile

try:
    import cffi
except ImportError:
    print("cffi not found")
    sys.exit(77)


def main():
    include = sys.argv[1]
    with tempfile.TemporaryDirectory() as folder:
        # cffi knows the fixed-width types; the system's headers are not needed.
        (pathlib.Path(folder) / "stdint.h").write_text("")
        text = subprocess.run(
            sys.argv[2:] + ["-E", "-P", "-DDISCO_API=", "-nostdinc", "-I",
                            folder, "-I", include, "-x", "c", "-"],
            input="#include <disco/disco.h>\n#include <disco/board.h>\n",
            text=True, stdout=subprocess.PIPE, check=True).stdout
    ffi = cffi.FFI()
    ffi.cdef(text)
    for name in ("disco_machine_config", "disco_vcpu_config", "disco_exit",
                 "disco_board_config", "disco_mmio_ops"):
        if ffi.sizeof(name) <= 0:
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
