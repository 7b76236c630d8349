#!/usr/bin/env python3
"""Use the library as a stranger would.

  check_install.py pkgconfig SOURCE-ROOT BUILD-DIR CC...
      install into a scratch folder, look at what got there, build use.c (and
      examples/embed.c) shared and static with pkg-config's flags, run them
  check_install.py subproject SOURCE-ROOT BUILD-DIR CC...
      build use.c in a Meson project that has libdisco as a subproject
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

PARENT = """project('parent', 'c', default_options: ['c_std=c11'])
disco = dependency('disco', fallback: 'disco', default_options:
  ['default_library=shared', 'python=disabled', 'examples=false',
   'optimization=0'])
test('use', executable('use', 'use.c', dependencies: disco))
"""


def run(*command, **more):
    done = subprocess.run([str(c) for c in command], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          **more)
    if done.returncode:
        print("failed:", *command)
        print(done.stdout)
        sys.exit(1)
    return done.stdout


def check_content(prefix):
    """Only what users need: no internal archive, header or test program."""
    names = {p.name for p in prefix.rglob("*") if not p.is_dir()}
    for name in ("libdisco.so", "libdisco.so.0", "libdisco.a", "disco.pc",
                 "disco.h", "board.h", "guest.h"):
        if name not in names:
            sys.exit(f"{name} is not installed")
    extra = [n for n in names if n.endswith(".a") and n != "libdisco.a"]
    extra += [n for n in names if "test" in n or n.startswith("cmocka")]
    if extra:
        sys.exit(f"installed, but nobody's business: {sorted(extra)}")


def check_pkgconfig(root, build, cc, work):
    stage = work / "stage"
    run("meson", "install", "-C", build, "--no-rebuild", "--destdir", stage)
    pc = next(stage.rglob("disco.pc"))
    libdir = pc.parent.parent
    check_content(stage)
    env = dict(os.environ, PKG_CONFIG_PATH=str(pc.parent),
               PKG_CONFIG_SYSROOT_DIR=str(stage))

    def flags(*options):
        # The sysroot also goes in front of system paths of other packages.
        text = run("pkg-config", *options, "disco", env=env).split()
        return text

    programs = [root / "tests" / "install" / "use.c"]
    embed = root / "examples" / "embed.c"
    if embed.exists():
        programs.append(embed)
    for source in programs:
        shared = work / (source.stem + "-shared")
        static = work / (source.stem + "-static")
        run(*cc, "-std=c11", source, "-o", shared, *flags("--cflags", "--libs"))
        words = [w for w in flags("--static", "--cflags", "--libs")
                 if w != "-ldisco"]
        run(*cc, "-std=c11", source, "-o", static, libdir / "libdisco.a",
            *words)
        need = run("readelf", "-d", shared)
        if "libdisco.so.0" not in need:
            sys.exit("the program does not name libdisco.so.0")
        if "libdisco" in run("readelf", "-d", static):
            sys.exit("the static program needs the shared library")
        run(shared, env=dict(os.environ, LD_LIBRARY_PATH=str(libdir)))
        run(static)


def check_subproject(root, work):
    parent = work / "parent"
    (parent / "subprojects").mkdir(parents=True)
    (parent / "meson.build").write_text(PARENT)
    shutil.copy(root / "tests" / "install" / "use.c", parent)
    os.symlink(root, parent / "subprojects" / "disco")
    run("meson", "setup", "--wrap-mode=default", parent / "b", parent)
    run("ninja", "-C", parent / "b")
    run("meson", "test", "-C", parent / "b", "use")
    stage = work / "stage"
    run("meson", "install", "-C", parent / "b", "--destdir", stage)
    left = [p.name for p in stage.rglob("*") if p.suffix in (".h", ".a", ".pc")]
    if left:
        sys.exit(f"a subproject installs {left}")


def main():
    what, root, build = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3]
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        if what == "pkgconfig":
            check_pkgconfig(root, build, sys.argv[4:], work)
        else:
            check_subproject(root, work)
    return 0


if __name__ == "__main__":
    sys.exit(main())
