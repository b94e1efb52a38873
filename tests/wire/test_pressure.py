# SPDX-License-Identifier: BSD-3-Clause
"""
A gateway with few packet buffers, filled by uploads that the pool doesn't take. What is given up goes in order:
windows shrink, out-of-order data is dropped, SYNs are refused; and all of it comes back.
"""

import time

from network import CLIENT, OFFER, text
from packet import diff
from test_attacks import GAUGES, back_to, counts, level

TIMEOUTS = {"time_wait": "1s", "fin_wait": "1s"}
BUFFERS = 1024      # of each port
DESCRIPTORS = 64
NONE, SHRINK, MINIMAL, REFUSE = range(4)


def configure(config):
    for port in config["ports"].values():
        port.update({"mbufs": BUFFERS, "rx_descriptors": DESCRIPTORS, "tx_descriptors": DESCRIPTORS})


class Probe:
    """What a gateway still grants to somebody new and to somebody who sends out of order."""

    def __init__(self, net):
        self.net = net
        self.tx, self.rx = net.stream("client")
        self.at = 5000

    def answered(self):
        """The window that a new client is told once it is open; None: its SYN is not answered."""
        c = self.net.client(address=CLIENT[4])
        c.send("S", options=OFFER)
        if c.next(0.15) is None:
            return None
        c.send("A")
        c.data(b"GET")
        window = max(seg.window << c.monitor.gw_shift() for seg in c.drain(0.1) or [c.fail("no ACK of data")])
        c.reset()
        return window

    def kept(self):
        """True when an out-of-order segment is kept and SACKed."""
        self.at += 3000
        self.tx.drain()
        self.tx.send("A", b"x" * 1000, seq=self.tx.begin + self.at)
        return any(seg.sack for seg in self.tx.drain(0.05))

    def look(self):
        """(level, window of somebody new, out-of-order data kept); None when the level changed meanwhile."""
        begin = level(self.net)["pressure"]
        seen = (begin, self.answered(), self.kept())
        time.sleep(0.03)
        return seen if level(self.net)["pressure"] == begin else None


def hold_more(net):
    """An upload whose receiver takes nothing fills its share of the buffers."""
    tx, rx = net.stream("client", window=0)
    rx.window = 0
    at = 0
    while (room := tx.monitor.gw_edge - diff(tx.begin + at, tx.isn)) > 0:
        tx.send("A", text(min(room, 1400), at), seq=tx.begin + at)
        at += min(room, 1400)
        if room <= 1400:
            tx.drain(0.03)
    return tx


def test_what_is_given_up_goes_in_order_and_comes_back(net):
    back_to(net, {name: 0 if name in GAUGES else value for name, value in level(net).items()})
    idle, begun = level(net), counts(net)
    probe = Probe(net)
    seen, holders = [probe.look()], []
    first = seen[0][1]
    assert seen[0] == (NONE, first, True) and first > 32768, seen
    while seen[-1][0] < REFUSE and len(holders) < 100:
        holders.append(hold_more(net))
        while level(net)["pressure"] > seen[-1][0]:
            seen += filter(None, [probe.look()])
    assert [each[0] for each in seen] == [NONE, SHRINK, MINIMAL, REFUSE], seen
    for now, window, kept in seen:
        assert (window is None) == (now >= REFUSE), seen
        assert kept == (now < MINIMAL), seen
        assert window is None or (window > first // 2) == (now == NONE), seen
    moved = counts(net)
    for name in ("pressure_rises", "drop_pressure", "drop_pressure_ooo"):
        assert moved[name] > begun[name], name
    for tx in holders:
        tx.reset()
    deadline = time.monotonic() + 5
    while level(net)["pressure"] and time.monotonic() < deadline:
        time.sleep(0.02)
    assert probe.look() == (NONE, first, True)
    probe.tx.reset()
    net.reset_clients()
    back_to(net, idle)
