#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""
Floods: what real clients get from the gateway while forged packets come in on the same port, and what each forged
packet costs. The gateway's external port is a memif; flood.c mixes the frames of kernel clients with the attack.

    scripts/bench flood [--seconds 4] [--attacks syn,ack,...] [--rates 100000,1000000,0] [--testpmd]

The gateway has CPU 0 to itself; the attacker, the clients (wrk) and their server (nginx) share CPU 1, so what the
attacker takes of it the clients lack: the line `none` has the attacker polling, too, and ratios are against it. A rate
of 0 is the highest that the attacker reaches. No figure here is a promise; ratios within one run are what counts.
"""

import argparse
import json
import os
import pathlib
import random
import re
import shutil
import struct
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / part) for part in ("e2e", "pool", "wire")]

import packet  # noqa: E402
import payload  # noqa: E402
from frames import ethernet  # noqa: E402
from lab import GW4, SERVERS, Certificates, Lab  # noqa: E402
from netns import sh  # noqa: E402
from process import Timeout  # noqa: E402

HOST = "nginx.example.test"
ATTACKS = ("syn", "ack", "rst", "udp", "connect")
GATEWAY_CPU, OTHER_CPU = 0, 1
NGINX = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log stderr warn;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 1000000;
  client_body_temp_path {folder}/t; proxy_temp_path {folder}/t; fastcgi_temp_path {folder}/t;
  uwsgi_temp_path {folder}/t; scgi_temp_path {folder}/t;
  server {{ listen {ip}:8080 backlog=4096; root {folder}; location = /small {{ return 200 "small\\n"; }} }}
}}
"""


def pinned(cpu, *words):
    return ["taskset", "-c", str(cpu), *words]


def tool(name):
    found = shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin")
    if not found:
        sys.exit(f"{name} is missing: scripts/bench installs it")
    return found


class Counters:
    """All that the gateway counts, at one moment."""

    def __init__(self, gateway):
        self.t = time.monotonic()
        self.tcp = {k: v for k, v in gateway.telemetry("/lyncgate/tcp").items() if isinstance(v, int)}
        self.proxy = gateway.telemetry("/lyncgate/proxy")
        self.port = next(v for k, v in gateway.telemetry("/lyncgate/ports").items() if k.startswith("external"))
        worker = next(iter(gateway.telemetry("/lyncgate/workers").values()))
        self.busy, self.total, self.worker = worker["busy_cycles"], worker["total_cycles"], worker
        self.mbufs = next(v["in_use"] for k, v in gateway.telemetry("/lyncgate/mempools").items() if "mbufs" in k)

    def since(self, before):
        """-> (seconds, packets in, share of time busy, cycles for each packet)"""
        packets = self.port["nic_rx_packets"] - before.port["nic_rx_packets"]
        busy = self.busy - before.busy
        return (self.t - before.t, packets, busy / max(1, self.total - before.total), busy / max(1, packets))

    def moved(self, before):
        """The names of what an attack moves: drops, refusals, cookies."""
        words = ("drop_", "cookie", "evicted", "recycled", "rsts_out", "challenge", "attempt", "refus", "pressure_")
        found = {}
        for now, then in ((self.tcp, before.tcp), (self.port, before.port), (self.proxy, before.proxy)):
            found.update({k: now[k] - then.get(k, 0) for k in now
                          if any(w in k for w in words) and isinstance(now[k], int) and now[k] > then.get(k, 0)})
        return found


class Wire:
    """One gateway with the flood program on its memif."""

    def __init__(self, lab, number, attack, rate, program):
        self.lab, self.attack, self.rate = lab, attack, rate
        self.socket = lab.folder / f"memif{number}"
        config = lab.config()
        config["eal"]["file-prefix"] = lab.id
        config["workers"] = {"lcores": [GATEWAY_CPU], "main_lcore": GATEWAY_CPU, "idle": "adaptive"}
        config["ports"]["external"]["device"] = \
            f"net_memif0,role=server,id=0,socket={self.socket},socket-abstract=no,rsize=11"
        config["routes"] = [{"hosts": [HOST], "pool": "nginx", "http": "forward"}]
        config["pools"] = {"nginx": {"servers": {"n": SERVERS["nginx"]}, "http_port": 8080, "tls": {"verify": False}}}
        config["log"]["access"] = False
        self.gateway = lab.gateway(config, f"gateway{number}").start()
        self.mac = Counters(self.gateway).port["mac"]
        self.process = lab.start(f"flood{number}", lab.gateway_space.command(*program(self)))

    def eal(self, prefix, cpu):
        return ["--no-huge", "-m", "256", "--no-pci", f"--lcores={cpu}", f"--file-prefix={self.lab.id}-{prefix}",
                f"--vdev=net_memif0,role=client,id=0,socket={self.socket},socket-abstract=no,rsize=11"]

    def flowing(self):
        """Waits for the link: a client that is answered shows it, or an attack that arrives."""
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline:
            try:
                self.lab.client.connect(GW4, 80, 1).close()
                return
            except OSError:
                if Counters(self.gateway).port["nic_rx_packets"] > 10000:
                    return
                time.sleep(0.1)
        raise Timeout(f"nothing passes the memif\n{self.lab.logs()}")

    def close(self):
        self.process.stop()
        self.lab.processes.remove(self.process)
        if self.gateway.stop() != 0:
            raise RuntimeError(f"the gateway did not end well\n{self.lab.logs()}")


def flood_program(wire):
    """The command line of flood.c."""
    ring = "blocksz=65536,framesz=2048,framecnt=4096,qdisc_bypass=1"
    binary = os.environ.get("LYNCGATE_FLOOD", ROOT / "build" / "tests" / "bench" / "flood")
    return [binary, *wire.eal("flood", f"0@{OTHER_CPU}"), f"--vdev=net_af_packet0,iface=ext,{ring}", "--", wire.attack,
            wire.rate, wire.mac, GW4, 80, "203.0.113.0"]


def sent(wire):
    """The newest line of counts of the flood program."""
    wire.process.out.wait(lambda line: line.startswith("{"), 10, wire.process.out.mark(), wire.process.alive)
    return json.loads([line for line in wire.process.out.read() if line.startswith("{")][-1])


# -- the clients --------------------------------------------------------------------------------------


def unit(text, units):
    number, suffix = re.fullmatch(r"([\d.]+)([a-zA-Z]*)", text).groups()
    return float(number) * units[suffix]


SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}
BYTES = {"B": 1, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30}


def wrk(lab, path, seconds, connections, *headers):
    """-> requests per second, bytes per second, median and 99th percentile of the latency (ms), errors"""
    words = [tool("wrk"), "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "--latency",
             "-H", f"Host: {HOST}"]
    for header in headers:
        words += ["-H", header]
    out = lab.client.run(*pinned(OTHER_CPU, *words, f"http://{GW4}{path}"))

    def found(pattern, default="0"):
        match = re.search(pattern, out)
        return match.group(1) if match else default

    errors = [int(n) for n in re.findall(r"(?:connect|read|write|timeout|Non-2xx or 3xx responses:) (\d+)", out)]
    return {"requests": float(found(r"Requests/sec: +([\d.]+)")),
            "bytes": unit(found(r"Transfer/sec: +(\S+)", "0B"), BYTES),
            "median": 1000 * unit(found(r"50% +(\S+)", "0us"), SECONDS),
            "p99": 1000 * unit(found(r"99% +(\S+)", "0us"), SECONDS), "errors": sum(errors)}


def clients(lab, seconds):
    return {"new": wrk(lab, "/small", seconds, 16, "Connection: close"),
            "kept": wrk(lab, "/small", seconds, 16),
            "bulk": wrk(lab, "/file", seconds, 2)}


# -- the measurements ---------------------------------------------------------------------------------


def measure(lab, number, attack, rate, seconds):
    wire = Wire(lab, number, attack, rate, flood_program)
    try:
        wire.flowing()
        before, begun = Counters(wire.gateway), sent(wire)
        time.sleep(seconds)
        after, ended = Counters(wire.gateway), sent(wire)
        _, packets, busy, cycles = after.since(before)
        span = ended["t"] - begun["t"]
        result = {"offered": (ended["forged"] - begun["forged"]) / span,
                  "lost": (ended["forged_lost"] - begun["forged_lost"]) / span,
                  "taken": packets / (after.t - before.t), "busy": busy, "cycles": cycles,
                  "synacks": (ended["synacks"] - begun["synacks"]) / span}
        result.update(clients(lab, seconds))
        last = Counters(wire.gateway)
        result.update({"moved": last.moved(before), "mbufs": last.mbufs, "size": last.worker,
                       "connections": last.worker["connections"], "pressure": last.worker["pressure"]})
        return result
    finally:
        wire.close()


def ratio(now, base):
    return f"{now / base:4.2f}" if base else "   -"


def show(name, rate, r, base):
    print(f"{name:8} {'highest' if name != 'none' and rate == 0 else rate:>8} "
          f"{r['offered'] / 1e3:8.0f} {r['lost'] / 1e3:7.0f} {r['taken'] / 1e3:7.0f} {100 * r['busy']:4.0f}% "
          f"{r['cycles']:6.0f}  {r['new']['requests']:6.0f} {ratio(r['new']['requests'], base['new']['requests'])} "
          f"{r['new']['median']:6.1f} {r['new']['p99']:7.1f}  {r['kept']['requests']:6.0f} "
          f"{ratio(r['kept']['requests'], base['kept']['requests'])} {r['bulk']['bytes'] / 1e6:7.1f} "
          f"{ratio(r['bulk']['bytes'], base['bulk']['bytes'])}  {r['mbufs']:6} {r['connections']:6}")
    moved = ", ".join(f"{k} {v}" for k, v in sorted(r["moved"].items(), key=lambda item: -item[1])[:8])
    print(f"         counted: {moved or 'nothing'}")


HEAD = """                  forged, thousands a second       for each    new connections            kept          bulk
attack       rate  offered    lost  taken*  busy  cycles   req/s  ratio  ms 50%  99%   req/s  ratio   MB/s ratio \
 mbufs  conns
(* packets that the gateway took from the memif while only the attack ran; busy and cycles are of that time, too)"""


def run(lab, options):
    rates = [int(rate) for rate in options.rates.split(",")]
    print(HEAD)
    base = measure(lab, 0, "none", 0, options.seconds)
    show("none", 0, base, base)
    number = 0
    for attack in options.attacks.split(","):
        for rate in rates:
            number += 1
            show(attack, rate, measure(lab, number, attack, rate, options.seconds), base)


# -- plain replay -------------------------------------------------------------------------------------


def write_pcap(path, mac, count=4096):
    """SYNs of an ordinary client, each from another address and port."""
    options = packet.mss(1460) + packet.sack_ok() + packet.timestamps(1) + b"\1" + packet.wscale(7)
    with open(path, "wb") as out:
        out.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for _ in range(count):
            source = f"{random.randint(16, 79)}." + ".".join(str(random.randint(1, 254)) for _ in range(3))
            syn = packet.Segment(source, GW4, random.randint(1024, 65535), 80, random.getrandbits(32), 0, "S",
                                 raw_options=options)
            frame = ethernet(mac, "02:00:5e:00:53:02", syn.packet())
            out.write(struct.pack("<IIII", 0, 0, len(frame), len(frame)) + frame)


def testpmd_program(wire):
    path = wire.lab.folder / "syns.pcap"
    write_pcap(path, wire.mac)
    return [tool("dpdk-testpmd"), *wire.eal("testpmd", f"0@{OTHER_CPU},1@{OTHER_CPU}"),
            f"--vdev=net_pcap0,rx_pcap={path},infinite_rx=1", "--", "--forward-mode=io", "--auto-start",
            "--total-num-mbufs=16384", "--stats-period=1"]


def replay(lab, seconds):
    """Raw: what the gateway takes of testpmd's replay. Without a router nobody learns of its answers."""
    wire = Wire(lab, "testpmd", "syn", 0, testpmd_program)
    try:
        deadline = time.monotonic() + 20
        while Counters(wire.gateway).port["nic_rx_packets"] < 1000 and time.monotonic() < deadline:
            time.sleep(0.2)
        before = Counters(wire.gateway)
        time.sleep(seconds)
        after = Counters(wire.gateway)
        span, packets, busy, cycles = after.since(before)
        print(f"testpmd's replay of {4096} SYNs, no clients: {packets / span / 1e3:.0f} thousand SYNs a second taken, "
              f"{100 * busy:.0f} % busy, {cycles:.0f} cycles for each; {after.mbufs} mbufs in use, "
              f"{after.worker['half_open']} half-open")
        print("         counted: " + ", ".join(f"{k} {v}" for k, v in after.moved(before).items()))
    finally:
        wire.close()


def start_server(lab):
    folder = lab.folder / "nginx"
    folder.mkdir()
    (folder / "file").write_bytes(payload.data(5000000))
    path = folder / "nginx.conf"
    path.write_text(NGINX.format(folder=folder, ip=SERVERS["nginx"]))
    folder.chmod(0o755)
    lab.start("nginx", lab.inside.command(*pinned(OTHER_CPU, tool("nginx"), "-c", path, "-p", folder, "-e", "stderr")))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=4, help="of each measurement")
    parser.add_argument("--attacks", default=",".join(ATTACKS))
    parser.add_argument("--rates", default="100000,1000000,0")
    parser.add_argument("--testpmd", action="store_true", help="only testpmd's replay of SYNs, without clients")
    options = parser.parse_args()
    print(f"machine: {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}, {sh('uname', '-r').strip()}; "
          f"a tool in use elsewhere spoils it")
    with tempfile.TemporaryDirectory(prefix="lyncgate-flood-") as folder, Lab("lyncgate-flood") as lab:
        lab.use_certificates(Certificates(folder)).build()
        start_server(lab)
        if options.testpmd:
            replay(lab, options.seconds)
        else:
            run(lab, options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
