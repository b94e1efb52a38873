# SPDX-License-Identifier: BSD-3-Clause
"""Child processes whose output goes to files, and waiting for lines in files without polling."""

import ctypes
import os
import pathlib
import select
import signal
import subprocess
import time

LIBC = ctypes.CDLL(None, use_errno=True)
IN_MODIFY = 0x2
PR_SET_PDEATHSIG = 1


class Timeout(AssertionError):
    pass


class Tail:
    """The lines of a file that grows; wait() sleeps in the kernel (inotify) until it does."""

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.path.touch()
        self._file = open(self.path, encoding="utf-8", errors="replace")
        self._notify = LIBC.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._notify < 0 or LIBC.inotify_add_watch(self._notify, str(self.path).encode(), IN_MODIFY) < 0:
            raise OSError(ctypes.get_errno(), "inotify")
        self._rest = ""
        self.lines = []

    def read(self):
        """Takes in what was appended; returns all lines so far."""
        self._rest += self._file.read()
        *whole, self._rest = self._rest.split("\n")
        self.lines += whole
        return self.lines

    def mark(self):
        """Where the file ends now: pass it to wait() to see only what comes after."""
        return len(self.read())

    def wait(self, match, timeout=10.0, since=0, alive=None):
        """The first line from index `since` on for which match(line); Timeout after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        at = since
        while True:
            lines = self.read()
            while at < len(lines):
                if match(lines[at]):
                    return lines[at]
                at += 1
            left = deadline - time.monotonic()
            if alive and not alive():
                raise Timeout(f"{self.path.name}: the process ended; last lines:\n" + "\n".join(lines[-15:]))
            if left <= 0:
                raise Timeout(f"{self.path.name}: waited {timeout} s; last lines:\n" + "\n".join(lines[-15:]))
            # Half a second at most: the end of the process modifies no file.
            if select.select([self._notify], [], [], min(left, 0.5))[0]:
                os.read(self._notify, 65536)

    def close(self):
        self._file.close()
        os.close(self._notify)


def _die_with_parent():
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Process:
    """
    A program with its output in NAME.out and NAME.err of `folder`. It gets SIGKILL when we die, unless `detached`.
    """

    def __init__(self, name, command, folder, detached=False, env=None):
        self.name = name
        self.out_path = pathlib.Path(folder) / (name + ".out")
        self.err_path = pathlib.Path(folder) / (name + ".err")
        with open(self.out_path, "ab") as out, open(self.err_path, "ab") as err:
            self.out, self.err = Tail(self.out_path), Tail(self.err_path)
            # Where this run's lines begin, when an earlier run of the same name wrote before.
            self.out_begin, self.err_begin = self.out.mark(), self.err.mark()
            self.child = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=out,
                                          stderr=err, env=env, start_new_session=detached,
                                          preexec_fn=None if detached else _die_with_parent)
        self.pid = self.child.pid

    def alive(self):
        return self.child.poll() is None

    def wait_exit(self, timeout):
        try:
            return self.child.wait(timeout)
        except subprocess.TimeoutExpired:
            raise Timeout(f"{self.name} still runs after {timeout} s") from None

    def send_signal(self, number):
        if self.alive():
            self.child.send_signal(number)

    def stop(self, timeout=10, first=signal.SIGTERM):
        """Ends it, politely at first. Returns the exit status, negative for a signal."""
        self.send_signal(first)
        try:
            status = self.child.wait(timeout)
        except subprocess.TimeoutExpired:
            self.child.kill()
            status = self.child.wait(10)
        self.out.close()
        self.err.close()
        return status

    def memory(self, field="VmRSS"):
        """Bytes of VmRSS, or of VmHWM, the most it ever was."""
        with open(f"/proc/{self.pid}/status", encoding="ascii") as status:
            for line in status:
                if line.startswith(field + ":"):
                    return int(line.split()[1]) * 1024
        raise KeyError(field)
