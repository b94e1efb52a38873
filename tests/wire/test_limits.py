# SPDX-License-Identifier: BSD-3-Clause
"""Floods and full tables: everything is bounded, and the newest client still gets in."""

import time

import pytest

from lab import GW4
from network import CLIENT, OFFER, request
from packet import MASK, Segment, mss
from test_close import gateway_closed, gone

LIMITS = {"connections": 20, "half_open": 16, "time_wait": 16}
TIMEOUTS = {"half_open": "5s", "time_wait": "5s", "keepalive_client": "2s", "keepalive_pool": "2s"}
both = pytest.mark.parametrize("v", [4, 6])


@pytest.fixture(autouse=True)
def nothing_left_open(net):
    yield
    net.reset_clients()
    time.sleep(0.1)


@both
def test_silent_connections_are_probed_and_live_on_when_they_answer(net, v):
    """RFC 9293 section 3.8.4: a segment without news that must be answered; both sides of a waiting request."""
    front, back = net.session(v)
    for end in (front, back):
        end.drain(0.02)
    for _ in range(2):
        probes = [end.expect("A", within=3) for end in (front, back)]
        for end, probe in zip((front, back), probes):
            assert probe.seq == (end.rcv_nxt - 1) & MASK and not probe.data and probe.ack == end.snd_nxt
            end.send("A")
    gap = front.expect("A", within=3).time - probes[0].time
    assert 1.8 < gap < 2.6, gap
    front.reset()


def flood(net, first):
    """300 SYNs of clients that aren't there."""
    for n in range(300):
        syn = Segment(f"203.0.113.{150 + n % 50}", GW4, first + n, 80, n * 7919, 0, "S", raw_options=mss(1460))
        net.outside.send_ip(syn.packet())


def test_syn_flood_keeps_nobody_out(net):
    """RFC 4987: who came before it, in the middle of it, and who answers late."""
    early, late = net.client(), net.client()
    early.send("S", options=OFFER)
    flood(net, 2000)
    late.send("S", options=OFFER)
    for c in (early, late):
        c.expect("SA")
        c.send("A")
        c.data(request(net.pool().host))
        c.expect("A", ack=c.snd_nxt)
        c.reset()
    assert net.counter("syncookies_sent") >= 280 and net.counter("syncookies_recv") >= 1
    assert net.counter("half_open_evicted") == 0


def test_established_connection_survives_a_syn_flood(net):
    c = net.opened()
    flood(net, 3000)
    c.data(request(net.pool().host))
    c.expect("A", ack=c.snd_nxt)
    c.reset()


def test_session_above_the_limit_is_refused_with_a_reset(net):
    opened = [net.opened() for _ in range(20)]
    extra = net.client()
    extra.open(OFFER)
    extra.expect("RA")
    opened.pop().reset()
    time.sleep(0.05)
    again = net.opened()
    again.data(request(net.pool().host))
    again.expect("A", ack=again.snd_nxt)
    for c in opened + [again]:
        c.reset()
    time.sleep(0.1)


def test_oldest_time_wait_makes_room(net):
    fronts = []
    for _ in range(20):
        front, _ = gateway_closed(net)
        front.send("FA")
        front.expect("A", ack=front.snd_nxt)
        fronts.append(front)
    last = fronts[-1]
    last.send("FA", seq=last.snd_nxt - 1)
    last.expect("A", ack=last.snd_nxt)
    gone(fronts[0])


@both
def test_resets_to_strays_are_limited(net, v):
    """At most about a hundred a second: no reflector."""
    time.sleep(1.0)
    ends = [net.client(v) for _ in range(400)]
    begun = time.monotonic()
    for c in ends:
        c.send("A", ack=5)
    time.sleep(0.2)
    seconds = 1 + int(time.monotonic() - begun + 1)
    assert 50 <= sum(len(c.drain()) for c in ends) <= 110 * seconds
    time.sleep(1.1)


@both
def test_challenge_acks_are_limited(net, v):
    """RFC 5961 section 7: an ACK storm dies down."""
    c = net.opened(v)
    c.drain(0.05)
    for _ in range(300):
        c.send("A", seq=c.snd_nxt - 5)
    assert len(c.drain(0.2)) <= 30
    c.reset()


def test_many_connections_come_and_go(net):
    for n in range(300):
        c = net.client()
        c.open(OFFER)
        c.reset()
    c = net.opened()
    c.data(request(net.pool().host))
    c.expect("A", ack=c.snd_nxt)
    c.reset()
    time.sleep(0.1)
