# SPDX-License-Identifier: BSD-3-Clause
"""ICMP errors about open connections: RFC 1191, RFC 8201, RFC 5927, RFC 1122 section 4.2.3.9."""

import time

import pytest

import packet
from network import CLIENT, OFFER, text
from packet import MASK, mss
from wire import icmp_error

sides = pytest.mark.parametrize("side", ["client", "pool"])
both = pytest.mark.parametrize("v", [4, 6])
pytestmark = pytest.mark.together
ROUTER = {4: "203.0.113.1", 6: "2001:db8:1::1"}
QUIET = 0.15
PLAIN = mss(1460)


def in_flight(net, side, v=4, size=1400):
    """-> (tx, rx, segments that the gateway sent to rx and that are not acknowledged)"""
    tx, rx = net.stream("pool" if side == "client" else "client", v, other=PLAIN)
    rx.start = rx.rcv_nxt
    # The second half first: what goes on is cut into full segments.
    tx.send("A", text(size, size), seq=tx.begin + size)
    tx.send("A", text(size), seq=tx.begin)
    tx.snd_nxt = tx.begin + 2 * size & MASK
    return tx, rx, [s for s in rx.drain(0.08) if s.data]


def too_big(rx, seg, mtu, source=None):
    v6 = ":" in seg.src
    source = source or ("2001:db8:5::1" if v6 else "192.0.2.1")
    rx.station.send_ip(icmp_error(source, seg, 2 if v6 else 3, 0 if v6 else 4, mtu))


@sides
@both
def test_path_mtu_is_lowered_and_what_was_too_big_goes_again(net, side, v):
    """Smaller, at once, and the same bytes (monitor.py)."""
    tx, rx, sent = in_flight(net, side, v)
    too_big(rx, sent[0], 1300)
    again = [s for s in rx.drain(QUIET) if s.data]
    assert again and all(s.ip_len <= 1300 for s in again), rx.story()
    assert again[0].seq == sent[0].seq
    rx.send("A")
    rx.drain(0.1)
    rx.send("A")
    tx.send("A", text(2000, 2800)[1000:], seq=tx.begin + 3800)
    tx.send("A", text(1000, 2800), seq=tx.begin + 2800)
    tx.snd_nxt = tx.begin + 4800 & MASK
    later = [s for s in rx.drain(0.1) if s.data]
    assert later and all(s.ip_len <= 1300 for s in later), rx.story()
    rx.reset()


@sides
@both
def test_too_big_about_something_not_in_flight_is_ignored(net, side, v):
    """RFC 5927 section 4.1."""
    tx, rx, sent = in_flight(net, side, v)
    seq = sent[0].seq
    for off in (-1, -5000, 1 << 20, 1 << 31):
        sent[0].seq = (seq + off) & MASK
        too_big(rx, sent[0], 1300)
    assert not [s for s in rx.drain(QUIET - 0.06) if s.data]
    rx.send("A")
    rx.reset()


@sides
@both
def test_too_big_that_says_more_than_we_send_is_ignored(net, side, v):
    tx, rx, sent = in_flight(net, side, v)
    for mtu in (1500, 1501, 9000, 65535):
        too_big(rx, sent[0], mtu)
    assert not [s for s in rx.drain(QUIET - 0.06) if s.data]
    rx.send("A")
    rx.reset()


@sides
@pytest.mark.parametrize("mtu", [0, 1, 68, 300, 551])
def test_ipv4_path_mtu_is_not_lowered_to_nothing(net, side, mtu):
    """A forger can't make us send one byte a packet; 0 is from routers before RFC 1191: the next plateau."""
    tx, rx, sent = in_flight(net, side)
    too_big(rx, sent[0], mtu)
    again = [s for s in rx.drain(QUIET) if s.data]
    assert again and all(len(s.data) > 500 for s in again[:1]), rx.story()
    rx.reset()


@sides
@pytest.mark.parametrize("mtu", [0, 1, 68, 1279])
def test_ipv6_too_big_below_1280_is_discarded(net, side, mtu):
    """RFC 8201 section 4: a node MUST discard it."""
    tx, rx, sent = in_flight(net, side, 6)
    too_big(rx, sent[0], mtu)
    full = len(sent[0].data)  # a timer may send it again, but not smaller
    assert all(len(s.data) == full for s in rx.drain(QUIET) if s.data), rx.story()
    rx.send("A")
    rx.reset()


@sides
@both
@pytest.mark.parametrize("kind4, kind6", [((3, 3), (1, 4)), ((3, 1), (1, 3)), ((11, 0), (3, 0)), ((12, 0), (4, 1)),
                                          ((3, 2), (4, 0)), ((4, 0), (1, 1))],
                         ids=["port", "host", "ttl", "parameter", "protocol", "quench"])
def test_errors_do_not_end_an_open_connection(net, side, v, kind4, kind6):
    """RFC 5927 section 5.2: hard errors are soft when the connection is open."""
    tx, rx, sent = in_flight(net, side, v)
    kind, code = kind4 if v == 4 else kind6
    rx.station.send_ip(icmp_error("2001:db8:5::1" if v == 6 else "192.0.2.1", sent[0], kind, code))
    time.sleep(0.03)
    rx.send("A")
    tx.send("A", text(100, 2800))
    assert [s for s in rx.drain(QUIET) if s.data]
    rx.reset()


@both
def test_broken_errors_do_no_harm(net, v):
    tx, rx, sent = in_flight(net, "client", v)
    source = "2001:db8:5::1" if v == 6 else "192.0.2.1"
    good = icmp_error(source, sent[0], 2 if v == 6 else 3, 0 if v == 6 else 4, 1300)
    head = 40 if v == 6 else 20
    for cut in (head + 1, head + 4, head + 8, head + 9, head + 20, head + 27, len(good) - 1):
        body = good[head:cut]
        rx.station.send_ip(packet.ip_packet(source, rx.remote, 58 if v == 6 else 1, body))
    rx.station.send_ip(good[:head + 2] + b"\x12\x34" + good[head + 4:])
    assert not [s for s in rx.drain(QUIET - 0.06) if s.data]
    rx.send("A")
    rx.reset()


@both
def test_error_sent_to_another_of_our_addresses_is_ignored(net, v):
    """The quoted packet's source is not where the error came to."""
    from lab import GW4_SECOND
    if v == 6:
        pytest.skip("one external IPv6 address")
    tx, rx, sent = in_flight(net, "client", v)
    error = icmp_error("192.0.2.1", sent[0], 3, 4, 1300)
    rx.station.send_ip(packet.ip_packet("192.0.2.1", GW4_SECOND, 1, error[20:]))
    assert not [s for s in rx.drain(QUIET - 0.06) if s.data]
    rx.send("A")
    rx.reset()
