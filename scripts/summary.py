# SPDX-License-Identifier: BSD-3-Clause
"""
Adds up the results of all suites. Arguments: NAME=KIND:FILE:STATUS for each suite that was to run, KIND meson
(testlog.json), pytest (junit.xml) or step (no file: the status alone). The last line is the count; the exit
status is 0 only when nothing failed and every suite ran.
"""

import json
import re
import sys
import xml.etree.ElementTree as ET

PASSED, FAILED, SKIPPED = range(3)


def of_meson(path):
    """Each cmocka case counts; a program that doesn't say how many it ran counts as one."""
    counts = [0, 0, 0]
    with open(path, encoding="utf-8") as log:
        for line in log:
            test = json.loads(line)
            text = test.get("stdout", "") + test.get("stderr", "")
            good = sum(int(n) for n in re.findall(r"^\[  PASSED  \] (\d+) test", text, re.M))
            bad = sum(int(n) for n in re.findall(r"^\[  FAILED  \] (\d+) test", text, re.M))
            skipped = sum(int(n) for n in re.findall(r"^\[  SKIPPED \] (\d+) test", text, re.M))
            result = test["result"]
            if result in ("OK", "EXPECTEDFAIL"):
                counts[PASSED] += max(good, 0 if skipped else 1)
                counts[SKIPPED] += skipped
            elif result == "SKIP":
                counts[SKIPPED] += 1
            else:
                counts[PASSED] += good
                counts[FAILED] += max(bad, 1)
    return counts


def of_pytest(path):
    counts = [0, 0, 0]
    for suite in ET.parse(path).getroot().iter("testsuite"):
        bad = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        skipped = int(suite.get("skipped", 0))
        counts[FAILED] += bad
        counts[SKIPPED] += skipped
        counts[PASSED] += max(0, int(suite.get("tests", 0)) - bad - skipped)
    return counts


def count(kind, path, status):
    if kind == "step":
        return [0, 0, 0] if status == 0 else [0, 1, 0]
    try:
        counts = {"meson": of_meson, "pytest": of_pytest}[kind](path)
    except (OSError, ValueError, ET.ParseError):
        counts = [0, 0, 0]
    # A suite that ran nothing, or ended badly without naming a failed test, is a failure itself.
    if sum(counts) == 0 or (status != 0 and counts[FAILED] == 0):
        counts[FAILED] += 1
    return counts


def main():
    total = [0, 0, 0]
    for argument in sys.argv[1:]:
        name, _, rest = argument.partition("=")
        kind, path, status = rest.split(":")
        counts = count(kind, path, int(status))
        total = [a + b for a, b in zip(total, counts)]
        words = "done" if kind == "step" and not counts[FAILED] else "{} passed, {} failed, {} skipped".format(*counts)
        print(f"  {name:<16} {words}")
    print("{} passed, {} failed, {} skipped".format(*total))
    return 0 if total[FAILED] == 0 and total[PASSED] > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
