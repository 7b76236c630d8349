#!/usr/bin/env python3
"""Count results in Meson's test logs; one closing line for the CI.

usage: count.py STATUS LOG-DIR...
STATUS is the exit status so far: if it is not 0 and no test failed, something
else did (the build), which counts as one failure.
"""
import json
import pathlib
import sys

FAILED = {"FAIL", "TIMEOUT", "ERROR", "INTERRUPT", "UNEXPECTEDPASS"}


def main():
    passed = failed = skipped = 0
    names = []
    for folder in sys.argv[2:]:
        for log in sorted(pathlib.Path(folder).glob("testlog*.json")):
            for line in log.read_text(encoding="utf-8").splitlines():
                test = json.loads(line)
                if test["result"] in FAILED:
                    failed += 1
                    names.append(test["name"])
                elif test["result"] == "SKIP":
                    skipped += 1
                else:
                    passed += 1
    if sys.argv[1] != "0" and failed == 0 or passed + failed == 0:
        failed += 1
        names.append("build")
    for name in names:
        print("failed:", name)
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
