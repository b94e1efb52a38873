# SPDX-License-Identifier: BSD-3-Clause
"""
pytest that takes its laboratories down however it is ended: Ctrl-C, SIGTERM, the end of scripts/test, too much time.
Arguments: the folder of the tests, the most seconds they may take, pytest's own arguments.
"""

import ctypes
import os
import signal
import sys

import pytest

PR_SET_PDEATHSIG = 1
LAST_WORDS = 60  # seconds for taking down


def end(number, _frame):
    if number == signal.SIGALRM:
        print("\nout of time: ending the tests", flush=True)
    for other in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(other, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(LAST_WORDS)
    raise KeyboardInterrupt


def main():
    folder, limit, *arguments = sys.argv[1:]
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM):
        signal.signal(number, end)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    signal.alarm(int(limit))
    os.chdir(folder)
    sys.path[0] = os.getcwd()
    return pytest.main(arguments)


if __name__ == "__main__":
    sys.exit(main())
