#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""
What one segment costs lib/tcp, honest ones and the worst of attackers; see cost.c.

    scripts/bench cost
"""

import os
import pathlib
import sys

PROGRAM = pathlib.Path(__file__).resolve().parents[2] / "build" / "tests" / "bench" / "cost"

if __name__ == "__main__":
    if len(sys.argv) > 1:
        sys.exit(__doc__)
    os.execv(PROGRAM, [str(PROGRAM)])
