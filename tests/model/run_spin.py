#!/usr/bin/env python3
"""Check shootdown.pml with SPIN, and that each mutation of it is found.

usage: run_spin.py SHOOTDOWN_PML

Skipped (exit status 77) without spin or a C compiler.
"""
import os
import shutil
import subprocess
import sys
import tempfile

# What runs together; all of it at once has too many states.
RIGHT = [
    ('two vCPUs, a mover', ['-DDEVICE=0']),
    ('two vCPUs, a device', ['-DMOVER=0']),
    ('a vCPU, a device, a mover', ['-DRUN_VCPUS=1']),
    ('a busy vCPU, a device', ['-DRUN_VCPUS=1', '-DMOVER=0', '-DOPS=2']),
    ('a busy vCPU, a mover', ['-DRUN_VCPUS=1', '-DDEVICE=0', '-DOPS=2']),
    ('a busy vCPU, a busy mover',
     ['-DRUN_VCPUS=1', '-DDEVICE=0', '-DOPS=3', '-DAPART=1', '-DMOVES=2']),
]
WRONG = [
    ('no wait', ['-DBUG=1', '-DDEVICE=0']),
    ('RUNNING after the request is read',
     ['-DBUG=2', '-DRUN_VCPUS=1', '-DDEVICE=0', '-DOPS=2']),
    ('old translations after a wait', ['-DBUG=3', '-DOPS=2', '-DDEVICE=0']),
    ('marked before copies are over', ['-DBUG=4', '-DRUN_VCPUS=1']),
    ('waits without being parked', ['-DBUG=5', '-DDEVICE=0']),
    ('a new translation while it moves', ['-DBUG=6', '-DDEVICE=0']),
    ('an item that does not fit is lost',
     ['-DBUG=7', '-DRUN_VCPUS=1', '-DDEVICE=0', '-DOPS=3', '-DAPART=1',
      '-DMOVES=2']),
]
DEPTH = '-m100000'
TIMEOUT_S = 900


def errors(model, flags):
    """How many errors SPIN finds: 0 or 1; None: it was cut short."""
    with tempfile.TemporaryDirectory() as tmp:
        if not any(f.startswith('-DOPS') for f in flags):
            flags = flags + ['-DOPS=1']
        subprocess.run(['spin', '-a', *flags, model], cwd=tmp, check=True,
                       stdout=subprocess.DEVNULL)
        subprocess.run(['cc', '-w', '-O2', '-DSAFETY', '-DCOLLAPSE',
                        '-DMEMLIM=3000', '-o', 'pan', 'pan.c'], cwd=tmp,
                       check=True)
        out = subprocess.run(['./pan', DEPTH, '-n'], cwd=tmp, check=False,
                             timeout=TIMEOUT_S, stdout=subprocess.PIPE,
                             universal_newlines=True).stdout
    if 'error: max search depth' in out or 'out of memory' in out:
        return None
    for line in out.splitlines():
        if 'errors: ' in line:
            return int(line.split('errors: ')[1])
    return None


def main():
    if len(sys.argv) != 2 or sys.argv[1] in ('-h', '--help'):
        print(__doc__)
        return 0 if len(sys.argv) == 2 else 2
    if not shutil.which('spin') or not shutil.which('cc'):
        print('SKIP: spin or cc is not there')
        return 77
    model = os.path.abspath(sys.argv[1])
    failed = 0
    for cases, wanted in ((RIGHT, 0), (WRONG, 1)):
        for name, flags in cases:
            found = errors(model, flags)
            good = found == wanted
            failed += not good
            print(f'{"ok" if good else "FAILED"}: {name}: '
                  f'{"cut short" if found is None else found} errors, '
                  f'{wanted} wanted', flush=True)
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
