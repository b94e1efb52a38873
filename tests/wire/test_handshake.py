# SPDX-License-Identifier: BSD-3-Clause
"""Opening from outside: RFC 9293 sections 3.5 and 3.10.7, RFC 5961, RFC 6528, RFC 7323."""

import itertools
import time

import pytest

from lab import GW4_SECOND
from network import OFFER, request, response
from packet import MSS, SACK_OK, TIMESTAMPS, WSCALE, diff, mss, sack_ok, timestamps, wscale

TIMEOUTS = {"half_open": "4s", "time_wait": "1s", "fin_wait": "1s"}
QUIET = 0.25
both = pytest.mark.parametrize("v", [4, 6])
pytestmark = pytest.mark.together


# -- tests that wait, first: they run beside each other ------------------------------------------------


def test_synack_is_sent_again_with_backoff(net):
    """RFC 6298: after 1 s, then twice as long; the same each time."""
    c = net.client()
    c.send("S", options=OFFER)
    answers = [c.expect("SA", within=3) for _ in range(3)]
    gaps = [b.time - a.time for a, b in zip(answers, answers[1:])]
    assert 0.9 < gaps[0] < 1.3 and 1.8 < gaps[1] < 2.4, gaps
    assert len({(a.seq, a.ack, a.window, a.mss, a.wscale) for a in answers}) == 1
    c.send("A")
    c.silence(QUIET, acks=True)
    c.reset()


def test_half_open_connection_is_forgotten(net):
    c = net.client()
    c.send("S", options=OFFER)
    begun = time.monotonic()
    c.expect("SA")
    while c.next(max(0.0, begun + 4.5 - time.monotonic())):
        pass
    ack = c.send("A")
    c.expect("R", seq=ack.ack)


def test_isn_of_one_port_pair_grows_with_time(net):
    """RFC 6528: a clock of 4 us ticks on top of a hash of the addresses."""
    isns = []
    for _ in range(3):
        c = net.client(lport=60001)
        c.send("S")
        isns.append((time.monotonic(), c.expect("SA").seq))
        c.reset()
        time.sleep(0.5)
    for (t1, a), (t2, b) in zip(isns, isns[1:]):
        assert 0.8 < diff(b, a) / ((t2 - t1) * 250000) < 1.2, isns


# -- options ------------------------------------------------------------------------------------------


@both
@pytest.mark.parametrize("port", [80, 81])
def test_syn_is_answered(net, v, port):
    c = net.client(v, port)
    c.send("S", options=OFFER)
    c.expect("SA", ack=c.snd_nxt, mss=1460 if v == 4 else 1440)
    c.send("A")
    c.silence(QUIET, acks=True)
    c.reset()


KINDS = {MSS: mss(1460), WSCALE: wscale(7), SACK_OK: sack_ok(), TIMESTAMPS: timestamps(77)}


@pytest.mark.parametrize("kinds", [k for n in range(5) for k in itertools.combinations(KINDS, n)],
                         ids=lambda kinds: "-".join(map(str, kinds)) or "none")
def test_synack_has_the_options_that_the_syn_had(net, kinds):
    c = net.client()
    c.send("S", options=b"".join(KINDS[k] for k in kinds))
    synack = c.expect("SA")
    assert {kind for kind, _ in synack.options} == set(kinds) | {MSS}
    if TIMESTAMPS in kinds:
        assert synack.ts[1] == 77
    c.reset()


@both
@pytest.mark.parametrize("offer, longest", [(b"", None), (mss(0), 48), (mss(1), 48), (mss(88), 88), (mss(200), 200),
                                            (mss(9000), 1460), (mss(65535), 1460)],
                         ids=["absent", "0", "1", "88", "200", "9000", "65535"])
def test_segments_fit_the_mss_of_the_peer(net, v, offer, longest):
    """RFC 9293 MUST-14, MUST-15, MUST-16: 536 or 1220 when it says nothing; never above our own MTU."""
    front, back = net.session(v, options=offer)
    answer = response(b"x" * 5000)
    for at in (1400, 0):    # in this order, so that both are passed on at once
        back.send("A", answer[at:at + 1400], seq=back.snd_nxt + at)
    full = front.expect("A", where=lambda s: s.data)
    longest = longest or (536 if v == 4 else 1220)
    assert len(full.data) == min(longest, 1460 if v == 4 else 1440)
    back.reset()


@pytest.mark.parametrize("shift, used", [(14, 14), (15, 14), (255, 14)])
def test_window_shift_above_14_counts_as_14(net, shift, used):
    """RFC 7323 section 2.3. A window of 1 is 16 KiB then."""
    front, back = net.session(options=mss(1460) + wscale(shift), window=1)
    assert front.monitor.our_shift() == used
    front.window = 1
    front.send("A")
    back.data(response(b"x" * 14000)[:1400])
    front.expect("A", where=lambda s: len(s.data) == 1400)
    back.reset()


@pytest.mark.parametrize("options", [b"\1\1\1\1", b"\0\0\0\0", b"\x22\x02\1\1", b"\x13\x12" + bytes(16) + b"\1\1",
                                     b"\xfd\x08abcdef", b"\2\3\5\1", b"\3\4\1\1", b"\5\x0a" + bytes(8) + b"\1\1"],
                         ids=["nops", "eols", "fast-open", "md5", "experimental", "mss-of-3", "wscale-of-4",
                              "sack-blocks"])
def test_unknown_options_are_skipped(net, options):
    """RFC 9293 MUST-6."""
    c = net.client()
    c.send("S", options=options + sack_ok() + b"\1\1")
    synack = c.expect("SA")
    after_the_end = options[0] == 0
    assert {kind for kind, _ in synack.options} == ({MSS} if after_the_end else {MSS, SACK_OK})
    c.reset()


@pytest.mark.parametrize("options", [b"\2\0\0\0", b"\2\1\0\0", b"\1\1\1\2", b"\2\x28\5\xb4", b"\x08\x0a\1\1"],
                         ids=["length-0", "length-1", "no-length", "past-the-end", "cut"])
def test_options_of_impossible_length_do_no_harm(net, options):
    """RFC 9293 MUST-7: no crash; answered without them or dropped."""
    c = net.client()
    c.send("S", options=options)
    c.next(QUIET)
    assert net.opened().peer_isn is not None


# -- strange openings -----------------------------------------------------------------------------------


@both
def test_repeated_syn_gets_the_same_synack(net, v):
    c = net.client(v)
    first = c.send("S", options=OFFER)
    a = c.expect("SA")
    c.send("S", options=OFFER, seq=first.seq)
    b = c.expect("SA")
    assert (a.seq, a.ack, a.window, a.mss) == (b.seq, b.ack, b.window, b.mss)
    c.send("A")
    c.silence(QUIET, acks=True)
    c.reset()


@both
@pytest.mark.parametrize("flags", ["SF", "SR", "SRA", "SFA", "", "FPU", "F", "P", "U", "SFRPAU", "SFP"])
def test_flags_without_meaning_are_dropped(net, v, flags):
    c = net.client(v)
    c.send(flags)
    c.silence(0.15)


@both
@pytest.mark.parametrize("flags", ["A", "FA", "PA", "SA"])
def test_stray_segment_is_answered_with_rst(net, v, flags):
    """RFC 9293 section 3.10.7.2: <SEQ=SEG.ACK><CTL=RST>."""
    c = net.client(v)
    sent = c.send(flags, b"abc" if flags == "PA" else b"", ack=0x12345678)
    rst = c.expect("R", seq=sent.ack)
    assert rst.window == 0 and not rst.raw_options


@both
@pytest.mark.parametrize("flags", ["R", "RA"])
def test_stray_rst_is_dropped(net, v, flags):
    c = net.client(v)
    c.send(flags, ack=5)
    c.silence(QUIET)


@both
@pytest.mark.parametrize("flags", ["S", "A", "SA", "FA"])
def test_closed_port_is_silent(net, v, flags):
    """The gateway tells nothing of ports that it doesn't serve."""
    for port in (82, 443, 8080, 20000, 0, 65535):
        c = net.client(v, port)
        c.send(flags, ack=77)
        assert c.next(0.05) is None


def test_second_address_is_served(net):
    c = net.client(to=GW4_SECOND)
    c.open(OFFER)
    c.reset()


@both
def test_connections_have_unrelated_isns(net, v):
    isns = []
    for _ in range(16):
        c = net.client(v)
        c.send("S")
        isns.append(c.expect("SA").seq)
        c.reset()
    steps = [abs(diff(b, a)) for a, b in zip(isns, isns[1:])]
    assert len(set(isns)) == 16 and sorted(steps)[8] > 1 << 24, isns


@both
def test_data_on_the_syn_is_taken_or_asked_for_again(net, v):
    pool = net.pool()
    text = request(pool.host)
    c = net.client(v)
    syn = c.send("S", text, options=OFFER)
    synack = c.expect("SA", where=lambda s: s.ack in (syn.seq + 1 & 0xffffffff, syn.end))
    c.snd_nxt = syn.end
    if synack.ack == syn.end:
        c.send("A")
    else:
        c.send("PA", text, seq=syn.seq + 1)
    pool.accept(OFFER).expect_text(text[:10])
    c.reset()


def test_fin_on_the_syn_segment_with_data_is_dropped(net):
    c = net.client()
    c.send("SF", b"abc", options=OFFER)
    c.silence(QUIET)


@both
def test_request_may_come_with_the_third_segment(net, v):
    pool = net.pool(v)
    c = net.client(v)
    c.send("S", options=OFFER)
    c.expect("SA")
    c.data(request(pool.host))
    back = pool.accept(OFFER)
    back.expect_text(b"\r\n\r\n")
    back.data(response(b"done"))
    c.expect_text(b"done")
    c.reset()


@both
def test_wrong_ack_in_syn_received_gets_rst_and_changes_nothing(net, v):
    """RFC 9293 section 3.10.7.4: <SEQ=SEG.ACK><CTL=RST>."""
    c = net.client(v)
    c.send("S", options=OFFER)
    c.expect("SA")
    for wrong in (c.peer_isn, c.peer_isn + 2, c.peer_isn + 0x80000000):
        bad = c.send("A", ack=wrong)
        c.expect("R", seq=bad.ack)
        c.monitor.gw_reset_at = None    # it said nothing about our connection
    c.send("A")
    c.data(request(net.pool().host))
    c.expect("A", ack=c.snd_nxt)
    c.reset()


def test_exact_rst_in_syn_received_ends_it(net):
    c = net.client()
    c.send("S", options=OFFER)
    c.expect("SA")
    c.reset()
    c.monitor.our_reset_final = True
    c.silence(1.3)
    ack = c.send("A")
    c.expect("R", seq=ack.ack)


def test_rst_out_of_window_in_syn_received_is_ignored(net):
    c = net.client()
    c.send("S", options=OFFER)
    c.expect("SA")
    for off in (-1, 1 << 20, 1 << 31):
        c.send("R", seq=c.snd_nxt + off)
    c.silence(QUIET)
    c.send("A")
    c.data(request(net.pool().host))
    c.expect("A", ack=c.snd_nxt)
    c.reset()


def test_rst_within_window_in_syn_received_gets_challenge(net):
    """RFC 5961 section 3.2."""
    c = net.client()
    c.send("S", options=OFFER)
    c.expect("SA")
    c.send("R", seq=c.snd_nxt + 1)
    c.expect("A", ack=c.snd_nxt)
    c.send("A")
    c.data(request(net.pool().host))
    c.expect("A", ack=c.snd_nxt)
    c.reset()


def test_syn_with_another_isn_in_syn_received_does_not_move_it(net):
    """RFC 9293 section 3.10.7.4, first step: an ACK for what is expected; the first client isn't cut off."""
    c = net.client()
    first = c.send("S", options=OFFER)
    synack = c.expect("SA")
    c.send("S", seq=first.seq + 1000000, options=OFFER)
    answer = c.next(QUIET)
    assert answer is None or (answer.ack == synack.ack and answer.has("A")), c.show(answer)
    c.send("A")
    c.data(request(net.pool().host))
    c.expect("A", ack=c.snd_nxt)
    c.reset()


def test_data_in_syn_received_without_ack_flag_is_dropped(net):
    c = net.client()
    c.send("S", options=OFFER)
    c.expect("SA")
    c.send("P", b"abc", seq=c.snd_nxt)
    c.silence(QUIET)
    c.reset()


def test_sequence_numbers_of_both_kinds_wrap(net):
    """An ISN just below 2^32: the request itself wraps."""
    pool = net.pool()
    front = net.client(isn=-10)
    front.open(OFFER)
    front.data(request(pool.host))
    back = pool.accept(OFFER)
    back.expect_text(b"\r\n\r\n")
    back.data(response(b"wrapped"))
    front.expect_text(b"wrapped")
    front.reset()
