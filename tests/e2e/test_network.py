# SPDX-License-Identifier: BSD-3-Clause
"""Addresses, families, routes, echoes and damaged packets on the wire (lync.md section 6)."""

import itertools
import struct

import pytest

import frames
import payload
from client import Conn, curl
from lab import CLIENT4, CLIENT6, FAR4, FAR6, GW4, GW4_SECOND, GW6, HAIRPIN4, INNER4, INNER6, SERVERS


@pytest.mark.parametrize("address, source", [
    (GW4, CLIENT4), (GW4_SECOND, CLIENT4), (GW4, FAR4), (GW4_SECOND, FAR4), (GW4, HAIRPIN4),
    (GW6, CLIENT6), (GW6, FAR6),
], ids=["neighbour", "second-address", "default-route", "second-address-default-route", "ly205-hairpin", "ipv6",
        "ipv6-default-route"])
@pytest.mark.parametrize("url", ["https://meet.example.test/x", "http://lyncdiscover.example.test/x"])
def test_clients_near_and_far(gw, lab, address, source, url):
    answer = curl(lab, url, "--interface", source, address=address)
    assert answer.status == 200
    assert answer.json()["peer"] == INNER4


@pytest.mark.parametrize("scheme", ["https", "http"])
def test_ly606_ipv6_outside_with_a_large_body(gw, lab, scheme):
    answer = curl(lab, f"{scheme}://webext2.example.test/size/3000000", address=GW6)
    assert answer.sha256 == payload.sha256(3000000)


def test_ly606_ipv6_redirect_and_certificate(gw, lab):
    assert curl(lab, "http://meet.example.test/a?b", address=GW6).get("Location") == "https://meet.example.test/a?b"
    with Conn(lab, "meet.fabrikam.test", address=GW6) as conn:
        assert conn.ask("/v6").status == 200


def test_ipv6_inside(gw, lab):
    answer = curl(lab, "https://six.example.test/six")
    assert (answer.json()["role"], answer.json()["peer"]) == ("six", INNER6)


def test_ly601_pool_behind_an_internal_route(gw, lab):
    answer = curl(lab, "https://webext3.example.test/size/100000")
    assert answer.sha256 == payload.sha256(100000)


def echoed(space, interface, gateway_mac, src, dst, size=56, seconds=3):
    data = payload.data(size)
    with frames.Wire(space, interface) as wire:
        packet = frames.icmp_echo(src, dst, data)
        wire.send(frames.ethernet(gateway_mac, wire.mac, packet))

        def reply(frame):
            at = 54 if ":" in src else 34
            kind = 129 if ":" in src else 0
            return len(frame) > at and frame[at] == kind and data in frame and frames.packed(dst) in frame[:at]

        return any(reply(frame) for frame in wire.collect(seconds, reply))


@pytest.fixture(scope="module")
def macs(gw, lab):
    assert curl(lab, "https://six.example.test/").status == 200
    assert curl(lab, "https://six.example.test/", address=GW6).status == 200
    assert curl(lab, "https://meet.example.test/").status == 200

    def neighbour(space, address):
        return next(n["lladdr"] for n in space.ip_json("neigh", "show") if n["dst"] == address)

    return neighbour(lab.client, GW4), neighbour(lab.inside, INNER4)


@pytest.mark.parametrize("size", [0, 56, 1400])
@pytest.mark.parametrize("src, dst", [(CLIENT4, GW4), (CLIENT4, GW4_SECOND), (FAR4, GW4), (CLIENT6, GW6)])
def test_ly605_echo_outside(gw, lab, macs, src, dst, size):
    assert echoed(lab.client, "ext0", macs[0], src, dst, size)


@pytest.mark.parametrize("src, dst", [(SERVERS["fe1"], INNER4), (SERVERS["six"], INNER6)])
def test_ly605_echo_inside(gw, lab, macs, src, dst):
    assert echoed(lab.inside, "int0", macs[1], src, dst)


PORTS = itertools.count(20000)


def syn_answered(lab, mac, build, seconds=1.0):
    """Sends one frame; whether the gateway answers it with SYN and ACK to our port."""
    with frames.Wire(lab.client, "ext0") as wire:
        port = next(PORTS)
        wire.send(build(wire, port))

        def answer(frame):
            return (len(frame) >= 54 and frame[23] == frames.TCP and frame[47] & 0x12 == 0x12 and
                    struct.unpack_from("!HH", frame, 34) == (443, port))

        return any(answer(frame) for frame in wire.collect(seconds, answer))


def test_plain_syn_is_answered(gw, lab, macs):
    assert syn_answered(lab, macs[0], lambda w, p: frames.ethernet(
        macs[0], w.mac, frames.tcp("203.0.113.55", GW4, p, 443, frames.SYN))) is False  # 203.0.113.55 has no neighbour
    assert syn_answered(lab, macs[0], lambda w, p: frames.ethernet(
        macs[0], w.mac, frames.tcp(CLIENT4, GW4, p, 443, frames.SYN)))


def damaged_ip(packet):
    return packet[:10] + b"\x12\x34" + packet[12:]


def too_long(packet):
    return packet[:2] + struct.pack("!H", len(packet) + 40) + packet[4:]


@pytest.mark.parametrize("name", ["tcp-checksum", "ip-checksum", "ip-length", "data-offset", "other-mac", "martian",
                                  "options-of-no-length"])
def test_damaged_packets_are_dropped(gw, lab, macs, name):
    def build(wire, port):
        good = frames.tcp(CLIENT4, GW4, port, 443, frames.SYN)
        mac, packet = macs[0], good
        if name == "tcp-checksum":
            packet = frames.tcp(CLIENT4, GW4, port, 443, frames.SYN, bad_checksum=True)
        elif name == "ip-checksum":
            packet = damaged_ip(good)
        elif name == "ip-length":
            packet = too_long(good)
        elif name == "data-offset":
            packet = good[:32] + b"\xf0" + good[33:]
        elif name == "other-mac":
            mac = "02:00:00:00:00:99"
        elif name == "martian":
            packet = frames.tcp("127.0.0.1", GW4, port, 443, frames.SYN)
        elif name == "options-of-no-length":
            # A SYN whose options can't be walked: it may be answered or dropped, but must not stop us.
            packet = frames.tcp(CLIENT4, GW4, port, 443, frames.SYN, options=b"\x02\x00\x08\x00")
        return frames.ethernet(mac, wire.mac, packet)

    answered = syn_answered(lab, macs[0], build, 0.5)
    assert name == "options-of-no-length" or not answered
    assert curl(lab, "https://meet.example.test/after").status == 200


def fragments(packet, size):
    """The IPv4 packet in fragments of at most `size` bytes of payload, a multiple of 8."""
    body, pieces = packet[20:], []
    for offset in range(0, len(body), size):
        part = body[offset:offset + size]
        more = 0x2000 if offset + size < len(body) else 0
        head = packet[:2] + struct.pack("!HHH", 20 + len(part), 0x4321, offset // 8 | more) + packet[8:10]
        head += b"\0\0" + packet[12:20]
        pieces.append(head[:10] + struct.pack("!H", frames.checksum(head)) + head[12:] + part)
    return pieces


@pytest.mark.parametrize("order", [1, -1], ids=["in-order", "reversed"])
def test_fragmented_syn_is_reassembled(gw, lab, macs, order):
    """A SYN with data in two fragments: answered only if they were put together."""
    port = 23456 + order
    with frames.Wire(lab.client, "ext0") as wire:
        for piece in fragments(frames.tcp(CLIENT4, GW4, port, 443, frames.SYN, data=payload.data(100)), 64)[::order]:
            wire.send(frames.ethernet(macs[0], wire.mac, piece))

        def answer(frame):
            return len(frame) >= 54 and frame[23] == frames.TCP and frame[47] & 0x12 == 0x12 and \
                struct.unpack_from("!HH", frame, 34) == (443, port)

        assert [f for f in wire.collect(3, answer) if answer(f)]
