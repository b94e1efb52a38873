# SPDX-License-Identifier: BSD-3-Clause
"""
Explicit Congestion Notification, RFC 3168 section 6.1. That nothing but new data is ECN-capable, and only where both
sides agreed, is the monitor's business in every test.
"""

import pytest

from network import OFFER, request, response, response_head, text

POOL = {"ecn": True}
both = pytest.mark.parametrize("v", [4, 6])
pytestmark = pytest.mark.together
ECT0, CE = 2, 3


def opened(net, v=4):
    c = net.client(v)
    c.send("SEW", options=OFFER)
    c.expect("SAE", ack=c.snd_nxt)
    c.send("A")
    return c


def accepted(pool):
    """The gateway's connection to a pool that declines: what is about the outside needs no other."""
    return pool.accept(OFFER, flags="SEW")


def upload(net, v=4):
    """A client with ECN in the middle of a body, and the pool's end."""
    pool = net.pool(v)
    c = opened(net, v)
    c.data(request(pool.host, more="Content-Length: 1000000\r\n", method="POST"), tos=ECT0)
    back = accepted(pool)
    back.expect_text(b"\r\n\r\n")
    c.drain(0.02)
    return c, back


def download(net, n, v=4):
    """n segments wait on their way to a client with ECN, whose window is a small one."""
    pool = net.pool(v)
    c = opened(net, v)
    c.data(request(pool.host), tos=ECT0)
    back = accepted(pool)
    back.expect_text(b"\r\n\r\n")
    back.data(response_head(1000000))
    c.expect_text(b"\r\n\r\n")
    for at in range(0, n * 1400, 1400):
        back.data(text(1400, at))
    c.related, back.related = [back], [c]
    return c, back


# -- outside: when the client asks ---------------------------------------------------------------------


@both
@pytest.mark.parametrize("flags", ["S", "SE", "SW"])
def test_only_an_ecn_setup_syn_asks(net, v, flags):
    c = net.client(v)
    c.send(flags, options=OFFER)
    c.expect("SA")
    c.reset()


@both
def test_listener_may_decline(net, v):
    c = net.client(v, port=81)
    c.send("SEW", options=OFFER)
    c.expect("SA")
    c.send("A")
    pool = net.pool(v)
    c.data(request(pool.host), tos=CE)
    assert not {"E", "W"} & set(c.expect("A", ack=c.snd_nxt).flags)
    c.reset()


@both
def test_syn_again_without_ecn_turns_it_off(net, v):
    """Section 6.1.1.1"""
    c = net.client(v)
    syn = c.send("SEW", options=OFFER)
    c.expect("SAE")
    c.send("S", options=OFFER, seq=syn.seq)
    c.expect("SA")
    c.send("A")
    pool = net.pool(v)
    c.data(request(pool.host))
    back = accepted(pool)
    back.expect_text(b"\r\n\r\n")
    back.data(response(b"plain"))
    c.expect_text(b"plain")
    c.reset()


@both
def test_mark_is_echoed_until_cwr(net, v):
    c, _ = upload(net, v)
    c.data(text(1000), tos=CE)
    c.expect("AE", ack=c.snd_nxt)
    c.data(text(1000, 1000), tos=ECT0)
    c.expect("AE", ack=c.snd_nxt)
    c.send("PAW", text(1000, 2000), tos=ECT0)
    c.expect("A", ack=c.snd_nxt)
    c.data(text(1000, 3000), tos=ECT0)
    c.expect("A", ack=c.snd_nxt)
    c.reset()


def test_mark_outside_the_window_is_ignored(net):
    """Section 6.1.5: whoever can't see the connection can't slow it down."""
    c, _ = upload(net)
    c.send("PA", text(1000), seq=c.snd_nxt + (1 << 30), tos=CE)
    c.expect("A", ack=c.snd_nxt)
    c.reset()


@both
def test_echo_halves_the_window_and_cwr_follows(net, v):
    c, back = download(net, 40, v)
    first = c.drain(0.05)      # far below any RTO
    sent = sum(len(seg.data) for seg in first)
    assert all(seg.tos & 3 == ECT0 for seg in first if seg.data)
    c.send("AE")
    second = [seg for seg in c.drain(0.05) if seg.data]
    assert "W" in second[0].flags and not any("W" in seg.flags for seg in second[1:])
    assert sum(len(seg.data) for seg in second) <= sent * 0.75
    back.reset()
    c.reset()


def test_echo_without_ecn_means_nothing(net):
    pool, front = net.pool(), net.opened()
    front.data(request(pool.host))
    back = accepted(pool)
    back.expect_text(b"\r\n\r\n")
    back.data(response_head(5000) + text(1000))
    front.expect("A", where=lambda s: s.data)
    front.send("AE")
    back.data(text(1000))
    assert front.expect("A", where=lambda s: s.data)    # no CWR: these are all its flags
    front.reset()


@both
def test_retransmission_is_not_capable(net, v):
    """Section 6.1.5; what the monitor says of the copy."""
    c, back = download(net, 1, v)
    first = c.expect("A", where=lambda s: s.data)
    again = c.expect("A", where=lambda s: s.data and s.seq == first.seq, within=4)
    assert first.tos & 3 == ECT0 and again.tos & 3 == 0
    c.reset()


# -- inside: when the pool's configuration asks --------------------------------------------------------


def asked(net, v=4):
    """The gateway's SYN to a pool."""
    pool = net.pool(v)
    front = net.opened(v)
    front.data(request(pool.host))
    return front, pool.syn(flags="SEW")


@both
def test_server_that_answers_by_ece_gets_capable_data(net, v):
    front, back = asked(net, v)
    back.send("SAE", options=OFFER)
    assert back.expect("A", where=lambda s: s.data).tos & 3 == ECT0
    back.reset()
    front.reset()


@both
@pytest.mark.parametrize("flags", ["SA", "SAW", "SAEW"])
def test_other_answers_decline(net, v, flags):
    """Both flags reflected: a server that doesn't know them (section 6.1.1)."""
    front, back = asked(net, v)
    back.send(flags, options=OFFER)
    assert back.expect("A", where=lambda s: s.data).tos & 3 == 0
    back.reset()
    front.reset()


@both
def test_lost_syn_goes_again_without_ecn(net, v):
    """Section 6.1.1.1"""
    front, back = asked(net, v)
    back.expect("S", within=2)
    back.answer(OFFER)
    back.expect_text(b"\r\n\r\n")
    back.reset()
    front.reset()
