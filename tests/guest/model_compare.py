#!/usr/bin/env python3
"""Guests under the ccNUMA model do what they do without it.

usage: model_compare.py DISCO_RUN KIND GUEST...
KIND: "same": one vCPU and no timer, so the console and the number of
instructions are the same; "console": only the exit status and the last line
are, since time is another.  Each run is made twice, and takes the same
modelled cycles; every ledger's sum is its CPU's time.
"""
import json
import os
import subprocess
import sys
import tempfile


def run(disco_run, guest, options, folder):
    stats = os.path.join(folder, "stats.json")
    result = subprocess.run(
        [disco_run, "--quiet", "--deterministic", "--stats", stats, *options,
         guest], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False)
    with open(stats, encoding="utf-8") as file:
        return result.returncode, result.stdout, json.load(file)


def insns(stats):
    return [cpu["insns"] for vm in stats["vms"] for cpu in vm["vcpus"]]


def ledger_error(stats):
    for number, cpu in enumerate(stats["model"]["cpus"]):
        if sum(cpu["ledger"].values()) != cpu["cycles"]:
            return f"CPU {number}: the ledger's sum is not its cycles"
    return None


def compare(disco_run, kind, guest, folder):
    """What is wrong, or None."""
    options = [] if kind == "same" else ["--cpus", "4", "--nodes", "2"]
    model = options + ["--model", "ccnuma,l2=16K"]
    plain = run(disco_run, guest, options, folder)
    first = run(disco_run, guest, model, folder)
    second = run(disco_run, guest, model, folder)
    if plain[0] != first[0]:
        return f"exit status {plain[0]}, {first[0]} under the model"
    if first[1] != second[1] or first[2]["model"] != second[2]["model"] or \
            insns(first[2]) != insns(second[2]):
        return "it does not repeat"
    if ledger_error(first[2]):
        return ledger_error(first[2])
    if kind == "console":
        if plain[1].splitlines()[-1:] != first[1].splitlines()[-1:]:
            return f"{plain[1][-200:]!r}, but {first[1][-200:]!r}"
        return None
    if plain[1] != first[1]:
        return f"{plain[1]!r}, but {first[1]!r} under the model"
    if insns(plain[2]) != insns(first[2]):
        return f"{insns(plain[2])} instructions, but {insns(first[2])}"
    if first[2]["model"]["cycles"] <= insns(first[2])[0]:
        return "no access took time"
    return None


def main():
    disco_run, kind, guests = sys.argv[1], sys.argv[2], sys.argv[3:]
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        for guest in guests:
            wrong = compare(disco_run, kind, guest, folder)
            print(f"{os.path.basename(guest)}: {wrong or 'ok'}")
            bad += wrong is not None
    return bad


if __name__ == "__main__":
    sys.exit(main())
