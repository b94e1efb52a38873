# SPDX-License-Identifier: BSD-3-Clause
"""
Checks tests/rfc9293.md: every requirement of RFC 9293 has exactly one row, every row names a test or says why there
is none, and every file and test that is named exists and runs.
"""

import re
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parent
REQUIREMENTS = {"MUST": 69, "SHLD": 31, "MAY": 18, "REC": 1}
REFERENCE = re.compile(r"([\w/]+\.(?:c|py))::(\w+)")
SOURCE = re.compile(r"lib/[\w/]+\.[ch]")
REGISTERED = r"(?:cmocka_unit_test\w*|WORLD_TEST)\(\s*{}\b"


def rows(text):
    """The cells of each row of each table, without heads and rulers."""
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("|") and not line.startswith(("| id |", "| RFC |", "|---")):
            yield number, [cell.strip() for cell in line.strip("|").split("|")]


def runs(path, name):
    """True when the file registers a test of that name."""
    source = path.read_text(encoding="utf-8")
    pattern = REGISTERED.format(name) if path.suffix == ".c" else rf"^def {name}\("
    return re.search(pattern, source, re.MULTILINE) is not None


def wrong_reference(path, name):
    if not (TESTS / path).is_file():
        return f"there is no tests/{path}"
    if not runs(TESTS / path, name):
        return f"tests/{path} has no test {name}"
    return None


def wrong_row(cells):
    if len(cells) != 4:
        yield f"{len(cells)} cells instead of 4"
        return
    references = REFERENCE.findall(cells[3])
    if not references and not re.match(r"(deviation|not applicable): \w", cells[3]):
        yield "neither a test nor a reason why there is none"
    yield from filter(None, (wrong_reference(*reference) for reference in references))
    for source in SOURCE.findall(cells[2]):
        if not (TESTS.parent / source).is_file():
            yield f"there is no {source}"


def wrong_ids(ids):
    expected = [f"{kind}-{n}" for kind, most in REQUIREMENTS.items() for n in range(1, most + 1)]
    for name in expected:
        if ids.count(name) != 1:
            yield f"{name} has {ids.count(name)} rows"
    yield from (f"{name} is no requirement" for name in ids if name not in expected)


def main():
    text = (TESTS / "rfc9293.md").read_text(encoding="utf-8")
    wrong, ids = [], []
    for number, cells in rows(text):
        if re.match(r"[A-Z]+-\d+$", cells[0]):
            ids.append(cells[0])
        wrong += [f"line {number}: {cells[0]}: {what}" for what in wrong_row(cells)]
    wrong += wrong_ids(ids)
    print("\n".join(wrong) or f"{len(ids)} requirements, {len(REFERENCE.findall(text))} references to tests: complete")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
