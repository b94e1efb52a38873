# SPDX-License-Identifier: BSD-3-Clause
"""
The laboratory with an impairing wire (tests/impair): what real kernels and the gateway make of a bad path.

    client 203.0.113.100            the kernel's TCP; downloads and uploads
       | ext0 -- left
    wire                            impair: delay, rate, queue, loss, reordering, duplication, corruption
       | right -- ext      | right-peer -- ext
    gateway 203.0.113.10   peer 203.0.113.20      HAProxy on the kernel's TCP, beside the gateway on the same line
       | int -- int0       | int -- int1
    pool 10.0.0.13                  no impairment here, unless inside=True: then a second wire stands before int0
"""

import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import threading
import time

import payload
from lab import CLIENT4, GW4, ROOT, SERVERS, Lab, gateway_binary

PEER4, PEER_INNER4, PEER_ROUTER4 = "203.0.113.20", "10.0.1.10", "10.0.1.1"
HOST = "webext2.example.test"
POOL = "second"
SETTLED = 20  # seconds for a connection's last segments
TIME_WAIT, LISTEN = "06", "0A"
HAPROXY = """
global
    nbthread 1
    maxconn 200
defaults
    mode http
    timeout connect 10s
    timeout client 120s
    timeout server 120s
    timeout http-request 120s
frontend plain
    bind {address}:80
    default_backend pool
frontend tls
    bind {address}:443 ssl crt {pem}
    default_backend pool-tls
backend pool
    server pool {server}:8080
backend pool-tls
    server pool {server}:4443 ssl verify none
"""


def impair_binary():
    return os.environ.get("LYNCGATE_IMPAIR", str(ROOT / "build" / "tests" / "impair" / "impair"))


def congestion_controls():
    """The values that the gateway's listeners know; [] where it has just one that nobody chooses."""
    reference = subprocess.run([gateway_binary(), "--print-reference"], stdout=subprocess.PIPE, text=True,
                               timeout=20, check=True).stdout
    for line in reference.split("\n"):
        if line.startswith("| `congestion_control` |"):
            return [name for name in ("reno", "cubic", "bbr") if f"`{name}`" in line.split("|")[2]]
    return []


class Wire:
    """One run of the impairing wire: up is from the left to the right. `trace`: a file for a line per segment."""

    def __init__(self, lab, space, left, right, up, down, seed, trace=None):
        self.lab = lab
        options = ["--trace", trace] if trace else []
        self.process = lab.start("wire", space.command(
            impair_binary(), "--left", left, "--right", ",".join(right), "--seed", seed, "--up", up, "--down", down,
            *options))
        self.process.out.wait(lambda line: line == "ready", 10, self.process.out_begin, self.process.alive)

    def be_gentle(self):
        """No mishaps from now on: what is under way may come to its end."""
        self.process.send_signal(signal.SIGUSR1)

    def stop(self):
        """Returns what the wire did."""
        lines = self.process.out
        self.process.send_signal(signal.SIGTERM)
        self.process.wait_exit(10)
        text = lines.read()[self.process.out_begin:][-1]
        self.process.stop()
        self.lab.processes.remove(self.process)
        return json.loads(text)


class ImpairedLab(Lab):
    """`controls`: the congestion controls that the gateway shall have listeners for; all, when left out."""

    def __init__(self, name="lyncgate-wire", controls=None):
        super().__init__(name, pools={"main": [POOL]})
        self.wanted_controls = controls
        self.peer = self.outer = self.inner = None
        self.right, self.gateway_controls = [], []

    def build(self, inside=False, peer=True):
        self.client, self.gateway_space, self.inside, self.outer = (
            self._space(n) for n in ("client", "gw", "pool", "wire"))
        for space in self.spaces:
            self._silence(space)
        self._cable(self.client, "ext0", self.outer, "left")
        self._cable(self.gateway_space, "ext", self.outer, "right")
        self.right = ["right"]
        self._prepare_kernel(self.client)
        self._prepare_kernel(self.inside)
        self.client.ip("addr", "add", f"{CLIENT4}/24", "dev", "ext0")
        if inside:
            self.inner = self._space("inner")
            self._silence(self.inner)
            self._cable(self.inside, "int0", self.inner, "left")
            self._cable(self.gateway_space, "int", self.inner, "right")
        else:
            self._cable(self.inside, "int0", self.gateway_space, "int")
        self.inside.ip("addr", "add", "10.0.0.1/24", "dev", "int0")
        self.inside.ip("addr", "add", f"{SERVERS[POOL]}/24", "dev", "int0")
        if peer:
            self._build_peer()
        return self

    def _build_peer(self):
        self.peer = self._space("peer")
        self._silence(self.peer)
        self._prepare_kernel(self.peer)
        self._cable(self.peer, "ext", self.outer, "right-peer")
        self._cable(self.peer, "int", self.inside, "int1")
        self.right.append("right-peer")
        self.peer.ip("addr", "add", f"{PEER4}/24", "dev", "ext")
        self.peer.ip("addr", "add", f"{PEER_INNER4}/24", "dev", "int")
        self.inside.ip("addr", "add", f"{PEER_ROUTER4}/24", "dev", "int1")
        self.peer.ip("route", "add", "10.0.0.0/24", "via", PEER_ROUTER4)

    @staticmethod
    def _cable(space, end, other, other_end):
        """Frames as on a wire: whole checksums, no super-frames on either end."""
        space.ip("link", "add", end, "type", "veth", "peer", "name", other_end, "netns", other.name)
        for where, name in ((space, end), (other, other_end)):
            where.offloads_off(name, "tx", "tso", "gso", "gro")
            where.ip("link", "set", name, "up")

    @staticmethod
    def _prepare_kernel(space):
        """What one connection learned of the path must not help the next; and never the host's own choice."""
        sysctl(space, "net/ipv4/tcp_no_metrics_save", 1)
        sysctl(space, "net/ipv4/tcp_congestion_control", "reno")

    # -- the two proxies ------------------------------------------------------------------------

    def config(self, workers=1):
        """One plain and one TLS listener per congestion control: see gateway_port()."""
        config = super().config(workers)
        tls = config["listeners"]["https"]["tls"]
        chosen = [name for name in congestion_controls()
                  if self.wanted_controls is None or name in self.wanted_controls]
        self.gateway_controls = chosen or ["reno"]
        config["listeners"] = {}
        for i, name in enumerate(self.gateway_controls):
            choice = {"congestion_control": name} if chosen else {}
            config["listeners"][name] = {"bind": f"*:{80 + i}", **choice}
            config["listeners"][name + "-tls"] = {"bind": f"*:{443 + i}", "tls": tls, **choice}
        for port in config["ports"].values():
            port["addresses"] = [address for address in port["addresses"] if ":" not in address]
            port.pop("routes", None)
        del config["ports"]["external"]["gateway"]
        config["timeouts"]["connect"] = "30s"   # a few SYNs may be lost on the wire
        config["routes"] = [{"hosts": [HOST], "pool": POOL, "http": "forward"}]
        config["pools"] = {POOL: config["pools"][POOL]}
        if chosen:
            config["pools"][POOL]["congestion_control"] = chosen[0]
        return config

    def gateway_port(self, control=None, tls=False):
        """Where the gateway's TCP uses this congestion control; any, where it doesn't know it."""
        known = self.gateway_controls
        return (443 if tls else 80) + (known.index(control) if control in known else 0)

    def start_peer(self):
        binary = shutil.which("haproxy", path="/usr/sbin:/usr/bin")
        assert binary, "haproxy is missing: scripts/bench installs it"
        path, pem = self.folder / "haproxy.cfg", self.folder / "haproxy.pem"
        pem.write_text("".join(pathlib.Path(part).read_text() for part in self.certs.public["public"]))
        path.write_text(HAPROXY.format(address=PEER4, server=SERVERS[POOL], pem=pem))
        self.start("haproxy", self.peer.command(binary, "-db", "-f", path))
        deadline = time.monotonic() + 10
        while True:
            try:
                self.peer.connect(PEER4, 80, 1).close()
                return
            except OSError:
                assert time.monotonic() < deadline, self.logs()
                time.sleep(0.05)

    def peer_uses(self, name):
        """New connections of HAProxy use this congestion control. False: the kernel offers it not."""
        try:
            sysctl(self.peer, "net/ipv4/tcp_congestion_control", name)
        except OSError:
            return False
        return True

    def peer_congestion_control(self):
        """What `ss -i` says of HAProxy's connection to the client."""
        text = self.peer.run("ss", "-Htin", "state", "established", "src", PEER4)
        words = text.split()
        return next((name for name in ("reno", "bbr", "cubic") if name in words), None)

    # -- wires ----------------------------------------------------------------------------------

    def wire(self, up, down, seed, trace=None):
        """Between the clients and the proxies; up is what clients send."""
        return Wire(self, self.outer, "left", self.right, up, down, seed, trace)

    def inner_wire(self, up, down, seed):
        """Between the gateway and the pool; up is what the pool sends."""
        return Wire(self, self.inner, "left", ["right"], up, down, seed)

    def settle(self):
        """Until the client's connections have ended: their last segments don't meet the next wire."""
        deadline = time.monotonic() + SETTLED
        while open_sockets(self.client) and time.monotonic() < deadline:
            time.sleep(0.01)


def sysctl(space, name, value):
    with space.entered():
        pathlib.Path("/proc/sys", name).write_text(str(value))


def open_sockets(space):
    with space.entered():
        lines = pathlib.Path("/proc/thread-self/net/tcp").read_text().split("\n")[1:]
    return [line for line in lines if line and line.split()[3] not in (TIME_WAIT, LISTEN)]


class Transfer:
    """
    One connection, one request: download(size) or upload(size). Seconds are from the first SYN until the
    last octet (of the answer, for an upload). `tls`: an SSL context. `progress`: [(time, octets of the answer so far)].
    """

    def __init__(self, lab, address=GW4, port=80, congestion_control=None, tls=None, timeout=120):
        self.address, self.tls = (address, port), tls
        self.sock = lab.client.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.sock.settimeout(timeout)
        if congestion_control:
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, congestion_control.encode())
        self.congestion_control = self.sock.getsockopt(
            socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16).rstrip(b"\0").decode()
        self.began = threading.Event()  # the first octets of the answer are here
        self.done = threading.Event()  # its last are; what follows is the connection's end
        self.progress, self.whole, self.seconds = [], False, None
        self.status, self.body = None, b""

    def _connect(self):
        self.begin = time.monotonic()
        self.sock.connect(self.address)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.tls:
            self.sock = self.tls.wrap_socket(self.sock, server_hostname=HOST, suppress_ragged_eofs=True)

    def _answer(self):
        """Reads until the peer's FIN; the body's end stops the time."""
        parts, length, expected = [], 0, None
        while data := self.sock.recv(262144):
            parts.append(data)
            length += len(data)
            self.progress.append((time.monotonic(), length))
            if expected is None and b"\r\n\r\n" in (so_far := b"".join(parts)):
                head = so_far.split(b"\r\n\r\n")[0].decode("latin-1")
                self.status = int(head.split(" ")[1])
                expected = len(head) + 4 + int(head.lower().split("content-length:")[1].split("\r\n")[0])
                self.began.set()
            if length == expected:
                self.seconds = time.monotonic() - self.begin
                self.done.set()
        self.body = b"".join(parts).partition(b"\r\n\r\n")[2]

    def _exchange(self, request):
        try:
            self._connect()
            self.sock.sendall(request)
            self._answer()
        finally:
            self.sock.close()

    def download(self, size):
        self._exchange(f"GET /size/{size} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode())
        self.whole = self.status == 200 and self.body == payload.data(size)
        return self

    def upload(self, size):
        self._exchange(f"POST /upload HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n"
                       f"Content-Length: {size}\r\n\r\n".encode() + payload.data(size))
        self.whole = self.status == 200 and json.loads(self.body)["body_sha256"] == payload.sha256(size)
        return self
