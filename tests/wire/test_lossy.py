# SPDX-License-Identifier: BSD-3-Clause
"""Whole transfers over a wire that loses, repeats and reorders: every byte arrives once, in time."""

import random
import time

import pytest

from network import OFFER, text
from packet import MASK, diff, mss, sack, sack_ok, timestamps
from monitor import Intervals

sides = pytest.mark.parametrize("side", ["client", "pool"])
PLAIN = mss(1460)
SACKED = mss(1460) + sack_ok()
SIZE = 200000


class Receiver:
    """A correct receiver behind a bad wire: RFC 9293 acknowledgments with RFC 2018 SACK."""

    def __init__(self, rx, dice, lose, lose_acks=0.0):
        self.rx, self.dice, self.lose, self.lose_acks = rx, dice, lose, lose_acks
        self.start, self.got, self.have = rx.rcv_nxt, Intervals(), {}
        self.recent = []

    def take(self, seg):
        if seg.data and self.dice.random() >= self.lose:
            begin = diff(seg.seq, self.start)
            self.have[begin] = seg.data
            self.got.add(begin, begin + len(seg.data))
            self.recent.insert(0, begin)
            if self.dice.random() >= self.lose_acks:
                self.acknowledge()

    def edge(self):
        first = self.got.parts[0] if self.got.parts else (0, 0)
        return first[1] if first[0] == 0 else 0

    def acknowledge(self):
        options = b""
        if self.rx.ts_on:
            options += b"\1\1" + timestamps(self.rx.ts_now(), self.rx.ts_recent)
        blocks = []
        for begin in self.recent:
            part = next((p for p in self.got.parts if p[0] <= begin < p[1]), None)
            if part and part[0] > self.edge() and part not in blocks:
                blocks.append(part)
        if blocks and self.rx.monitor.our_syn.option(4) is not None:
            options += b"\1\1" + sack(*((self.start + a, self.start + b) for a, b in blocks[:3]))
        self.recent = self.recent[:20]
        self.rx.send("A", ack=self.start + self.edge(), options=options)

    def whole(self, size):
        return self.edge() >= size


@sides
@pytest.mark.parametrize("other", [PLAIN, SACKED, OFFER], ids=["plain", "sack", "timestamps"])
@pytest.mark.parametrize("lose, lose_acks", [(0.0, 0.0), (0.03, 0.0), (0.1, 0.1)], ids=["clean", "3", "10-and-acks"])
def test_transfer_to_a_receiver_with_losses(net, side, other, lose, lose_acks):
    tx, rx = net.stream("pool" if side == "client" else "client", other=other)
    receiver = Receiver(rx, random.Random(7), lose, lose_acks)
    size = SIZE if lose < 0.1 else SIZE // 4
    at, deadline = 0, time.monotonic() + 20
    while not receiver.whole(size) and time.monotonic() < deadline:
        tx.drain()
        edge = tx.monitor.gw_edge - diff(tx.begin, tx.isn)
        for _ in range(8):
            if at < size and at + 1400 <= edge:
                tx.send("A", text(min(1400, size - at), at), seq=tx.begin + at)
                at += 1400
        seg = rx.next(0.005)
        while seg is not None:
            receiver.take(seg)
            seg = rx.next(0)
    assert receiver.whole(size), rx.story()
    assert rx.received == text(size)
    rx.reset()


@sides
@pytest.mark.parametrize("offer", [PLAIN, OFFER], ids=["plain", "timestamps"])
def test_transfer_from_a_sender_with_losses(net, side, offer):
    """Go-back-N and a tenth lost: the gateway's reassembly and its ACKs keep it going."""
    tx, rx = net.stream(side, offer=offer)
    dice = random.Random(11)
    size, acked, deadline = 60000, 0, time.monotonic() + 15
    while acked < size and time.monotonic() < deadline:
        edge = tx.monitor.gw_edge - diff(tx.begin, tx.isn)
        window = [k for k in range(acked, min(size, acked + 14000, edge), 1000)]
        dice.shuffle(window)
        for k in window:
            if dice.random() > 0.1:
                tx.send("A", text(min(1000 + dice.randrange(400), size - k), k), seq=tx.begin + k)
        tx.drain(0.004)
        acked = tx.monitor.gw_ack - diff(tx.begin, tx.isn)
        rx.drain()
        rx.send("A")
    deadline = time.monotonic() + 3
    while len(rx.received) < size and time.monotonic() < deadline:
        rx.drain(0.01)
        rx.send("A")
    assert acked == size and rx.received == text(size)
    tx.reset()
