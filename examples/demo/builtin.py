#!/usr/bin/env python3
"""Turn a guest kernel into the C file that the demo is linked with.

usage: builtin.py OUT.c [KERNEL.elf]    (without a kernel: an empty one)
"""
import sys

HEAD = """/* Made by builtin.py. */
#include "demo.h"

"""


def main():
    out = [HEAD]
    if len(sys.argv) > 2:
        with open(sys.argv[2], "rb") as file:
            data = file.read()
        out.append("static const unsigned char kernel[] = {\n")
        for i in range(0, len(data), 16):
            out.append("    " + " ".join(f"{b}," for b in data[i:i + 16]) + "\n")
        out.append("};\n\n")
        value = "{ (void *)(uintptr_t)kernel, sizeof(kernel) }"
    else:
        value = "{ 0, 0 }"
    out.append("struct image builtin_kernel(void)\n{\n"
               f"    return (struct image){value};\n}}\n")
    with open(sys.argv[1], "w") as file:
        file.write("".join(out))


if __name__ == "__main__":
    main()
