# SPDX-License-Identifier: BSD-3-Clause
"""SYN cookies (RFC 4987) for every client: nothing is remembered of a SYN, and nobody notices."""

import itertools

import pytest

from network import OFFER, request, response, text
from packet import MSS, SACK_OK, TIMESTAMPS, WSCALE, mss, sack_ok, timestamps, wscale

LIMITS = {"syn_cookies_above": 0}
QUIET = 0.25
both = pytest.mark.parametrize("v", [4, 6])
pytestmark = pytest.mark.together
# What a client may offer beside the MSS: a Windows client, for one, does without timestamps.
KINDS = {WSCALE: b"\1" + wscale(7), SACK_OK: sack_ok(), TIMESTAMPS: timestamps(1)}
offers = pytest.mark.parametrize("kinds", [k for n in range(4) for k in itertools.combinations(KINDS, n)],
                                 ids=lambda kinds: "-".join(map(str, kinds)) or "none")


def offer(kinds):
    return mss(1400) + b"".join(KINDS[kind] for kind in kinds)


def asked(net, v=4, options=OFFER):
    """A client whose SYN was answered, and the answer."""
    c = net.client(v)
    c.send("S", options=options)
    return c, c.expect("SA", ack=c.snd_nxt)


def test_synack_is_sent_once(net):
    c, _ = asked(net)
    c.silence(1.5)


@both
def test_repeated_syn_gets_the_same_answer(net, v):
    c = net.client(v)
    syn = c.send("S", options=OFFER)
    first = c.expect("SA")
    c.send("S", options=OFFER, seq=syn.seq)
    again = c.expect("SA")
    assert (first.seq, first.window, first.mss, first.wscale) == (again.seq, again.window, again.mss, again.wscale)


@both
@offers
def test_what_was_offered_is_kept(net, v, kinds):
    """MSS and window scale show in what is sent, SACK in what is answered; timestamps are the monitor's."""
    front = net.client(v)
    front.window = 10 if WSCALE in kinds else 1280
    front.open(offer(kinds))
    front, back = net.session(v, front)
    assert {kind for kind, _ in front.monitor.gw_syn.options} - {MSS} == set(kinds)
    answer = response(text(4000))
    for at in range(1400, len(answer), 1400):   # before the beginning, so that all is passed on at once
        back.send("A", answer[at:at + 1400], seq=back.snd_nxt + at)
    back.data(answer[:1400])
    # 1280 bytes either way: a window of 10 says so where the scale of 7 is known.
    assert len(front.expect("A", where=lambda s: s.data).data) == 1280
    front.window = 65535
    front.send("A")
    full = front.expect("A", where=lambda s: s.data)
    assert len(full.data) + len(full.raw_options) == 1400
    front.expect_text(answer[-100:])
    begin = front.snd_nxt
    front.send("A", b"x", seq=begin + 100)
    assert bool(front.expect("A", ack=begin).sack) == (SACK_OK in kinds)
    front.reset()


@both
def test_data_on_the_first_ack_is_delivered(net, v):
    """The bare ACK is lost, or there was none: the first data does as well."""
    pool = net.pool(v)
    c, _ = asked(net, v)
    c.data(request(pool.host))
    c.expect("A", ack=c.snd_nxt)
    back = pool.accept(OFFER)
    back.expect_text(b"\r\n\r\n")
    back.data(response(b"answer"))
    c.expect_text(b"answer")
    c.reset()


def test_data_and_fin_on_the_first_ack_are_taken(net):
    c, _ = asked(net)
    c.send("FPA", b"G")
    assert c.wait_end().ack == c.snd_nxt


@both
def test_text_behind_the_first_segment_waits_for_it(net, v):
    """ACK and first segment lost: the second one neither opens nor ends anything."""
    pool = net.pool(v)
    c, _ = asked(net, v)
    ask = request(pool.host)
    c.send("PA", ask[10:], seq=c.snd_nxt + 10)
    c.silence(QUIET)
    c.data(ask)
    c.expect("A", ack=c.snd_nxt)
    pool.accept(OFFER)
    c.reset()


def test_connection_goes_on_after_the_ack_comes_again(net):
    c, _ = asked(net)
    for _ in range(3):
        c.send("A")
    pool = net.pool()
    c.data(request(pool.host))
    c.expect("A", ack=c.snd_nxt)
    pool.accept(OFFER)
    c.reset()


@both
@pytest.mark.parametrize("fields", [{"ack": 1}, {"ack": 256}, {"ack": 1 << 31}, {"seq": 1}, {"seq": -1}],
                         ids=["next", "256", "far", "seq+1", "seq-1"])
def test_forged_cookie_is_refused(net, v, fields):
    c, _ = asked(net, v)
    good = {"seq": c.snd_nxt, "ack": c.rcv_nxt}
    ack = c.send("A", **{key: good[key] + fields.get(key, 0) for key in good})
    c.expect("R", seq=ack.ack)


def test_cookie_of_another_client_is_refused(net):
    a, _ = asked(net)
    b = net.client(isn=a.isn)
    b.snd_nxt = a.snd_nxt
    b.monitor.sent(b.segment("S", seq=b.isn, options=OFFER), 0)
    b.send("A", ack=a.rcv_nxt)
    b.station.wait(lambda: b.inbox)
    assert b.next(0).has("R")
    a.reset()


def test_scale_in_the_echo_cannot_be_changed(net):
    c, synack = asked(net)
    value, _ = synack.ts
    c.send("A", options=b"\1\1" + timestamps(c.ts_now(), value ^ 8))
    c.expect("R")
