#!/usr/bin/env python3
"""Look at the built library from outside.

 - it exports disco_* and nothing else, and exactly what the headers declare;
 - it imports nothing that ends the process, prints, starts threads, installs
   signal handlers or reads the environment;
 - its objects hold no writable data: no process-wide state;
 - the static library defines no other global names than these either.

usage: check_symbols.py INCLUDE-DIR SHARED-LIBRARY STATIC-LIBRARY
"""
import pathlib
import re
import subprocess
import sys

FORBIDDEN = re.compile(r"""^_*(
    exit | _Exit | quick_exit | abort | assert_fail | assert |
    (v?(f|d)?w?printf|puts|putchar|fputs|fputc|putc|fwrite|perror)
        (_chk|_unlocked)? |
    std(in|out|err) | (secure_)?getenv | setenv | putenv | environ |
    system | fork | vfork | execv?[lpe]* | posix_spawnp? | popen |
    pthread_create | thrd_create | clone | signal | sigaction | sigprocmask |
    pthread_sigmask | raise | kill | alarm | setitimer | atexit | setlocale |
    rand | srand | random | strtok | syslog | err | errx | warn | warnx
    )$""", re.X)
DECLARED = re.compile(r"DISCO_API\s[^;]*?\b(disco_\w+)\s*\(")


def output(*command):
    return subprocess.run(command, check=True, text=True,
                          stdout=subprocess.PIPE).stdout


def declared_names(include):
    names = set()
    for header in sorted((pathlib.Path(include) / "disco").glob("*.h")):
        text = re.sub(r"/\*.*?\*/", "", header.read_text(), flags=re.S)
        text = re.sub(r"^\s*#.*$", "", text, flags=re.M)
        names.update(DECLARED.findall(text))
    return names


def check_shared(include, library):
    problems = []
    exported = set()
    for line in output("nm", "-D", library).splitlines():
        name = line.split()[-1].partition("@")[0]
        if " U " in line:
            if FORBIDDEN.match(name):
                problems.append(f"imports {name}")
        elif " A " not in line and " w " not in line:
            exported.add(name)
    declared = declared_names(include)
    for name in sorted(exported):
        if not name.startswith("disco_"):
            problems.append(f"exports {name}")
        elif name not in declared:
            problems.append(f"exports {name}, which no header declares")
    for name in sorted(declared - exported):
        problems.append(f"does not export {name}, which a header declares")
    return problems


def check_data(library):
    problems = []
    member = "?"
    for line in output("objdump", "-h", library).splitlines():
        found = re.match(r"^(\S+\.o):\s+file format", line)
        if found:
            member = found.group(1)
        found = re.match(r"^\s*\d+\s+(\.\S+)\s+([0-9a-f]+)\s", line)
        if not found or int(found.group(2), 16) == 0:
            continue
        section = found.group(1)
        if section.startswith(".data.rel.ro"):
            continue
        if re.match(r"^\.(data|bss|tdata|tbss|sdata|sbss|init_array|ctors)",
                    section):
            problems.append(f"{member}: {int(found.group(2), 16)} bytes of "
                            f"writable or start-up data in {section}")
    return problems


def check_names(library):
    names = {line.split()[-1] for line in output(
        "nm", "-g", "--defined-only", library).splitlines() if " " in line}
    return [f"the static library defines {name}" for name in sorted(names)
            if not name.startswith("disco_")]


def main():
    include, shared, static = sys.argv[1:4]
    problems = (check_shared(include, shared) + check_data(static) +
                check_names(static))
    for line in problems:
        print(line)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
