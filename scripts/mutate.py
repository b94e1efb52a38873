# SPDX-License-Identifier: BSD-3-Clause
"""Plants bugs in a copy of the tree and runs unit tests and simulators on each. See scripts/mutate."""
import argparse
import concurrent.futures
import json
import os
import queue
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LIST = os.path.join(ROOT, "tests/mutation/mutations.txt")
TABLE = os.path.join(ROOT, "tests/mutation/README.md")
# Unit tests that may notice a bug of a room: its own first, then those of rooms that build on it.
USERS = {"tcp": ["tcp", "proxy"], "flow": ["flow", "tcp"], "net": ["net"], "proxy": ["proxy"]}
SIMULATORS = {"tcp": ["sim_tcp", "sim_gateway"], "flow": ["sim_tcp", "sim_gateway"],
              "net": ["sim_gateway"], "proxy": ["sim_gateway"]}
UNIT_LIMIT, SIM_LIMIT, BUILD_LIMIT = 120, 300, 1200  # seconds; what hangs is found, too
SURVIVES = "**survives**"
EQUIVALENT = "survives, equivalent: "

# ---- the list ----------------------------------------------------------------------------------


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
    if len(places) != 1 or entry["new"] == old:
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


def room_of(entry):
    return entry["file"].split("/")[1]


def stale_entries(entries):
    """Entries whose lines are no longer in the sources."""
    return [entry["name"] for entry in entries
            if not os.path.isfile(os.path.join(ROOT, entry["file"]))
            or apply(load(ROOT, entry["file"]), entry) is None]


def check(entries):
    """What is wrong with the list and its table, one line each."""
    names = [entry["name"] for entry in entries]
    rows = read_table()
    wrong = [f"{name}: does not apply to the sources" for name in stale_entries(entries)]
    wrong += [f"{name}: there are two of that name" for name in sorted(set(names))
              if names.count(name) > 1]
    wrong += [f"{name}: in the table, but not in the list" for name in rows if name not in names]
    return wrong


# ---- the table ---------------------------------------------------------------------------------

HEAD = """# Planted bugs, and who finds them

Written by `scripts/mutate --write`; [`mutations.txt`](mutations.txt) has the bugs themselves. Each is
planted alone in a copy of the tree. Then the unit tests of its room and of those that build on it run
(`tests/unit`) and, where they let it live, {seeds} random worlds of each simulator (`tests/sim`), until
something fails. `scripts/lint`, and so `scripts/test`, checks that all of them still apply to the sources;
after a change of the list, `scripts/mutate --missed --write` tries what is new.

{count} planted: {killed} found ({unit} by a unit test, {sim} by a simulator only), {equivalent} equivalent
(nobody could see a difference), {survivors} not found. The seconds are those of two busy processors,
{minutes} minutes together; two bugs are tried at a time, after some minutes of building.

| bug | in | the rule that it breaks | found by | s |
|---|---|---|---|---|
"""


def read_table():
    """What the last runs have found: name -> [found by, seconds]."""
    rows = {}
    if not os.path.isfile(TABLE):
        return rows
    for line in load(ROOT, TABLE).split("\n"):
        cells = [cell.strip() for cell in line.split(" | ")]
        if len(cells) == 5 and cells[0].startswith("| `"):
            rows[cells[0].strip("| `")] = [cells[3], cells[4].strip("| ")]
    return rows


def write_row(name, row, seeds):
    """One result goes to the table at once: whoever interrupts a long run keeps the rest."""
    entries, rows = read_list(LIST), read_table()
    rows[name] = row
    rows = {entry["name"]: rows[entry["name"]] for entry in entries if entry["name"] in rows}
    found = [row[0] for row in rows.values()]
    survivors = sum(what == SURVIVES for what in found)
    equivalent = sum(what.startswith(EQUIVALENT) for what in found)
    sim = sum(what.startswith("sim_") for what in found)
    killed = len(found) - survivors - equivalent
    text = HEAD.format(seeds=seeds, count=len(found), killed=killed, unit=killed - sim, sim=sim,
                       equivalent=equivalent, survivors=survivors,
                       minutes=round(sum(int(row[1]) for row in rows.values()) / 60))
    for entry in entries:
        if entry["name"] in rows:
            cells = [f"`{entry['name']}`", entry["file"].removeprefix("lib/"),
                     entry["rule"].replace("|", "\\|"), *rows[entry["name"]]]
            text += "| " + " | ".join(cells) + " |\n"
    store(ROOT, TABLE, text)


# ---- running -----------------------------------------------------------------------------------


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
    """The programs of a copy: built when they are needed, run until the first fails."""

    def __init__(self, tree, seeds):
        self.tree = tree
        self.build = os.path.join(tree, "build")
        self.seeds = str(seeds)
        self.broken = set()  # fail without any mutation: they find nothing
        options = ["-Db_lto=false", "-Dwerror=false", "-Doptimization=1", "-Ddebug=false"]
        status, out = run(["meson", "setup", "build", *options], tree, BUILD_LIMIT)
        if status != 0:
            sys.exit(out)
        listing = subprocess.run(["meson", "introspect", "build", "--tests"], cwd=tree, check=True,
                                 stdout=subprocess.PIPE).stdout
        self.unit = {}
        for test in json.loads(listing):
            if "unit" in [suite.rpartition(":")[2] for suite in test["suite"]]:
                self.unit[test["name"]] = os.path.relpath(test["cmd"][0], self.build)

    def twin(self, tree):
        """The same programs in a copy of the copy: what is built stays built."""
        shutil.copytree(self.tree, tree, symlinks=True)
        twin = Tests.__new__(Tests)
        twin.__dict__.update(self.__dict__)
        twin.tree, twin.build = tree, os.path.join(tree, "build")
        return twin

    def stages(self, room, first):
        """(name, program, arguments, limit) in the order in which they are tried."""
        names = [name for user in USERS[room] for name in self.unit if name.startswith(user + "-")]
        names.sort(key=lambda name: first.index(name) if name in first else len(first))
        for name in names:
            yield name, self.unit[name], [], UNIT_LIMIT
        for name in SIMULATORS[room]:
            yield name, f"tests/sim/{name}", ["--seeds", self.seeds], SIM_LIMIT

    def leave_out_broken(self, room):
        """Builds all; prints and remembers what fails without any mutation."""
        run(["ninja", *[program for _, program, _, _ in self.stages(room, [])]], self.build,
            BUILD_LIMIT)
        while found := self.find(room, []):
            name = found.partition(":")[0]
            print(f"without any mutation {found}: left out", flush=True)
            if name not in [stage[0] for stage in self.stages(room, [])]:
                sys.exit(1)
            self.broken.add(name)

    def find(self, room, first):
        """Which test fails, in words; '' when none does. `first`: tests that are tried first."""
        for name, program, arguments, limit in self.stages(room, first):
            if name in self.broken:
                continue
            status, out = run(["ninja", program], self.build, BUILD_LIMIT)
            if status != 0:
                return f"does not build: {first_error(out)}"
            status, out = run([os.path.join(self.build, program), *arguments], self.build, limit)
            if status != 0:
                return f"{name}: {reason(status, out)}"
        return ""

    def judge(self, entry, first):
        """What the table says of this one: found by, seconds."""
        begin = time.monotonic()
        original = load(self.tree, entry["file"])
        store(self.tree, entry["file"], apply(original, entry))
        found = self.find(room_of(entry), first)
        store(self.tree, entry["file"], original)
        if not found:
            found = EQUIVALENT + entry["equivalent"] if entry["equivalent"] else SURVIVES
        took = round(time.monotonic() - begin)
        found = found.replace("|", "/")  # it becomes a cell of the table
        print(f"{entry['name']:<40} {found:<78.78} {took:4} s", flush=True)
        return [found, str(took)]


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


def likely(entry, rows):
    """Tests that will find this one if any does: who did last time, and that of its own file."""
    last = rows.get(entry["name"], [""])[0].partition(":")[0]
    stem = os.path.basename(entry["file"]).removesuffix(".c").removeprefix("cc_")
    return [last, f"{room_of(entry)}-{stem}"]


def make_workers(tree, jobs, rooms, seeds):
    """As many copies of the tree as there are jobs, with everything built that will run."""
    copy_tree(os.path.join(tree, "0"))
    tests = Tests(os.path.join(tree, "0"), seeds)
    for room in rooms:
        tests.leave_out_broken(room)
    return [tests] + [tests.twin(os.path.join(tree, str(i))) for i in range(1, jobs)]


def mutate(entries, args):
    """Judges all entries; True when each was found and nothing was broken before."""
    rows, writing = read_table(), threading.Lock()
    with tempfile.TemporaryDirectory(prefix="lyncgate-mutate-") as tree:
        workers = make_workers(tree, args.jobs, sorted({room_of(entry) for entry in entries}),
                               args.seeds)
        idle = queue.SimpleQueue()
        for worker in workers:
            idle.put(worker)

        def judge(entry):
            worker = idle.get()
            try:
                row = worker.judge(entry, likely(entry, rows))
            finally:
                idle.put(worker)
            with writing:
                if args.write:
                    write_row(entry["name"], row, args.seeds)
            return row[0]

        with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
            results = dict(zip([entry["name"] for entry in entries], pool.map(judge, entries)))
    missed = [name for name, found in results.items()
              if found == SURVIVES or found.startswith("does not build")]
    print(f"{len(entries)} mutations; not found, or broken without any: "
          f"{' '.join(missed + sorted(workers[0].broken)) or 'none'}")
    return not missed and not workers[0].broken


def main():
    parser = argparse.ArgumentParser(prog="scripts/mutate")
    parser.add_argument("--only", default="", metavar="REGEX")
    parser.add_argument("--seeds", type=int, default=150)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--missed", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    known = read_list(LIST)
    if args.check:
        wrong, rows = check(known), read_table()
        untried = sum(entry["name"] not in rows for entry in known)
        print(f"{len(known)} mutations: {'; '.join(wrong) or 'all apply'}"
              + (f"; {untried} not tried yet, see scripts/mutate --missed --write" if untried else ""))
        return 1 if wrong else 0
    rows = read_table() if args.missed else {}
    entries = [entry for entry in known if re.search(args.only, entry["name"] + " " + entry["file"])
               and rows.get(entry["name"], [SURVIVES])[0] == SURVIVES]
    stale = stale_entries(entries)
    if stale:
        sys.exit(f"do not apply: {' '.join(stale)}")
    return 0 if mutate(entries, args) else 1


if __name__ == "__main__":
    sys.exit(main())
