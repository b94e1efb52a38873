# SPDX-License-Identifier: BSD-3-Clause
"""Combinations: losses with windows, closes with losses, SACK with memory limits."""

import time

import pytest

from network import OFFER, text
from packet import MASK, diff, mss, sack_ok, timestamps
from test_close import gateway_closed
from test_receive import acked, arrives, blocks, empty, gw_edge, put
from test_send import PLAIN, SACKED, ack, feed, place, spans, stream

sides = pytest.mark.parametrize("side", ["client", "pool"])
both = pytest.mark.parametrize("v", [4, 6])
pytestmark = pytest.mark.together


def collect(rx, size, within):
    """A plain receiver until `size` bytes are there. -> seconds it took"""
    begun = time.monotonic()
    while len(rx.received) < size and time.monotonic() < begun + within:
        if rx.next(0.05):
            rx.drain(0.002)
            ack(rx, len(rx.received))
    if rx.received != text(size):
        rx.fail(f"{len(rx.received)} of {size} bytes after {within} s")
    return time.monotonic() - begun


@sides
def test_window_that_closes_over_lost_data_and_opens_again(net, side):
    """What was in flight is lost and the window is zero for a second; then all comes without further delay."""
    tx, rx = stream(net, side, other=OFFER)
    feed(tx, 0, 7000)
    rx.drain(0.05)
    rx.received = rx.received[:1400]
    rx.rcv_nxt = rx.start + 1400 & MASK
    rx.window = 0
    ack(rx, 1400)
    begun = time.monotonic()
    while time.monotonic() < begun + 1.2:
        if rx.next(0.05):
            rx.received, rx.rcv_nxt = rx.received[:1400], rx.start + 1400 & MASK
            ack(rx, 1400)
    rx.window = 65535
    ack(rx, 1400)
    assert collect(rx, 7000, 3) < 1.3
    rx.reset()


@sides
@pytest.mark.parametrize("other", [PLAIN, SACKED, OFFER], ids=["plain", "sack", "timestamps"])
def test_ack_inside_a_segment_then_timeout(net, side, other):
    """What is sent again begins at the ACK; not a byte is left out."""
    tx, rx = stream(net, side, other=other)
    feed(tx, 0, 4200)
    rx.drain(0.05)
    rx.received, rx.rcv_nxt = rx.received[:700], rx.start + 700 & MASK
    ack(rx, 700)
    again = rx.expect("A", where=lambda s: s.data, within=1.5)
    assert place(rx, again.seq) == 700
    collect(rx, 4200, 3)
    rx.reset()


@sides
def test_sack_blocks_that_cut_segments(net, side):
    tx, rx = stream(net, side, other=SACKED)
    feed(tx, 0, 14000)
    rx.drain(0.06)
    for end in (4000, 6001, 7777, 9999):
        ack(rx, 0, (2100, end))
    rx.received, rx.rcv_nxt = b"", rx.start
    again = spans(rx, 0.1)
    assert again and again[0][0] == 0
    rx.received, rx.rcv_nxt = b"", rx.start
    ack(rx, 0)
    collect(rx, 14000, 5)
    rx.reset()


@sides
@pytest.mark.parametrize("echo", [1 << 20, -(1 << 20), 1 << 31])
def test_timestamp_echoes_that_lie_do_not_spoil_the_timer(net, side, echo):
    """RFC 7323 section 4: an echo of what was never sent must not become a round-trip time."""
    tx, rx = stream(net, side, other=OFFER)
    at = 0
    for _ in range(6):
        feed(tx, at, at + 1000)
        rx.expect("A", where=lambda s: s.data)
        at += 1000
        rx.send("A", ack=rx.start + at, options=b"\1\1" + timestamps(rx.ts_now(), rx.ts_recent + echo))
    feed(tx, at, at + 1000)
    first = rx.expect("A", where=lambda s: s.data)
    again = rx.expect("A", where=lambda s: s.data and s.seq == first.seq, within=2)
    assert 0.15 < again.time - first.time < 1.5
    rx.reset()


@sides
def test_slow_start_doubles(net, side):
    """RFC 5681 section 3.1: ten segments, then twenty; a late machine may see the tail probe as well (RFC 8985)."""
    tx, rx = stream(net, side)
    feed(tx, 0, 56000)
    segments = [s for s in rx.drain(0.12) if s.data]
    first = [s for s in segments if s.time < segments[0].time + 0.2]
    for s in segments:
        ack(rx, place(rx, s.seq) + len(s.data))
    feed(tx, 56000, 84000)
    second = spans(rx, 0.12)
    assert len(first) <= 10 and 15 <= len(second) <= 21, (len(first), len(second))
    rx.reset()


@sides
def test_window_full_of_data_behind_a_hole(net, side):
    """What was SACKed is still there when the hole is filled (RFC 2018 section 8 discourages otherwise)."""
    tx, rx = net.stream(side)
    at = 1400
    while at + 1400 <= gw_edge(tx):
        put(tx, at, at + 1400)
        at += 1400
        if at % 14000 == 0:
            time.sleep(0.002)
    seg = tx.drain(0.2)[-1]
    held = max((b for _, b in blocks(tx, seg)), default=1400)
    put(tx, 0, 1400)
    tx.expect("A", where=lambda s: diff(s.ack, tx.begin) >= held)
    rx.drain(0.1)
    rx.send("A")
    arrived = len(rx.received)
    while arrived < held and rx.next(0.5):
        rx.drain(0.01)
        rx.send("A")
        arrived = len(rx.received)
    assert rx.received.startswith(text(held))
    tx.reset()


@sides
@pytest.mark.parametrize("size", [40, 300, 800])
def test_small_segments_behind_a_hole_do_not_block_what_fills_it(net, side, size):
    """Out-of-order data may be dropped when memory is short; in-order data must get in, and the end is whole."""
    tx, rx = net.stream(side)
    total = 60000
    todo = list(range(size, total, size))
    for k in todo:
        put(tx, k, min(k + size, total))
        if k // size % 16 == 0:
            time.sleep(0.001)
    tx.drain(0.1)
    at, deadline = 0, time.monotonic() + 5
    while at < total and time.monotonic() < deadline:
        put(tx, at, min(at + 1400, total))
        tx.drain(0.005)
        rx.drain()
        rx.send("A")
        at = tx.monitor.gw_ack - diff(tx.begin, tx.isn)
    assert at == total, at
    deadline = time.monotonic() + 3
    while len(rx.received) < total and time.monotonic() < deadline:
        rx.drain(0.01)
        rx.send("A")
    assert rx.received == text(total)
    tx.reset()


@both
def test_lost_answer_with_its_fin_comes_again_whole(net, v):
    front, fin = gateway_closed(net, v)
    again = front.expect("FA", within=2)
    assert (again.end, again.data[-4:]) == (fin.end, b"done")
    front.send("FA")
    front.expect("A", ack=front.snd_nxt)


def test_fin_waits_behind_a_closed_window(net):
    """The answer doesn't fit: FIN only after it; nothing is lost."""
    from network import request, response
    pool = net.pool()
    front = net.opened()
    front.data(request(pool.host, more="Connection: close\r\n"))
    back = pool.accept(OFFER)
    back.expect_text(b"\r\n\r\n")
    front.window = 0
    front.send("A")
    back.data(response(text(1000)))
    front.drain(0.5)
    assert front.monitor.gw_fin is None
    front.window = 65535
    front.send("A")
    front.expect_text(text(1000)[-50:], ack=False)
    front.expect_fin()
    front.send("FA")
    front.expect("A", ack=front.snd_nxt)


@both
def test_client_behind_the_router_is_answered_through_it(net, v):
    """The gateway asks for the router's MAC, never for the client's."""
    far = "198.51.100.9" if v == 4 else "2001:db8:77::9"
    c = net.client(v, address=far)
    c.open(OFFER)
    asked = [q[3] for q in net.outside.questions]
    assert far not in asked
    c.reset()


@sides
def test_old_segment_does_not_bring_back_an_old_window(net, side):
    """RFC 9293 section 3.10.7.4, SND.WL1 and SND.WL2: the same number, an older acknowledgment."""
    tx, rx = stream(net, side)
    feed(tx, 0, 2000)
    spans(rx, 0.05)
    rx.window = 0
    ack(rx, 2000)
    feed(tx, 2000, 5000)
    rx.send("A", ack=rx.start + 1400, window=65535)
    got = spans(rx, 0.1)
    assert all(b - a <= 1 for a, b in got), got
    rx.reset()


@sides
def test_ack_delayed_by_200_ms_causes_no_retransmission(net, side):
    """
    RFC 6298 (2.4): a second at least, SHOULD; other stacks have 200 ms and more on top of the round trip. Windows
    delays the ACK of a lone segment by up to 200 ms (RFC 9293 section 3.8.6.3 allows 500).
    """
    tx, rx = stream(net, side, other=OFFER)
    at = 0
    for delay in (0, 0, 0, 0, 0, 0, 0.21, 0, 0, 0.21):
        feed(tx, at, at + 1000)
        first = rx.expect("A", where=lambda s: s.data)
        assert place(rx, first.seq) == at
        again = rx.next(delay) if delay else None
        assert again is None or not again.data, "retransmitted after %.0f ms" % (1000 * (again.time - first.time))
        at += 1000
        ack(rx, at)
    rx.reset()


@sides
def test_window_is_small_again_after_idling(net, side):
    """RFC 5681 section 4.1: no burst of a stale congestion window into the network."""
    tx, rx = stream(net, side)
    at = 0
    for _ in range(4):
        feed(tx, at, at + 14000)
        got = spans(rx, 0.05)
        at += 14000
        while got and got[-1][1] < at:
            ack(rx, got[-1][1])
            got += spans(rx, 0.05)
        ack(rx, at)
    time.sleep(1.3)
    feed(tx, at, at + 42000)
    assert len(spans(rx, 0.1)) <= 10
    rx.reset()


@sides
def test_first_two_duplicate_acks_release_new_data(net, side):
    """RFC 3042 limited transmit: at most two segments, then the lost one."""
    tx, rx = stream(net, side)
    feed(tx, 0, 21000)
    got = spans(rx, 0.05)
    for n in (1, 2):
        ack(rx, 0)
        new = spans(rx, 0.03)
        assert len(new) <= 1 and all(a >= got[-1][1] for a, _ in new), new
        got += new
    ack(rx, 0)
    assert (got[0]) in spans(rx, 0.05)
    rx.reset()
