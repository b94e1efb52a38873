# SPDX-License-Identifier: BSD-3-Clause
"""Plants bugs in a copy of the tree and runs unit tests and simulators on each. See scripts/mutate."""
import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LIST = os.path.join(ROOT, "tests/mutation/mutations.txt")
# Unit tests that may notice a bug of a room: its own first, then those of rooms that build on it.
USERS = {"tcp": ["tcp", "proxy"], "flow": ["flow", "tcp"], "net": ["net"], "proxy": ["proxy"]}
SIMULATORS = {"tcp": ["sim_tcp", "sim_gateway"], "flow": ["sim_tcp", "sim_gateway"],
              "net": ["sim_gateway"], "proxy": ["sim_gateway"]}
UNIT_LIMIT, SIM_LIMIT, BUILD_LIMIT = 120, 300, 1200  # seconds; what hangs is found, too


def read_list(path):
    """The entries of the list, each a dict with the lines to take out and to put in."""
    entries, entry = [], None
    with open(path, encoding="utf-8") as source:
        for number, line in enumerate(source, 1):
            line = line.rstrip("\n")
            key, _, value = line.partition(":")
            if line.startswith("#") or not line.strip():
                continue
            if key == "name":
                entry = {"name": value.strip(), "old": [], "new": [], "equivalent": ""}
                entries.append(entry)
            elif line[0] == "-":
                entry["old"].append(line[1:].strip())
            elif line[0] == "+":
                entry["new"].append(line[1:].strip())
            elif key in ("rule", "file", "equivalent"):
                entry[key] = value.strip()
            else:
                sys.exit(f"{path}:{number}: {line}")
    return entries


def apply(text, entry):
    """The mutated text, or None when the old lines are not there exactly once."""
    lines = text.split("\n")
    old = entry["old"]
    places = [i for i in range(len(lines) - len(old) + 1)
              if [line.strip() for line in lines[i:i + len(old)]] == old]
    if len(places) != 1:
        return None
    at = places[0]
    indent = re.match(r"\s*", lines[at]).group()
    lines[at:at + len(old)] = [indent + line for line in entry["new"]]
    return "\n".join(lines)


def load(tree, name):
    with open(os.path.join(tree, name), encoding="utf-8") as source:
        return source.read()


def store(tree, name, text):
    with open(os.path.join(tree, name), "w", encoding="utf-8") as target:
        target.write(text)


def copy_tree(target):
    """What git knows or would know of the checkout, as it is now."""
    names = subprocess.run(["git", "ls-files", "-z", "-c", "-o", "--exclude-standard"], cwd=ROOT,
                           check=True, stdout=subprocess.PIPE).stdout.decode().split("\0")
    for name in filter(None, names):
        if os.path.isfile(os.path.join(ROOT, name)):
            os.makedirs(os.path.dirname(os.path.join(target, name)), exist_ok=True)
            shutil.copy2(os.path.join(ROOT, name), os.path.join(target, name))


def run(command, folder, limit):
    """Exit status and output; 124 after `limit` seconds, with everything it has started."""
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               start_new_session=True)
    try:
        out, _ = process.communicate(timeout=limit)
        return process.returncode, out.decode(errors="replace")
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)
        process.communicate()
        return 124, ""


class Tests:
    """The programs of the copy: built when they are needed, run until the first fails."""

    def __init__(self, tree, seeds):
        self.build = os.path.join(tree, "build")
        self.seeds = str(seeds)
        options = ["-Db_lto=false", "-Dwerror=false", "-Doptimization=1"]
        status, out = run(["meson", "setup", "build", *options], tree, BUILD_LIMIT)
        if status != 0:
            sys.exit(out)
        listing = subprocess.run(["meson", "introspect", "build", "--tests"], cwd=tree, check=True,
                                 stdout=subprocess.PIPE).stdout
        self.unit = {}
        for test in json.loads(listing):
            if "unit" in [suite.rpartition(":")[2] for suite in test["suite"]]:
                self.unit[test["name"]] = test["cmd"][0]

    def stages(self, room):
        """(name, program, arguments, limit) in the order in which they are tried."""
        names = [name for user in USERS[room] for name in self.unit if name.startswith(user + "-")]
        for name in names:
            yield name, self.unit[name], [], UNIT_LIMIT
        for name in SIMULATORS[room]:
            yield name, os.path.join(self.build, "tests/sim", name), ["--seeds", self.seeds], SIM_LIMIT

    def make(self, programs):
        targets = [os.path.relpath(program, self.build) for program in programs]
        return run(["ninja", "-C", self.build, *targets], self.build, BUILD_LIMIT)

    def find(self, room):
        """Which test fails, in words; '' when none does."""
        stages = list(self.stages(room))
        for user in USERS[room] + SIMULATORS[room]:
            mine = [stage for stage in stages if stage[0] == user or stage[0].startswith(user + "-")]
            status, out = self.make([program for _, program, _, _ in mine])
            if status != 0:
                return f"does not build: {first_error(out)}"
            for name, program, arguments, limit in mine:
                status, out = run([program, *arguments], self.build, limit)
                if status != 0:
                    return f"{name}: {reason(status, out)}"
        return ""


def first_error(out):
    match = re.search(r"error: .*", out)
    return match.group() if match else "?"


def reason(status, out):
    """The test case or the seed that found it."""
    match = re.search(r"^(?:replay: \S+ --seed (\d+)|\[  FAILED  \] (\w+)$)", out, re.MULTILINE)
    if match and match.group(1):
        said = re.search(r"^seed \d+ at [\d.]+: (.*)", out, re.MULTILINE)
        return f"seed {match.group(1)}" + (f", {said.group(1)[:60]}" if said else "")
    if match:
        return match.group(2)
    if status == 124:
        return "hangs"
    return f"signal {-status}" if status < 0 else f"exit status {status}"


def room_of(entry):
    return entry["file"].split("/")[1]


def check(entries):
    """Entries whose lines are no longer in the sources."""
    return [entry["name"] for entry in entries if apply(load(ROOT, entry["file"]), entry) is None]


def mutate(entries, seeds, tree):
    copy_tree(tree)
    tests = Tests(tree, seeds)
    for room in sorted({room_of(entry) for entry in entries}):
        found = tests.find(room)
        if found:
            sys.exit(f"without any mutation: {found}")
    survivors = []
    for entry in entries:
        begin = time.monotonic()
        original = load(tree, entry["file"])
        store(tree, entry["file"], apply(original, entry))
        found = tests.find(room_of(entry))
        store(tree, entry["file"], original)
        if not found or found.startswith("does not build"):
            if not entry["equivalent"] or found:
                survivors.append(entry["name"])
            found = found or ("survives: equivalent" if entry["equivalent"] else "SURVIVED")
        print(f"{entry['name']:<40} {found:<78.78} {time.monotonic() - begin:4.0f} s", flush=True)
    return survivors


def main():
    parser = argparse.ArgumentParser(prog="scripts/mutate")
    parser.add_argument("--only", default="", metavar="TEXT")
    parser.add_argument("--seeds", type=int, default=300)
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    entries = [entry for entry in read_list(LIST) if args.only in entry["name"] + entry["file"]]
    stale = check(entries)
    if stale or args.check:
        print(f"{len(entries)} mutations, {len(stale)} do not apply: {' '.join(stale)}")
        return 1 if stale else 0
    with tempfile.TemporaryDirectory(prefix="lyncgate-mutate-") as tree:
        survivors = mutate(entries, args.seeds, tree)
    print(f"{len(entries)} mutations, {len(entries) - len(survivors)} found or equivalent, "
          f"{len(survivors)} survived {' '.join(survivors)}")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
