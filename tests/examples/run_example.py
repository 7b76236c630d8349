"""Run an example program and compare all it prints.

usage: run_example.py PROGRAM EXPECTED_LINE...
"""

import subprocess
import sys


def main():
    expected = "".join(line + "\n" for line in sys.argv[2:])
    result = subprocess.run([sys.argv[1]], stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            text=True, timeout=60, check=False)
    if result.returncode or result.stdout != expected or result.stderr:
        print("exit status", result.returncode)
        print("stdout:", repr(result.stdout))
        print("wanted:", repr(expected))
        print("stderr:", repr(result.stderr))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
