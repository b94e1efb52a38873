# SPDX-License-Identifier: BSD-3-Clause
"""The gateway as the one who connects: towards a pool. RFC 9293 sections 3.5 and 3.10.7.3."""

import time

import pytest

from lab import INNER4, INNER6
from network import OFFER, SOURCE_PORTS, pool_address, request, response
from packet import MASK, MSS, SACK_OK, TIMESTAMPS, WSCALE, diff, mss, sack_ok, timestamps, wscale
from wire import icmp_error

TIMEOUTS = {"connect": "4s"}
both = pytest.mark.parametrize("v", [4, 6])
pytestmark = pytest.mark.together
QUIET = 0.2
PLAIN = mss(1460)


def asked(net, v=4, deaf=False):
    """A client whose request makes the gateway connect. -> (front, pool)"""
    pool = net.pool(v)
    if deaf:
        net.inside.absent.add(pool.address)
    front = net.opened(v)
    front.data(request(pool.host))
    return front, pool


def served(front, back):
    """The rest of an exchange on an open pool connection."""
    back.expect_text(b"\r\n\r\n")
    back.data(response(b"served"))
    front.expect_text(b"served")
    front.reset()


def failed(front, status, within=2.0):
    front.expect_text(b"HTTP/1.1 %d " % status, within, ack=False)
    front.reset()


# -- tests that wait ----------------------------------------------------------------------------------------


def silent(net, v):
    """SYNs after 0, 1 and 3 s, the same each time; 504 after timeouts.connect; a late answer is refused."""
    front, pool = asked(net, v)
    begun = time.monotonic()
    back = pool.syn()
    first = back.first
    times = [first.time]
    while len(times) < 3:
        again = back.expect("S", seq=first.seq, within=3)
        assert (again.sport, again.window, again.mss, again.wscale) == \
            (first.sport, first.window, first.mss, first.wscale)
        times.append(again.time)
    gaps = [b - a for a, b in zip(times, times[1:])]
    assert 0.9 < gaps[0] < 1.3 and 1.8 < gaps[1] < 2.4, gaps
    failed(front, 504, 4)
    assert 3.8 < time.monotonic() - begun < 5
    late = back.send("SA", options=OFFER)
    back.expect("R", seq=late.ack)


def test_silent_pool_is_504(net):
    silent(net, 4)


def test_silent_pool_is_504_v6(net):
    silent(net, 6)


def test_lost_synack_is_answered_when_it_comes(net):
    front, pool = asked(net)
    back = pool.syn()
    back.expect("S", within=2)
    back.answer(OFFER)
    served(front, back)


def test_pool_without_a_neighbour_is_504(net):
    """Nobody answers ARP: asked a few times, then given up."""
    front, pool = asked(net, deaf=True)
    failed(front, 504, 6)
    asks = [q for q in net.inside.questions if q[0] == "arp" and q[3] == pool.address]
    assert 2 <= len(asks) <= 6 and all(q[1] == 1 and q[2] == INNER4 for q in asks)
    net.inside.absent.discard(pool.address)


def test_pool_without_a_neighbour_is_504_v6(net):
    front, pool = asked(net, 6, deaf=True)
    failed(front, 504, 6)
    asks = [q for q in net.inside.questions if q[0] == "nd" and q[3] == pool.address]
    assert 2 <= len(asks) <= 6 and all(q[1] == 135 and q[2] == INNER6 for q in asks)
    net.inside.absent.discard(pool.address)


def test_soft_icmp_errors_do_not_end_an_attempt(net):
    """RFC 1122 section 4.2.3.9, RFC 5927: network or host unreachable, time exceeded: the pool may come back."""
    front, pool = asked(net)
    back = pool.syn()
    for kind, code in ((3, 0), (3, 1), (11, 0), (3, 13)):
        net.inside.send_ip(icmp_error(pool.address, back.first, kind, code))
    back.expect("S", within=2)
    back.answer(OFFER)
    served(front, back)


def test_reset_with_a_wrong_ack_does_not_end_an_attempt(net):
    """RFC 9293 section 3.10.7.3: acceptable is only the ACK of the SYN; without ACK a RST says nothing."""
    front, pool = asked(net)
    back = pool.syn()
    for flags, ack in (("RA", back.rcv_nxt + 1), ("RA", back.rcv_nxt - 1), ("RA", 0), ("R", 0)):
        back.send(flags, ack=ack, seq=0)
    back.silence(0.3)
    back.answer(OFFER)
    served(front, back)


# -- its SYN --------------------------------------------------------------------------------------------------


@both
def test_syn_to_the_pool(net, v):
    """All options offered; from the internal address and the configured range of ports."""
    front, pool = asked(net, v)
    back = pool.syn()
    syn = back.first
    assert {kind for kind, _ in syn.options} == {MSS, WSCALE, SACK_OK, TIMESTAMPS}
    assert syn.mss == (1460 if v == 4 else 1440)
    assert syn.src == (INNER4 if v == 4 else INNER6)
    assert SOURCE_PORTS[0] <= syn.sport <= SOURCE_PORTS[1]
    assert syn.ack == 0 and syn.ts[1] == 0
    back.answer(OFFER)
    served(front, back)


def test_source_ports_and_isns_are_not_to_be_guessed(net):
    """RFC 6056: where the ports of a destination begin is a secret of that destination; RFC 6528."""
    ports, isns = [], []
    for _ in range(12):
        pool = net.pool()
        front = net.opened()
        front.data(request(pool.host))
        back = pool.syn()
        ports.append(back.first.sport)
        isns.append(back.first.seq)
        back.send("RA")
        failed(front, 503)
    assert len(set(ports)) == len(ports)
    assert len({b - a for a, b in zip(ports, ports[1:])}) > 9, ports
    steps = sorted(abs(diff(b, a)) for a, b in zip(isns, isns[1:]))
    assert steps[len(steps) // 2] > 1 << 24, isns


@both
def test_ttl_and_code_point_are_those_of_the_configuration(net, v):
    """RFC 9293 MUST-48 and MUST-49; the values are in wire_config()."""
    pool = net.pool(v)
    front = net.client(v, 81)
    front.send("S", options=OFFER)
    answer = front.expect("SA")
    assert (answer.ttl, answer.tos >> 2) == (64, 10)
    front.send("A")
    front.data(request(pool.host))
    back = pool.syn()
    assert (back.first.ttl, back.first.tos >> 2) == (200, 0)
    back.send("RA")
    failed(front, 503)


@both
@pytest.mark.parametrize("options", [b"", PLAIN, PLAIN + sack_ok(), PLAIN + wscale(7), PLAIN + timestamps(1), OFFER],
                         ids=["none", "mss", "sack", "wscale", "timestamps", "all"])
def test_pool_may_accept_any_of_the_options(net, v, options):
    front, pool = asked(net, v)
    served(front, pool.accept(options))


# -- answers to it ----------------------------------------------------------------------------------------------


@both
def test_refused_is_503(net, v):
    front, pool = asked(net, v)
    back = pool.syn()
    back.send("RA")
    failed(front, 503)
    back.silence(QUIET)


@both
@pytest.mark.parametrize("off", [-1, 1, 1 << 30])
def test_synack_of_something_else_gets_a_reset(net, v, off):
    """RFC 9293 section 3.10.7.3, first step; the right one may still come."""
    front, pool = asked(net, v)
    back = pool.syn()
    bad = back.send("SA", ack=back.rcv_nxt + off, options=OFFER, seq=back.isn + 5000)
    back.expect("R", seq=bad.ack)
    back.monitor.gw_reset_at = None
    back.monitor.our_isn = back.monitor.our_syn = None
    back.answer(OFFER)
    served(front, back)


@both
@pytest.mark.parametrize("flags", ["", "F", "SF", "SRA", "FU", "SFA"])
def test_senseless_answers_are_ignored(net, v, flags):
    front, pool = asked(net, v)
    back = pool.syn()
    back.send(flags, seq=back.isn)
    back.silence(0.1)
    back.monitor.our_isn = back.monitor.our_syn = None
    back.answer(OFFER)
    served(front, back)


@both
def test_ack_without_syn_is_ignored(net, v):
    front, pool = asked(net, v)
    back = pool.syn()
    back.send("A", seq=back.isn)
    back.silence(0.1)
    back.answer(OFFER)
    served(front, back)


@both
def test_simultaneous_open(net, v):
    """RFC 9293 section 3.5, figure 7: SYNs cross, both answer, then it's open."""
    front, pool = asked(net, v)
    back = pool.syn()
    back.send("S", options=OFFER)
    synack = back.expect("SA", ack=back.snd_nxt)
    assert synack.seq == back.first.seq
    back.send("SA", options=OFFER, seq=back.isn)
    served(front, back)


@both
def test_simultaneous_open_ended_by_a_plain_ack(net, v):
    front, pool = asked(net, v)
    back = pool.syn()
    back.send("S", options=OFFER)
    back.expect("SA", ack=back.snd_nxt)
    back.send("A")
    served(front, back)


def test_reset_in_a_simultaneous_open_is_503(net):
    front, pool = asked(net)
    back = pool.syn()
    back.send("S", options=OFFER)
    back.expect("SA", ack=back.snd_nxt)
    back.reset()
    failed(front, 503)


@both
def test_repeated_synack_is_acknowledged_again(net, v):
    front, pool = asked(net, v)
    back = pool.accept(OFFER)
    back.expect_text(b"\r\n\r\n")
    for _ in range(2):
        back.send("SA", seq=back.isn, options=OFFER)
        back.expect("A", ack=back.snd_nxt)
    back.data(response(b"fine"))
    front.expect_text(b"fine")
    front.reset()


@both
def test_answer_may_come_with_the_synack(net, v):
    """Data on the SYN-ACK is taken or asked for again."""
    front, pool = asked(net, v)
    back = pool.syn()
    answer = response(b"eager")
    begin = back.isn + 1
    back.send("SPA", answer, options=OFFER)
    taken = back.expect("A", where=lambda s: True)
    if diff(taken.ack, back.snd_nxt) < 0:
        back.send("PA", answer, seq=begin)
    front.drain(0.3)
    assert b"eager" in front.received or b"503" in front.received, front.story()
    front.reset()


@both
def test_reset_right_after_the_synack_is_503(net, v):
    front, pool = asked(net, v)
    back = pool.syn()
    back.send("SA", options=OFFER)
    back.expect("A", ack=back.snd_nxt)
    back.reset()
    failed(front, 503)


@both
def test_hard_icmp_error_ends_an_attempt(net, v):
    """RFC 1122 section 4.2.3.9: port unreachable, about exactly this SYN."""
    front, pool = asked(net, v)
    back = pool.syn()
    kind, code = (3, 3) if v == 4 else (1, 4)
    net.inside.send_ip(icmp_error(pool.address, back.first, kind, code))
    failed(front, 503)


@both
def test_forged_icmp_error_does_not_end_an_attempt(net, v):
    """RFC 5927 section 4.1: with a sequence number that isn't in flight it is nobody's."""
    front, pool = asked(net, v)
    back = pool.syn()
    kind, code = (3, 3) if v == 4 else (1, 4)
    seq = back.first.seq
    for off in (1, -1, 1 << 20, 1 << 31):
        back.first.seq = (seq + off) & MASK
        net.inside.send_ip(icmp_error(pool.address, back.first, kind, code))
    time.sleep(0.1)
    back.answer(OFFER)
    served(front, back)


def test_internal_side_listens_to_nothing(net):
    """Connections from inside: no answer, on any port; strays to the range of source ports are reset."""
    from wire import Tcp
    for port in (80, 81, 443, 8080, SOURCE_PORTS[0] + 1):
        c = Tcp(net.inside, pool_address(50), 5555, INNER4, port)
        c.send("S", options=OFFER)
        assert c.next(0.1) is None
    c = Tcp(net.inside, pool_address(50), 5556, INNER4, SOURCE_PORTS[0] + 1)
    stray = c.send("A", ack=99)
    c.expect("R", seq=stray.ack)
    c = Tcp(net.inside, pool_address(50), 5556, INNER4, 80)
    c.send("A", ack=99)
    c.silence(0.1)


def test_other_sides_address_is_not_reachable(net):
    """Nothing is forwarded between the ports: neither its own addresses nor others."""
    from lab import GW4
    from wire import Tcp
    c = Tcp(net.inside, pool_address(51), 5557, GW4, 80)
    c.send("S", options=OFFER)
    c.silence(0.2)
    c = net.client(to=INNER4)
    c.send("S", options=OFFER)
    c.silence(0.2)
    c = net.client(to=pool_address(3), port=8080)
    c.send("S", options=OFFER)
    c.silence(0.1)
