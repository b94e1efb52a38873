# SPDX-License-Identifier: BSD-3-Clause
"""Paths that swallow large packets without a word (RFC 4821, RFC 8899), and what ICMP says of sizes."""

import random
import time

import pytest

from network import text
from packet import MASK, diff, mss, sack_ok
from test_icmp import in_flight, too_big
from test_lossy import Receiver

sides = pytest.mark.parametrize("side", ["client", "pool"])
both = pytest.mark.parametrize("v", [4, 6])
pytestmark = pytest.mark.together
SACKED = mss(1460) + sack_ok()
SIZE = 150000


class BlackHole(Receiver):
    """Whatever is larger than `mtu` never arrives."""

    def __init__(self, rx, mtu):
        super().__init__(rx, random.Random(1), 0.0)
        self.mtu, self.swallowed, self.largest = mtu, 0, 0

    def take(self, seg):
        if seg.ip_len > self.mtu:
            self.swallowed += 1
            return
        if seg.data:
            self.largest = max(self.largest, seg.ip_len)
        super().take(seg)


def transfer(net, side, v, mtu, size=SIZE, within=15):
    """`side` receives size bytes over a path of that MTU. -> the receiver"""
    tx, rx = net.stream("pool" if side == "client" else "client", v, other=SACKED)
    receiver, at, deadline = BlackHole(rx, mtu), 0, time.monotonic() + within
    while not receiver.whole(size) and time.monotonic() < deadline:
        tx.drain()
        edge = tx.monitor.gw_edge - diff(tx.begin, tx.isn)
        while at < size and at + 1400 <= edge:
            tx.send("A", text(min(1400, size - at), at), seq=tx.begin + at)
            at = min(at + 1400, size)
        tx.snd_nxt = tx.begin + at & MASK
        seg = rx.next(0.005)
        while seg is not None:
            receiver.take(seg)
            seg = rx.next(0)
    if not receiver.whole(size):
        rx.fail(f"{receiver.edge()} of {size} bytes after {within} s")
    assert all(data == text(len(data), begin) for begin, data in receiver.have.items())
    rx.reset()
    return receiver


@sides
@pytest.mark.parametrize("v, mtu", [(4, 1400), (4, 1100), (4, 600), (6, 1400), (6, 1280)])
def test_black_hole_is_found_and_everything_arrives(net, side, v, mtu):
    before = net.counter("pmtu_black_hole")
    receiver = transfer(net, side, v, mtu)
    assert receiver.swallowed and net.counter("pmtu_black_hole") > before


@sides
def test_size_of_the_hole_is_searched_for_with_data(net, side):
    """RFC 4821 section 7: from 1064 the search comes near what the path carries."""
    receiver = transfer(net, side, 4, 1400, size=500000, within=25)
    assert receiver.largest > 1400 - 33, receiver.largest


@sides
@both
def test_third_retransmission_is_smaller(net, side, v):
    """Nothing is acknowledged: the segment, twice more, then its beginning only."""
    tx, rx, sent = in_flight(net, side, v)
    first, sizes = sent[0], [len(sent[0].data)]
    deadline = time.monotonic() + 6
    while len(sizes) < 4 and time.monotonic() < deadline:
        seg = rx.next(0.5)
        if seg is not None and seg.data and seg.seq == first.seq:
            sizes.append(len(seg.data))
    assert sizes[2] == sizes[1] == sizes[0] > 1300 and sizes[3] < 1300, sizes
    rx.reset()


@sides
@both
def test_small_segments_stay_as_they_are(net, side, v):
    tx, rx, sent = in_flight(net, side, v, size=200)
    first, sizes = sent[0], [len(sent[0].data)]
    deadline = time.monotonic() + 4
    while len(sizes) < 4 and time.monotonic() < deadline:
        seg = rx.next(0.5)
        if seg is not None and seg.data and seg.seq == first.seq:
            sizes.append(len(seg.data))
    assert len(sizes) == 4 and len(set(sizes)) == 1, sizes
    rx.reset()


@sides
@both
def test_too_big_about_a_size_that_is_not_in_flight_is_ignored(net, side, v):
    """RFC 5927 section 7.2: what was sent would have fitted."""
    tx, rx, sent = in_flight(net, side, v, size=600)
    refused = net.counter("drop_icmp")
    too_big(rx, sent[0], 1400)
    time.sleep(0.05)
    assert net.counter("drop_icmp") > refused
    assert all(len(s.data) == len(sent[0].data) for s in rx.drain(0.05) if s.data and s.seq == sent[0].seq)
    rx.reset()
