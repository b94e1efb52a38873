# SPDX-License-Identifier: BSD-3-Clause
"""Network namespaces and what is done inside them."""

import contextlib
import ctypes
import json
import os
import socket
import subprocess

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000


def sh(*command, check=True):
    result = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            text=True, timeout=60, check=False)
    if check and result.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))}: {result.stderr.strip() or result.returncode}")
    return result.stdout


class Namespace:
    def __init__(self, name):
        self.name = name
        sh("ip", "netns", "add", name)
        self.ip("link", "set", "lo", "up")

    def delete(self):
        sh("ip", "netns", "del", self.name, check=False)

    def ip(self, *words):
        return sh("ip", "-n", self.name, *words)

    def ip_json(self, *words):
        return json.loads(self.ip("-j", *words) or "[]")

    def command(self, *words):
        """The words of a command line that runs `words` inside."""
        return ["ip", "netns", "exec", self.name, *words]

    def run(self, *words):
        return sh(*self.command(*words))

    @contextlib.contextmanager
    def entered(self):
        """The calling thread is inside: sockets made now stay there."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        there = os.open("/run/netns/" + self.name, os.O_RDONLY | os.O_CLOEXEC)
        try:
            self._setns(there)
            try:
                yield
            finally:
                self._setns(home)
        finally:
            os.close(home)
            os.close(there)

    @staticmethod
    def _setns(fd):
        if LIBC.setns(fd, CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")

    def socket(self, *args):
        with self.entered():
            return socket.socket(*args)

    def connect(self, address, port, timeout=10, source=None):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        sock = self.socket(family, socket.SOCK_STREAM)
        try:
            sock.settimeout(timeout)
            if source:
                sock.bind((source, 0))
            sock.connect((address, port))
        except OSError:
            sock.close()
            raise
        return sock

    def offloads_off(self, interface, *features):
        for feature in features:
            self.run("ethtool", "-K", interface, feature, "off")

    def mac(self, interface):
        return self.ip_json("link", "show", interface)[0]["address"]
