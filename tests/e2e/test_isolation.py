# SPDX-License-Identifier: BSD-3-Clause
"""The gateway is no router, and answers only where it is told to listen (LY-106, LY-602, A29)."""

import select
import socket
import struct

import pytest

import frames
from client import curl
from lab import CLIENT4, GW4, INNER4, ROUTER4, SERVERS

FE = SERVERS["fe1"]
MARK = b"lyncgate-isolation"


@pytest.fixture(scope="module")
def wires(gw, lab):
    """Both ends of the gateway: (outer wire, gateway's outer MAC, inner wire, gateway's inner MAC)."""
    assert curl(lab, "https://meet.example.test/").status == 200  # both neighbour tables are filled

    def neighbour(space, address):
        entries = [n for n in space.ip_json("neigh", "show") if n["dst"] == address and "lladdr" in n]
        assert entries, f"no neighbour entry for {address}"
        return entries[0]["lladdr"]

    with frames.Wire(lab.client, "ext0") as outer, frames.Wire(lab.inside, "int0") as inner:
        yield outer, neighbour(lab.client, GW4), inner, neighbour(lab.inside, INNER4)


def crossing(src, dst):
    """What must not pass from src to dst."""
    packets = {
        "icmp": frames.icmp_echo(src, dst, MARK),
        "udp53": frames.udp(src, dst, 4000, 53, MARK),
        "gre": frames.ip(src, dst, 47, MARK * 3),
    }
    for port in (5061, 22, 4443, 8080, 443, 80):
        packets[f"tcp{port}-syn"] = frames.tcp(src, dst, 4001, port, frames.SYN, data=MARK)
        packets[f"tcp{port}-ack"] = frames.tcp(src, dst, 4001, port, frames.ACK, ack=1, data=MARK)
    return packets


def proxied_marker(lab):
    """Packets keep their order: when this request is through, what was sent before it has been decided."""
    assert curl(lab, "https://meet.example.test/marker").status == 200


NAMES = list(crossing("192.0.2.1", "192.0.2.2"))


@pytest.mark.parametrize("name", NAMES)
def test_a29_nothing_passes_inwards(gw, lab, wires, name):
    outer, mac, inner, _ = wires
    inner.waiting()
    outer.send(frames.ethernet(mac, outer.mac, crossing(CLIENT4, FE)[name]))
    proxied_marker(lab)
    assert not [f for f in inner.waiting() if MARK in f]


@pytest.mark.parametrize("name", NAMES)
def test_a29_nothing_passes_outwards(gw, lab, wires, name):
    outer, _, inner, mac = wires
    outer.waiting()
    inner.send(frames.ethernet(mac, inner.mac, crossing(FE, CLIENT4)[name]))
    proxied_marker(lab)
    assert not [f for f in outer.waiting() if MARK in f]


def test_a29_nothing_passes_over_ipv6(gw, lab, wires):
    outer, mac, inner, inner_mac = wires
    inner.waiting()
    outer.waiting()
    outer.send(frames.ethernet(mac, outer.mac, frames.icmp_echo("2001:db8:1::100", "fd00:1::11", MARK)))
    outer.send(frames.ethernet(mac, outer.mac, frames.udp("2001:db8:1::100", "fd00:1::11", 4000, 53, MARK)))
    inner.send(frames.ethernet(inner_mac, inner.mac, frames.icmp_echo("fd00:1::11", "2001:db8:1::100", MARK)))
    proxied_marker(lab)
    assert not [f for f in inner.waiting() + outer.waiting() if MARK in f]


def test_a29_broadcasts_stay_on_their_side(gw, lab, wires):
    outer, _, inner, _ = wires
    inner.waiting()
    outer.send(frames.ethernet("ff:ff:ff:ff:ff:ff", outer.mac, frames.udp(CLIENT4, "255.255.255.255", 68, 67, MARK)))
    outer.send(b"\x01\x80\xc2\x00\x00\x0e" + bytes.fromhex(outer.mac.replace(":", "")) + b"\x88\xcc" + MARK)
    proxied_marker(lab)
    assert not [f for f in inner.waiting() if MARK in f]


def test_inner_address_is_not_served_outside(gw, lab, wires):
    """A packet for the inner address that comes from outside is for nobody."""
    outer, mac, _, _ = wires
    outer.waiting()
    outer.send(frames.ethernet(mac, outer.mac, frames.tcp(CLIENT4, INNER4, 4009, 443, frames.SYN)))
    outer.send(frames.ethernet(mac, outer.mac, frames.icmp_echo(CLIENT4, INNER4, MARK)))
    proxied_marker(lab)
    assert not [f for f in outer.waiting() if frames.packed(INNER4) == f[26:30]]


def accepted(space, address, ports, seconds=1.5):
    """Which ports accept a connection within the time."""
    pending = {}
    for port in ports:
        sock = space.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
        sock.setblocking(False)
        sock.connect_ex((address, port))
        pending[sock.fileno()] = (sock, port)
    poller = select.poll()
    for number in pending:
        poller.register(number, select.POLLOUT)
    found, tries = set(), 0
    while tries < len(pending):
        ready = poller.poll(seconds * 1000)
        if not ready:
            break
        for number, _ in ready:
            sock, port = pending[number]
            if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0:
                found.add(port)
            poller.unregister(number)
            tries += 1
    for sock, _ in pending.values():
        sock.close()
    return found


PORTS = list(range(1, 1024)) + [4443, 5061, 8080, 8443, 9090, 65535]


def test_ly106_nothing_listens_inside(gw, lab):
    assert accepted(lab.inside, INNER4, PORTS) == set()
    assert accepted(lab.inside, "fd00:1::10", [22, 80, 443, 4443, 5061, 8080]) == set()


def test_only_the_listeners_answer_outside(gw, lab):
    assert accepted(lab.client, GW4, PORTS) == {80, 443}
    assert accepted(lab.client, "2001:db8:1::10", [22, 80, 443, 4443, 5061, 8080]) == {80, 443}


def test_addresses_of_others_are_not_answered_for(gw, lab, wires):
    """ARP for an address that isn't ours gets no answer, on either side."""
    outer, _, inner, _ = wires

    def ask(wire, sender, target):
        mac = bytes.fromhex(wire.mac.replace(":", ""))
        wire.send(b"\xff" * 6 + mac + b"\x08\x06" + struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + mac +
                  frames.packed(sender) + bytes(6) + frames.packed(target))

    outer.waiting()
    inner.waiting()
    ask(outer, ROUTER4, "203.0.113.77")
    ask(outer, ROUTER4, INNER4)
    ask(inner, FE, "10.0.0.77")
    ask(inner, FE, GW4)
    proxied_marker(lab)
    replies = [f for f in outer.waiting() + inner.waiting() if f[12:14] == b"\x08\x06" and f[21] == 2]
    owners = {socket.inet_ntoa(f[28:32]) for f in replies}
    assert not owners & {"203.0.113.77", "10.0.0.77"}
    assert not [f for f in replies if (socket.inet_ntoa(f[28:32]), socket.inet_ntoa(f[38:42])) in
                ((INNER4, ROUTER4), (GW4, FE))]


def test_nothing_is_originated_inside_but_to_the_pools_ports(gw, lab, wires):
    _, _, inner, mac = wires
    inner.waiting()
    for url in ("https://meet.example.test/", "https://webext.example.test/", "https://officewebapps.example.test/",
                "http://lyncdiscover.example.test/", "http://meet.example.test/", "https://nobody.example.org/"):
        curl(lab, url, "-k")
    targets = set()
    gateway = bytes.fromhex(mac.replace(":", ""))
    for frame in inner.waiting():
        if frame[6:12] == gateway and frame[12:14] == b"\x08\x00":
            assert frame[23] == frames.TCP
            targets.add((socket.inet_ntoa(frame[30:34]), struct.unpack_from("!H", frame, 36)[0]))
    allowed = {(SERVERS[name], port) for name in ("fe1", "fe2", "director") for port in (4443, 8080)}
    assert targets and targets <= allowed | {(SERVERS["owas"], 443)}
