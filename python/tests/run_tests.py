#!/usr/bin/env python3
"""Run test files with pytest; exit status 77 (skipped) when it is missing.

usage: PYTHONPATH=build/python run_tests.py FILE...
"""
import sys

sys.dont_write_bytecode = True
try:
    import pytest
except ImportError:
    print("pytest not found")
    sys.exit(77)

if __name__ == "__main__":
    sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", "-W", "error",
                          *sys.argv[1:]]))
