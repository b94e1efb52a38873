# SPDX-License-Identifier: BSD-3-Clause
"""
The soak: the real gateway under mixed traffic of real kernel clients, with packets lost, late and doubled on both
sides, for as long as wanted. Each body that passes is compared with what it must be. Then traffic ends, and every gauge
must be where it was before: what isn't is named, and the exit status is 1.

    scripts/soak [--minutes 30] [--clients 12] [--path loss=1%,...] [--seed N]
"""

import argparse
import collections
import hashlib
import pathlib
import random
import socket
import ssl
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "e2e"), str(ROOT / "tests" / "pool")]

import payload  # noqa: E402
from client import Closed, Conn, tls_client_context  # noqa: E402
from impaired import ImpairedLab, Wire  # noqa: E402
from lab import GW4, GW4_SECOND, GW6, Certificates, Lab  # noqa: E402

MIB = 1024 * 1024
HOST = "webext2.example.test"
SETTLE = 30         # seconds that all may take to be as before; the time-outs of configure() are shorter
GROWTH = 24 * MIB   # memory above that after the first tenth of the time
CLIENT_TIMEOUT = 60
PATH = "loss=1%,delay=1ms,reorder=1%:4ms,duplicate=0.5%"
ADDRESSES = (GW4, GW4, GW4_SECOND, GW6)
# Short, so that what a lost reset left behind is gone soon: keepalive finds it after five times its time.
TIMEOUTS = {"time_wait": "2s", "fin_wait": "3s", "half_open": "3s", "tls_handshake": "15s", "request_header": "15s",
            "connect": "15s", "idle": "15s", "retransmit": "15s", "body_progress": "30s", "keepalive_client": "3s",
            "keepalive_pool": "3s", "drain": "5s"}


class Wrong(AssertionError):
    """What a client saw is not what it must be."""


def check(condition, sentence):
    if not condition:
        raise Wrong(sentence)


# -- what one client does, once. `c` is its Client ----------------------------------------------------


def any_size(c):
    """Mostly small, now and then large."""
    return int(2 ** c.random.uniform(0, c.random.choice((12, 16, 21))))


def fetch(conn, size, chunked=False):
    answer = conn.ask(f"/{'chunked' if chunked else 'size'}/{size}")
    check(answer.status == 200, f"status {answer.status}")
    check(len(answer.body) == size and answer.sha256 == payload.sha256(size),
          f"{len(answer.body)} bytes of {size}, or others than were sent")


def download(c):
    with c.connect() as conn:
        fetch(conn, any_size(c), c.random.random() < 0.3)


def upload(c):
    body = payload.data(any_size(c))
    with c.connect() as conn:
        answer = conn.ask("/upload", "POST", body=body)
        check(answer.status == 200, f"status {answer.status}")
        seen = answer.json()
        check((seen["body_len"], seen["body_sha256"]) == (len(body), hashlib.sha256(body).hexdigest()),
              f"the pool got {seen['body_len']} bytes of {len(body)}, or others")


def keep_alive(c):
    with c.connect() as conn:
        for number in range(c.random.randint(2, 12)):
            answer = conn.ask(f"/again/{number}")
            check(answer.status == 200, f"status {answer.status}")
            check(answer.json()["target"] == f"/again/{number}", "another's answer")
            time.sleep(c.random.choice((0, 0, 0.02, 0.3)))


def slow_reader(c):
    """Stands still until windows are closed, then reads all."""
    size = 600000
    with c.connect(receive_buffer=8192) as conn:
        conn.send(conn.request_bytes(f"/size/{size}"))
        time.sleep(c.random.uniform(0.2, 2))
        answer = conn.response()
        check(answer.sha256 == payload.sha256(size), "other bytes than were sent")


def dripping(c):
    with c.connect() as conn:
        answer = conn.ask("/slow?n=200&step=10&ms=20")
        check(answer.sha256 == payload.sha256(200), "other bytes than were sent")


def long_poll(c):
    with c.connect() as conn:
        if c.random.random() < 0.5:
            check(conn.ask(f"/poll?s={c.random.uniform(0.1, 2):.2f}").status == 200, "no answer to a long poll")
        else:
            conn.send(conn.request_bytes("/poll?s=180"))
            time.sleep(c.random.uniform(0, 0.5))


def abort_download(c):
    conn = c.connect()
    conn.send(conn.request_bytes(f"/size/{3 * MIB}"))
    conn.read_head()
    conn.read(c.random.randint(1, 200000))
    end(c, conn)


def abort_upload(c):
    conn = c.connect()
    conn.send(f"POST /upload HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 1000000\r\n\r\n")
    conn.send(payload.data(c.random.randint(1, 100000)))
    end(c, conn)


def half_a_request(c):
    conn = c.connect()
    conn.send("GET /half HTTP/1.1\r\nHo")
    end(c, conn)


def no_request(c):
    end(c, c.connect())


def no_handshake(c):
    """Opens port 443 and says nothing, or nothing of use."""
    sock = c.lab.client.connect(GW4, 443)
    if c.random.random() < 0.5:
        sock.sendall(c.random.randbytes(c.random.randint(1, 300)))
    sock.close()


def refused(c):
    with c.connect(host="scan.example.org", tls=False) as conn:
        check(conn.ask("/").status == 404, "an unknown host must be 404")


def pool_fails(c):
    """
    The pool closes at every bad moment: 502 or 503, or an answer that doesn't look complete. It ends in a reset,
    which nobody sends again when it is lost.
    """
    point = c.random.choice(("before", "head", "mid", "chunk", "rst"))
    with c.connect(timeout=10) as conn:
        try:
            answer = conn.ask(f"/close/{point}")
        except TimeoutError:
            check(c.lossy and point in ("mid", "chunk"), f"nothing after /close/{point}")
            return
        except (Closed, ConnectionError, ssl.SSLError):
            return
        check(answer.status in (502, 503), f"/close/{point} gave {answer.status}")


def end(c, conn):
    if c.random.random() < 0.5:
        conn.reset()
    else:
        conn.close()


ACTIONS = {download: 8, upload: 6, keep_alive: 6, slow_reader: 1, dripping: 1, long_poll: 2, abort_download: 2,
           abort_upload: 2, half_a_request: 2, no_request: 4, no_handshake: 2, refused: 2, pool_fails: 2}


class Client(threading.Thread):
    """One of the clients: chooses by its own seed what to do next, until told to stop."""

    def __init__(self, lab, context, seed, tally, lossy):
        super().__init__(daemon=True)
        self.lab, self.context, self.tally, self.lossy = lab, context, tally, lossy
        self.random = random.Random(seed)
        self.stopping = threading.Event()

    def connect(self, host=HOST, tls=None, timeout=CLIENT_TIMEOUT, **more):
        tls = self.random.random() < 0.6 if tls is None else tls
        return Conn(self.lab, host, tls=tls, address=self.random.choice(ADDRESSES), context=self.context,
                    timeout=timeout, **more)

    def run(self):
        kinds, weights = list(ACTIONS), list(ACTIONS.values())
        while not self.stopping.is_set():
            action = self.random.choices(kinds, weights)[0]
            try:
                action(self)
                self.tally.done(action.__name__)
            except (AssertionError, Closed, OSError, ValueError) as error:
                self.tally.wrong(f"{action.__name__}: {type(error).__name__}: {error}")
            self.stopping.wait(self.random.choice((0, 0.005, 0.05)))


class Tally:
    def __init__(self):
        self.lock = threading.Lock()
        self.counts, self.errors = collections.Counter(), []

    def done(self, name):
        with self.lock:
            self.counts[name] += 1

    def wrong(self, what):
        with self.lock:
            self.errors.append(what)


# -- the path -----------------------------------------------------------------------------------------


class WiredLab(Lab):
    """The laboratory with an impairing wire (tests/impair) in the cable on each side of the gateway."""

    def __init__(self, name="lyncgate-soak"):
        super().__init__(name, pools={"second": ["second"]})
        self.cables, self.wires = [], []

    def _veth(self, gateway_end, space, kernel_end):
        between = self._space("wire-" + gateway_end)
        self._silence(between)
        ImpairedLab._cable(space, kernel_end, between, "left")
        ImpairedLab._cable(self.gateway_space, gateway_end, between, "right")
        self.cables.append(between)

    def start_wires(self, path, seed):
        for number, between in enumerate(self.cables):
            self.wires.append(Wire(self, between, "left", ["right"], path, path, seed + number))

    def be_gentle(self):
        for wire in self.wires:
            wire.be_gentle()


# -- gauges -------------------------------------------------------------------------------------------

GAUGES = ("sessions", "connections", "half_open", "established", "time_wait", "timers", "rx_truesize", "tx_truesize",
          "ooo_truesize", "pressure", "ports_in_use")


def gauges(gateway):
    """Everything that must come back to where it was."""
    found = {}
    for name, worker in gateway.telemetry("/lyncgate/workers").items():
        found.update({f"worker {name} {gauge}": worker[gauge] for gauge in GAUGES})
    for name, pool in gateway.telemetry("/lyncgate/mempools").items():
        found[f"{name} in_use"] = pool["in_use"]
    found["open_sessions of the proxy"] = gateway.telemetry("/lyncgate/proxy")["open_sessions"]
    return found


def differences(before, now):
    return [f"{name}: was {before[name]}, is {now[name]}" for name in before if now[name] != before[name]]


def settled(gateway, before, within=SETTLE):
    """Waits until all gauges are as before. -> what differs to the end"""
    deadline = time.monotonic() + within
    while (left := differences(before, gauges(gateway))) and time.monotonic() < deadline:
        time.sleep(0.2)
    return left


class Soak:
    """
    A WiredLab with its gateway already serving. run() -> a list of all that was wrong. `say` takes the status lines.
    """

    def __init__(self, lab, gateway, clients=12, lossy=True, seed=1, say=print):
        self.lab, self.gateway, self.say = lab, gateway, say
        self.tally = Tally()
        context = tls_client_context(lab.certs.public_ca)
        self.clients = [Client(lab, context, seed * 1000 + number, self.tally, lossy) for number in range(clients)]
        self.begun = time.monotonic()

    def status(self):
        tcp, now = self.gateway.telemetry("/lyncgate/tcp"), gauges(self.gateway)
        mbufs = next(value for name, value in now.items() if "mbufs" in name)
        self.say(f"{time.monotonic() - self.begun:7.0f} s  {sum(self.tally.counts.values()):8} done  "
                 f"{len(self.tally.errors):3} wrong  {tcp['connections']:5} connections  {mbufs:6} mbufs  "
                 f"{self.gateway.memory() / MIB:6.1f} MiB  {tcp['segs_retrans']:8} retransmitted")

    def idle_level(self):
        """One of each thing fills what stays filled: neighbours, sessions of TLS, the heap."""
        for action in ACTIONS:
            action(self.clients[0])
        quiet = {name: 0 for name in gauges(self.gateway) if "in_use" not in name or "ports" in name}
        quiet = {name: value for name, value in quiet.items() if "timers" not in name}
        settled(self.gateway, quiet)
        time.sleep(0.5)
        return gauges(self.gateway)

    def traffic(self, seconds, every):
        """-> the memory after a tenth of it"""
        self.begun = time.monotonic()
        for client in self.clients:
            client.start()
        first = None
        while (at := time.monotonic() - self.begun) < seconds and self.gateway.process.alive():
            time.sleep(min(every, max(0.0, seconds - at)))
            first = first or (self.gateway.memory() if time.monotonic() - self.begun > seconds / 10 else None)
            self.status()
        for client in self.clients:
            client.stopping.set()
        for client in self.clients:
            client.join(2 * CLIENT_TIMEOUT)
        return first

    def run(self, seconds, every=30):
        idle = self.idle_level()
        memory = self.traffic(seconds, every)
        self.lab.be_gentle()
        if any(client.is_alive() for client in self.clients):
            self.tally.wrong("a client never came to an end")
        wrong = settled(self.gateway, idle)
        grown = self.gateway.memory() - memory
        if grown > GROWTH:
            wrong.append(f"memory grew by {grown / MIB:.1f} MiB since a tenth of the time")
        self.status()
        return self.tally.errors + wrong + self.warnings()

    def warnings(self):
        """Where a client was wronged, the gateway mostly says why."""
        lines = [line for line in self.gateway.log_lines() if " WARN" in line or " ERROR" in line]
        return lines[-10:] if self.tally.errors else []


def configure(config):
    config["timeouts"].update(TIMEOUTS)
    config["log"]["access"] = False
    return config


def prepare(lab, certificates, path, seed):
    """Wires, the pool that the clients ask, and the gateway. The pool's log would only fill the disk."""
    lab.use_certificates(certificates).build()
    lab.start_wires(path, seed)
    lab.start_pool("second", "--log", "/dev/null")
    return lab.gateway(configure(lab.config())).start()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--clients", type=int, default=12)
    parser.add_argument("--path", default=PATH, help="each way and on both sides of the gateway: see tests/impair")
    parser.add_argument("--seed", type=int, default=random.randrange(1000000))
    options = parser.parse_args()
    print(f"seed {options.seed}, {options.clients} clients, {options.minutes:g} minutes, {options.path}")
    with tempfile.TemporaryDirectory(prefix="lyncgate-soak-") as folder, WiredLab() as lab:
        gateway = prepare(lab, Certificates(folder), options.path, options.seed)
        soak = Soak(lab, gateway, options.clients, "loss" in options.path, options.seed)
        wrong = soak.run(60 * options.minutes, min(30, 6 * options.minutes))
        if not gateway.process.alive():
            wrong.append(f"the gateway ended:\n{lab.logs()}")
        elif (status := gateway.stop()) != 0:
            wrong.append(f"the gateway ended with status {status}\n{lab.logs()}")
    print(", ".join(f"{name} {count}" for name, count in soak.tally.counts.most_common()))
    print("\n".join(f"WRONG: {line}" for line in wrong[:50]) or "everything is back at the idle level")
    return 1 if wrong else 0


if __name__ == "__main__":
    socket.setdefaulttimeout(CLIENT_TIMEOUT)
    sys.exit(main())
