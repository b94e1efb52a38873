# SPDX-License-Identifier: BSD-3-Clause
"""
The gateway between two stations:

    outside: any address of 203.0.113.0/24, 2001:db8:1::/64 and behind the router .1   -- ext, lyncgate, int --
    pools:   pool N is 10.0.0.(100 + N) port 8080 for host pN.test; pool N6 is fd00:1::(100 + N) for host sixN.test
"""

import itertools

import packet
from lab import GW4, GW4_SECOND, GW6, INNER4, INNER6, ROUTER4, ROUTER6, Lab
from wire import Listener, Station, Tcp

CLIENT = {4: "203.0.113.100", 6: "2001:db8:1::100"}
GATEWAY = {4: GW4, 6: GW6}
POOLS = {4: 120, 6: 120}
SOURCE_PORTS = (20000, 29999)
# What an ordinary client offers.
OFFER = packet.mss(1460) + packet.sack_ok() + packet.timestamps(1) + b"\1" + packet.wscale(7)


class WireLab(Lab):
    """Two veth pairs whose far ends have no kernel addresses: nothing speaks but our stations."""

    def build(self, veth_external=True):
        """On af_packet the kernel puts IPv4 fragments together before DPDK sees them, on a tap it doesn't."""
        self.tap = not veth_external
        self.client, self.gateway_space, self.inside = (self._space(n) for n in ("client", "gw", "pool"))
        for space in self.spaces:
            self._silence(space)
        if veth_external:
            self._veth("ext", self.client, "ext0")
        self._veth("int", self.inside, "int0")
        return self

    def take_tap(self):
        """The gateway has made its tap: to the outside with it. -> (MAC of the gateway, of the station)"""
        mac = self.gateway_space.mac("T0")
        self.gateway_space.ip("link", "set", "T0", "netns", self.client.name)
        self.client.ip("link", "set", "T0", "up")
        return mac, "02:00:5e:00:53:01"

    def wire_config(self, timeouts=None, limits=None, pool=None):
        devices = {**self.devices(), **({"external": "net_tap0,iface=T0"} if self.tap else {})}
        pools, routes = {}, []
        for v, prefix in ((4, "p"), (6, "six")):
            for n in range(POOLS[v]):
                address = f"{pool_address(n, v)}"
                pools[f"{prefix}{n}"] = {"servers": {"only": address}, "http_port": 8080, "tls": {"verify": False},
                                        **(pool or {})}
                routes.append({"hosts": [f"{prefix}{n}.test"], "pool": f"{prefix}{n}", "http": "forward"})
        return {
            "version": 1,
            "eal": {"no-huge": True, "m": 256, "no-pci": True, "file-prefix": self.id},
            "workers": {"lcores": [1], "main_lcore": 0, "idle": "adaptive"},
            "ports": {
                "external": {"device": devices["external"], "mtu": 1500, "gateway": [ROUTER4, ROUTER6],
                             "addresses": [f"{GW4}/24", f"{GW4_SECOND}/24", f"{GW6}/64"]},
                "internal": {"device": devices["internal"], "mtu": 1500, "ttl": 200,
                             "addresses": [f"{INNER4}/24", f"{INNER6}/64"]}},
            "listeners": {"first": {"bind": "*:80"}, "second": {"bind": "*:81", "ecn": False, "dscp": 10}},
            "routes": routes, "pools": pools,
            "timeouts": {"drain": "0s", "keepalive_client": "0s", "keepalive_pool": "0s", **(timeouts or {})},
            "limits": {"source_ports": "{}-{}".format(*SOURCE_PORTS), "connections": 2000, **(limits or {})},
            "log": {"level": "info", "access": True},
        }


def pool_address(n, v=4):
    return f"10.0.0.{100 + n}" if v == 4 else f"fd00:1::{100 + n:x}"


class Net:
    """What a test gets: makes clients and pools of a running gateway. May be shared by threads."""

    def __init__(self, lab, gateway):
        self.lab, self.gateway = lab, gateway
        space = lab.gateway_space
        if lab.tap:
            self.outside = Station(lab.client, "T0", *lab.take_tap(), [GW4, GW4_SECOND, GW6])
        else:
            self.outside = Station(lab.client, "ext0", space.mac("ext"), None, [GW4, GW4_SECOND, GW6])
        self.inside = Station(lab.inside, "int0", space.mac("int"), None, [INNER4, INNER6])
        self.clients = []
        self._ports, self._pools = itertools.count(1025), {v: itertools.count() for v in (4, 6)}

    def meet(self):
        """Makes the gateway know the MAC addresses of both usual clients: what waits for ARP may get lost."""
        for v in (4, 6):
            self.opened(v).reset()
        return self

    def close(self):
        self.outside.close()
        self.inside.close()

    def client(self, v=4, port=80, address=None, lport=None, to=None, isn=None):
        """A new client end; nothing is sent yet."""
        self.clients.append(
            Tcp(self.outside, address or CLIENT[v], lport or next(self._ports), to or GATEWAY[v], port, isn))
        return self.clients[-1]

    def reset_clients(self):
        """Ends what tests have left open; for files in which the number of connections matters."""
        while self.clients:
            self.clients.pop().reset()

    def opened(self, v=4, options=OFFER, window=None, **arguments):
        """A client with an open connection."""
        front = self.client(v, **arguments)
        front.open(options, window)
        return front

    def pool(self, v=4):
        """A pool that no other test uses at the same time."""
        n = next(self._pools[v]) % POOLS[v]
        listener = Listener(self.inside, pool_address(n, v), 8080)
        listener.host = f"{'p' if v == 4 else 'six'}{n}.test"
        return listener

    def session(self, v=4, front=None, options=OFFER, pool_options=OFFER, window=None, pool_window=None):
        """
        An open client connection with a request that has reached the pool on another open connection.
        -> (front, back): back waits for an answer to be sent.
        """
        pool = self.pool(v)
        front = front or self.opened(v, options, window)
        front.data(request(pool.host))
        back = pool.accept(pool_options, pool_window)
        back.expect_text(b"\r\n\r\n")
        front.pool = pool
        front.related, back.related = [back], [front]
        return front, back

    def stream(self, side, v=4, offer=OFFER, other=OFFER, window=None, isn=None):
        """
        A body without a near end through the gateway, its head already passed on: -> (tx, rx). What tx sends,
        the gateway sends to rx. `side` is where tx is: a client that uploads, or a pool that answers.
        The options of tx are `offer`, those of rx `other`; from its first ACK of data on rx has this window.
        """
        pool = self.pool(v)
        if side == "client":
            front = self.client(v, isn=isn)
            front.open(offer)
            front.data(request(pool.host, more="Content-Length: 1000000000\r\n", method="POST"))
            back = pool.accept(other)
            back.window = back.window if window is None else window
            back.expect_text(b"\r\n\r\n")
            tx, rx = front, back
        else:
            front = self.opened(v, other)
            front.data(request(pool.host))
            back = pool.syn()
            if isn is not None:
                back.isn = back.snd_nxt = isn & packet.MASK
            back.answer(offer)
            back.expect_text(b"\r\n\r\n")
            back.data(response_head(1000000000))
            if window is not None:
                front.window = window
            front.expect_text(b"\r\n\r\n")
            tx, rx = back, front
        tx.related, rx.related = [rx], [tx]
        tx.drain(0.02)
        rx.drain(0.02)
        rx.received = b""
        tx.begin = tx.snd_nxt
        return tx, rx

    def counter(self, name):
        """A TCP counter of the gateway, by its name."""
        return self.gateway.telemetry("/lyncgate/tcp")[name]


def request(host, path="/", more="", method="GET"):
    return f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n{more}\r\n".encode()


def response_head(length, more=""):
    return f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n{more}\r\n".encode()


def response(body=b"", more=""):
    return response_head(len(body), more) + body


def text(n, begin=0):
    """n bytes in which every place is recognisable."""
    first = begin // 8
    return b"".join(b"%07x." % k for k in range(first, first + n // 8 + 2))[begin % 8:][:n]
