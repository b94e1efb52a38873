# SPDX-License-Identifier: BSD-3-Clause
"""
The laboratory: three network namespaces, an emulated Lync deployment, the real gateway between.

    client (203.0.113.100, and 198.51.100.7 behind the router 203.0.113.1)
       | ext0 -- ext                   kernel end -- gateway end of a veth pair
    gateway (203.0.113.10, 10.0.0.10: addresses of lyncgate; the kernel there has none and stays silent)
       | int  -- int0
    pool (10.0.0.11 fe1, .12 fe2, .13 second, .20 owas, .30 director, .40 nginx; 10.0.5.11 remote behind 10.0.0.1)
"""

import copy
import json
import os
import pathlib
import secrets
import shutil
import signal
import socket
import sys
import tempfile

from certs import Authority
from netns import Namespace
from process import Process, Tail, Timeout
from yamltext import dump

ROOT = pathlib.Path(__file__).resolve().parents[2]
POOL_PROGRAM = ROOT / "tests" / "pool" / "pool.py"
PYTHON = "/usr/bin/python3"
sys.path.insert(0, str(POOL_PROGRAM.parent))

GW4, GW4_SECOND, GW6 = "203.0.113.10", "203.0.113.11", "2001:db8:1::10"
CLIENT4, ROUTER4, FAR4 = "203.0.113.100", "203.0.113.1", "198.51.100.7"
CLIENT6, ROUTER6, FAR6 = "2001:db8:1::100", "2001:db8:1::1", "2001:db8:2::7"
INNER4, INNER6 = "10.0.0.10", "fd00:1::10"
SERVERS = {"fe1": "10.0.0.11", "fe2": "10.0.0.12", "second": "10.0.0.13", "owas": "10.0.0.20",
           "director": "10.0.0.30", "nginx": "10.0.0.40", "remote": "10.0.5.11", "six": "fd00:1::11"}
NOBODY = "10.0.0.99"  # an address of the pool's network that nobody answers for
HAIRPIN4 = "10.0.7.7"  # a client outside whose address belongs to an internal network (LY-205)

# Which emulator process serves which roles; each can be stopped and started alone.
TEST_PROCESSES = {"main": ["fe1", "fe2", "owas", "director", "remote", "six"], "second": ["second"]}

PUBLIC_NAMES = ["webext.example.test", "meet.example.test", "dialin.example.test", "lyncdiscover.example.test",
                "webext2.example.test", "director.example.test", "officewebapps.example.test",
                "lyncdiscover.contoso.test", "webext3.example.test", "six.example.test", "nginx.example.test",
                "slow.example.test", "mute.example.test"]
POOL_NAMES = ["fe-pool.lync.internal", "webext.example.test", "director.lync.internal", "owas.lync.internal"]


def gateway_binary():
    return os.environ.get("LYNCGATE", str(ROOT / "build" / "app" / "lyncgate" / "lyncgate"))


def bracket(ip, port):
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"


class Lab:
    """Everything that a test needs and its clean-up. Use as a context manager."""

    def __init__(self, name="lyncgate-e2e", detached=False, pools=None):
        self.id = f"{name}{os.getpid()}{secrets.token_hex(2)}"
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=self.id + "-"))
        self.roles = pools or TEST_PROCESSES
        self.detached = detached
        self.spaces, self.processes, self.pools = [], [], {}
        self.client = self.inside = self.gateway_space = None
        self.pool_log = Tail(self.folder / "pool.log")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # -- namespaces -----------------------------------------------------------------------------

    def _space(self, name):
        space = Namespace(f"{self.id}-{name}")
        self.spaces.append(space)
        return space

    def build(self, veth_external=True):
        self.client, self.gateway_space, self.inside = (self._space(n) for n in ("client", "gw", "pool"))
        self._silence(self.gateway_space)
        for address in (FAR4, HAIRPIN4):
            self.client.ip("addr", "add", f"{address}/32", "dev", "lo")
        self.client.ip("addr", "add", f"{FAR6}/128", "dev", "lo", "nodad")
        self.inside.ip("addr", "add", f"{SERVERS['remote']}/32", "dev", "lo")
        self._veth("int", self.inside, "int0")
        self.address_inside("int0")
        if veth_external:
            self._veth("ext", self.client, "ext0")
            self.address_outside("ext0")
        return self

    @staticmethod
    def _silence(space):
        """Without addresses the kernel answers nothing on IPv4; IPv6 makes addresses of its own unless told."""
        with space.entered():
            for name in ("all", "default"):
                path = pathlib.Path(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6")
                if path.exists():
                    path.write_text("1")

    def _veth(self, gateway_end, space, kernel_end):
        self.gateway_space.ip("link", "add", gateway_end, "type", "veth", "peer", "name", kernel_end,
                              "netns", space.name)
        self.gateway_space.offloads_off(gateway_end, "tx", "gro")
        space.offloads_off(kernel_end, "tx")
        self.gateway_space.ip("link", "set", gateway_end, "up")
        space.ip("link", "set", kernel_end, "up")

    def address_outside(self, interface):
        """The client's addresses, and the router's; those behind the router stay on lo."""
        ip = self.client.ip
        for address in (f"{CLIENT4}/24", f"{ROUTER4}/24"):
            ip("addr", "add", address, "dev", interface)
        for address in (f"{CLIENT6}/64", f"{ROUTER6}/64"):
            ip("addr", "add", address, "dev", interface, "nodad")
        ip("link", "set", interface, "up")

    def address_inside(self, interface):
        ip = self.inside.ip
        ip("addr", "add", "10.0.0.1/24", "dev", interface)
        for address in SERVERS.values():
            if address.startswith("10.0.0."):
                ip("addr", "add", f"{address}/24", "dev", interface)
        ip("addr", "add", f"{SERVERS['six']}/64", "dev", interface, "nodad")
        ip("link", "set", interface, "up")

    # -- certificates ---------------------------------------------------------------------------

    def use_certificates(self, certificates):
        self.certs = certificates
        return self

    # -- servers --------------------------------------------------------------------------------

    def start(self, name, command):
        process = Process(name, command, self.folder, detached=self.detached)
        self.processes.append(process)
        return process

    def start_pool(self, name="main", *options):
        words = []
        for role in self.roles[name]:
            ip = SERVERS[role]
            if role == "owas":
                words.append(f"{role}={bracket(ip, 443)}/tls")
            else:
                words += [f"{role}={bracket(ip, 4443)}/tls", f"{role}={bracket(ip, 8080)}"]
        cert, key = self.certs.pool
        process = self.start("pool-" + name, self.inside.command(
            PYTHON, POOL_PROGRAM, "--log", self.folder / "pool.log", "--cert", cert, "--key", key, *options, *words))
        process.out.wait(lambda line: line == "ready", 20, process.out_begin, process.alive)
        self.pools[name] = process
        return process

    def start_pools(self):
        for name in self.roles:
            self.start_pool(name)
        return self

    def stop_pool(self, name, how=signal.SIGKILL):
        process = self.pools.pop(name)
        process.stop(first=how)
        self.processes.remove(process)

    # -- the pool's log -------------------------------------------------------------------------

    def pool_events(self, event=None, since=0):
        events = [json.loads(line) for line in self.pool_log.read()[since:]]
        return [e for e in events if event in (None, e["ev"])]

    def wait_pool(self, match, timeout=10, since=0):
        """The first event of the pool's log for which match(event)."""
        return json.loads(self.pool_log.wait(lambda line: match(json.loads(line)), timeout, since))

    def requests(self, since=0):
        return self.pool_events("request", since)

    # -- gateway --------------------------------------------------------------------------------

    def devices(self, queues=1):
        ring = f"blocksz=65536,framesz=2048,framecnt=4096,qdisc_bypass=1,qpairs={queues}"
        return {"external": f"net_af_packet0,iface=ext,{ring}", "internal": f"net_af_packet1,iface=int,{ring}"}

    def config(self, workers=1):
        """The usual configuration, as a dictionary of its own that a test may change."""
        devices = self.devices(workers)
        ca = str(self.certs.pool_ca)
        tls = {"ca": ca, "verify_name": "fe-pool.lync.internal", "sni": "webext.example.test"}

        def pool(*servers, **more):
            return {"servers": {name: SERVERS[name] for name in servers}, "https_port": 4443, "http_port": 8080,
                    "tls": dict(tls), **more}

        return copy.deepcopy({
            "version": 1,
            "eal": {"no-huge": True, "m": 256, "no-pci": True, "file-prefix": self.id},
            "workers": {"lcores": [0, 1][-workers:], "main_lcore": 0, "idle": "adaptive"},
            "ports": {
                "external": {"device": devices["external"], "mtu": 1500, "gateway": [ROUTER4, ROUTER6],
                             "addresses": [f"{GW4}/24", f"{GW4_SECOND}/24", f"{GW6}/64"]},
                "internal": {"device": devices["internal"], "mtu": 1500,
                             "addresses": [f"{INNER4}/24", f"{INNER6}/64"],
                             "routes": [{"to": "10.0.5.0/24", "via": "10.0.0.1"}]}},
            "certificates": {name: {"cert": cert, "key": key}
                             for name, (cert, key) in self.certs.public.items()},
            "listeners": {
                "http": {"bind": "*:80"},
                "https": {"bind": "*:443", "tls": {"certificates": list(self.certs.public), "default": "public",
                                                   "min": "1.2", "max": "1.3"}}},
            "routes": [
                {"hosts": ["webext.example.test"], "pool": "fe-pool"},
                {"hosts": ["meet.example.test", "dialin.example.test", "lyncdiscover.example.test",
                           "lyncdiscover.contoso.test", "director.example.test"], "pool": "director"},
                {"hosts": ["webext2.example.test"], "pool": "second", "http": "forward"},
                {"hosts": ["webext3.example.test"], "pool": "remote", "http": "off"},
                {"hosts": ["six.example.test"], "pool": "six"},
                {"hosts": ["officewebapps.example.test"], "pool": "owas", "http": "redirect"},
                {"hosts": ["lync.contoso.test"], "path": "/Dialin", "pool": "second"},
                {"hosts": ["lync.contoso.test"], "pool": "director"},
                {"hosts": ["lync.fabrikam.test"], "path": "/example.test/Meet", "pool": "fe-pool"},
                {"hosts": ["lync.fabrikam.test"], "path": "/contoso.test/Meet", "pool": "second"},
                {"hosts": ["*.fabrikam.test"], "pool": "director"},
            ],
            "pools": {
                "fe-pool": pool("fe1", "fe2"),
                "director": pool("director", tls={**tls, "verify_name": "director.lync.internal"}),
                "second": pool("second"),
                "remote": pool("remote"),
                "six": pool("six"),
                "owas": {"servers": {"owas": SERVERS["owas"]}, "https_port": 443,
                         "tls": {**tls, "verify_name": "owas.lync.internal", "sni": "owas.lync.internal"}},
            },
            "timeouts": {"connect": "2s", "drain": "20s"},
            "log": {"level": "info", "access": True},
        })

    def gateway(self, config=None, name="gateway"):
        return Gateway(self, config or self.config(), name)

    # -- end ------------------------------------------------------------------------------------

    def state(self):
        """What must be ended when another process does it: see scripts/demo --stop."""
        return {"folder": str(self.folder), "namespaces": [space.name for space in self.spaces],
                "pids": [p.pid for p in self.processes if p.alive()], "prefix": self.id}

    def logs(self, lines=15):
        """The ends of all logs, for a report of a failure."""
        parts = []
        for path in sorted(self.folder.glob("*")):
            if path.suffix in (".err", ".out", ".log"):
                tail = path.read_text(encoding="utf-8", errors="replace").split("\n")[-lines:]
                if any(tail):
                    parts.append(f"--- {path.name}\n" + "\n".join(tail))
        return "\n".join(parts)

    def close(self, keep_folder=False):
        for process in reversed(self.processes):
            process.stop(5)
        self.pool_log.close()
        for space in self.spaces:
            space.delete()
        shutil.rmtree(f"/run/dpdk/{self.id}", ignore_errors=True)
        if not keep_folder:
            shutil.rmtree(self.folder, ignore_errors=True)


class Gateway:
    """The real program on a lab's devices."""

    def __init__(self, lab, config, name):
        self.lab, self.config, self.name = lab, config, name
        self.path = lab.folder / (name + ".yaml")
        self.path.write_text(config if isinstance(config, str) else dump(config) + "\n")
        self.process = None

    def command(self, *words):
        return self.lab.gateway_space.command(gateway_binary(), *words)

    def start(self, timeout=30):
        self.launch()
        self.wait_serving(timeout)
        return self

    def launch(self):
        self.process = self.lab.start(self.name, self.command("-c", self.path))
        return self

    def wait_serving(self, timeout=30):
        self.wait_log("serving", timeout)

    def wait_log(self, text, timeout=10):
        return self.process.err.wait(lambda line: text in line, timeout, self.process.err_begin, self.process.alive)

    def log_lines(self):
        return self.process.err.read()[self.process.err_begin:]

    def access(self):
        """Access log records so far."""
        return [json.loads(line) for line in self.process.out.read()[self.process.out_begin:] if line.startswith("{")]

    def wait_access(self, match, timeout=5):
        def fits(line):
            return line.startswith("{") and match(json.loads(line))
        return json.loads(self.process.out.wait(fits, timeout, self.process.out_begin, self.process.alive))

    def telemetry(self, command):
        """The answer of one DPDK telemetry command, as the value under its name."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as sock:
            sock.settimeout(5)
            sock.connect(f"/run/dpdk/{self.lab.id}/dpdk_telemetry.v2")
            sock.recv(65536)  # the greeting: version, pid, longest answer
            sock.send(command.encode())
            return json.loads(sock.recv(1 << 20))[command.split(",")[0]]

    def memory(self, field="VmRSS"):
        return self.process.memory(field)

    def stop(self, how=signal.SIGTERM, timeout=30):
        if self.process in self.lab.processes:
            self.lab.processes.remove(self.process)
            return self.process.stop(timeout, how)
        return None


class Certificates:
    """Made once and used by all labs of a run."""

    def __init__(self, folder):
        outside, inside = Authority(pathlib.Path(folder) / "public", "Public"), \
            Authority(pathlib.Path(folder) / "internal", "Internal")
        self.public_ca, self.pool_ca = outside.root, inside.root
        self.public = {
            "public": outside.issue("public", PUBLIC_NAMES),
            "fabrikam": outside.issue("fabrikam", ["fabrikam.test", "*.fabrikam.test"], "ec"),
            "contoso": outside.issue("contoso", ["lync.contoso.test"], "ec"),
        }
        self.pool = inside.issue("pool", POOL_NAMES)


__all__ = ["Lab", "Gateway", "Certificates", "Timeout"]
