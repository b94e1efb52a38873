# SPDX-License-Identifier: BSD-3-Clause
"""How the gateway sends: windows, losses, retransmission. RFC 9293 section 3.8, RFC 5681, 6298, 6582, 6675, 6928."""

import time

import pytest

from network import OFFER, text
from packet import MASK, diff, mss, sack, sack_ok, timestamps, wscale

TIMEOUTS = {"retransmit": "5s"}
sides = pytest.mark.parametrize("side", ["client", "pool"])
both = pytest.mark.parametrize("v", [4, 6])
pytestmark = pytest.mark.together
PLAIN = mss(1460)
SACKED = mss(1460) + sack_ok()
QUIET = 0.15        # shorter than the smallest RTO of 200 ms


def feed(tx, begin, end, size=1400):
    """Puts bytes of the stream into the gateway, for it to send on."""
    for at in range(begin, end, size):
        tx.send("A", text(min(size, end - at), at), seq=tx.begin + at)
        time.sleep(0.0003)


def place(rx, number):
    """A sequence number of the gateway as a place in the stream."""
    return diff(number, rx.start)


def spans(rx, seconds=QUIET):
    """What the gateway sends in that time: [(begin, end)] of each segment with data."""
    return [(place(rx, s.seq), place(rx, s.seq) + len(s.data)) for s in rx.drain(seconds) if s.data]


def stream(net, side, v=4, other=PLAIN, **arguments):
    """As Net.stream, with what the tests here need: side is the end that the gateway sends TO."""
    tx, rx = net.stream("pool" if side == "client" else "client", v, other=other, **arguments)
    rx.start = rx.rcv_nxt
    return tx, rx


def ack(rx, at, *blocks, **fields):
    """Acknowledges the stream up to `at`, with SACK blocks."""
    options = fields.pop("options", b"")
    if rx.ts_on:
        options += b"\1\1" + timestamps(rx.ts_now(), rx.ts_recent)
    if blocks:
        options += b"\1\1" + sack(*((rx.start + a, rx.start + b) for a, b in blocks))
    return rx.send("A", ack=rx.start + at, options=options, **fields)


# -- windows --------------------------------------------------------------------------------------------


@sides
@both
def test_initial_window_is_ten_segments(net, side, v):
    """RFC 6928."""
    tx, rx = stream(net, side, v)
    feed(tx, 0, 28000)
    got = sorted(set(spans(rx)))        # once each: a slow machine may see the timeout already
    assert 9 <= len(got) <= 10 and got[-1][1] <= 14600, got
    rx.reset()


@sides
@pytest.mark.parametrize("window", [1, 100, 1000, 1460, 4000])
def test_window_of_the_peer_is_respected(net, side, window):
    """And used: all that is allowed is sent, now or by the persist timer (section 3.8.6.2.1)."""
    tx, rx = stream(net, side, window=window)
    feed(tx, 0, 14000)
    got = spans(rx, 1.0 if window < 1000 else 0.3)
    assert got and got[0][0] == 0 and max(end for _, end in got) <= window
    rx.reset()


@sides
@both
def test_window_of_the_peer_is_scaled(net, side, v):
    tx, rx = stream(net, side, v, other=mss(1460) + b"\1" + wscale(4), window=625)
    feed(tx, 0, 28000)
    got = spans(rx)
    assert 8500 < got[-1][1] <= 10000
    rx.reset()


@sides
def test_silly_windows_get_no_silly_segments(net, side):
    """Section 3.8.6.2.1: a window that opens byte by byte brings no small segments before the persist timer."""
    tx, rx = stream(net, side)
    feed(tx, 0, 14000)
    rx.drain(0.1)
    rx.window = 0
    ack(rx, 14000)
    feed(tx, 14000, 28000)
    rx.drain(0.05)
    for n in range(1, 50):
        rx.window = n
        ack(rx, 14000)
        time.sleep(0.001)
    early = spans(rx, 0.08)
    assert len(early) <= 1, early       # the persist timer, if this machine was slow
    rx.window = 3000
    ack(rx, 14000)
    got = spans(rx, 0.1)
    assert got and got[0][1] - got[0][0] >= 1400, got
    rx.reset()


@sides
def test_shrunken_window_is_survived(net, side):
    """Section 3.8.6: the peer takes back what it promised; nothing new is sent beyond the old edge."""
    tx, rx = stream(net, side, window=8000)
    feed(tx, 0, 14000)
    rx.drain(0.05)
    rx.window = 1000
    ack(rx, 1460)
    rx.drain(0.5)
    rx.window = 65535
    ack(rx, 2920)
    deadline = time.monotonic() + 3
    while len(rx.received) < 14000 and time.monotonic() < deadline:
        rx.drain(0.05)
        ack(rx, len(rx.received))
    assert rx.received == text(14000)
    rx.reset()


def test_zero_window_is_probed_with_backoff_client(net):
    zero_window(net, "client")


def test_zero_window_is_probed_with_backoff_pool(net):
    zero_window(net, "pool")


def zero_window(net, side):
    """Sections 3.8.6.1 and MUST-35 to 38: probes that back off; answered, they may go on for ever."""
    tx, rx = stream(net, side, window=0)
    feed(tx, 0, 5000)
    probes = []
    for _ in range(4):
        probe = rx.expect("A", where=lambda s: s.data, within=4)
        assert place(rx, probe.seq) == 0 and len(probe.data) == 1
        probes.append(probe.time)
        ack(rx, 0)
    gaps = [b - a for a, b in zip(probes, probes[1:])]
    assert all(b > 1.5 * a for a, b in zip(gaps, gaps[1:])), gaps
    rx.window = 65535
    begun = time.monotonic()
    ack(rx, 1)
    while len(rx.received) < 5000 and rx.next(0.5):
        pass
    assert rx.received == text(5000) and time.monotonic() - begun < 0.3
    rx.reset()


def test_window_update_without_probe_restarts_at_once(net):
    tx, rx = stream(net, "client", window=0)
    feed(tx, 0, 5000)
    rx.drain(0.7)
    rx.window = 65535
    ack(rx, 0)
    rx.expect("PA", where=lambda s: len(s.data) == 1)  # the probe's octet, which the closed window refused
    rx.expect("A", where=lambda s: len(s.data) > 1, within=0.2)  # and the rest, not a timer later
    rx.reset()


def test_zero_window_that_stays_answered_is_not_given_up(net):
    """Section 3.8.6.1 (MUST-37): as long as the probes are acknowledged... up to the configured limit of 5 s."""
    tx, rx = stream(net, "client", window=0)
    feed(tx, 0, 5000)
    deadline = time.monotonic() + 3.5
    while time.monotonic() < deadline:
        seg = rx.next(0.2)
        if seg is not None:
            assert "R" not in seg.flags
            ack(rx, 0)
    rx.reset()


# -- retransmission timeout -------------------------------------------------------------------------------


def backoff(net, side, v=4):
    """RFC 6298 (5.5): the first segment alone, each time after twice as long; then given up (timeouts.retransmit)."""
    tx, rx = stream(net, side, v)
    feed(tx, 0, 7000)
    begun = time.monotonic()
    first = rx.expect("A", where=lambda s: place(rx, s.seq) == 0)
    rx.drain(0.05)
    times = [first.time]
    while time.monotonic() < begun + 3.2:
        seg = rx.next(0.2)
        if seg is not None and seg.data:
            assert place(rx, seg.seq) == 0, rx.show(seg)
            times.append(seg.time)
    gaps = [b - a for a, b in zip(times, times[1:])]
    assert 0.18 < gaps[0] < 1.2, gaps
    assert all(1.7 * a < b < 2.4 * a for a, b in zip(gaps, gaps[1:])) and len(gaps) >= 3, gaps
    while (seg := rx.next(3.0)) is not None:
        assert "R" in seg.flags or place(rx, seg.seq) == 0
        if time.monotonic() > begun + 9:
            rx.fail("not given up")
    other = [s for s in tx.drain(0.1) if set("RF") & set(s.flags)]
    assert other, tx.story()
    late = ack(rx, 1460)
    rx.expect("R", seq=late.ack)


def test_retransmission_backs_off_and_ends_client(net):
    backoff(net, "client")


def test_retransmission_backs_off_and_ends_pool(net):
    backoff(net, "pool")


def test_retransmission_backs_off_and_ends_client_v6(net):
    backoff(net, "client", 6)


def test_retransmission_backs_off_and_ends_pool_v6(net):
    backoff(net, "pool", 6)


@sides
@pytest.mark.parametrize("other", [PLAIN, SACKED, OFFER], ids=["plain", "sack", "timestamps"])
def test_everything_arrives_after_a_timeout(net, side, other):
    """RFC 6298 (5.4), RFC 5681: one segment after the timeout, then slow start over all that was lost."""
    tx, rx = stream(net, side, other=other)
    feed(tx, 0, 14000)
    before = spans(rx, 0.1)
    again = rx.expect("A", where=lambda s: s.data, within=1.0)
    assert place(rx, again.seq) == 0
    assert spans(rx, 0.1) == []
    ack(rx, len(again.data))
    second = spans(rx, 0.1)
    assert 1 <= len(second) <= 2 and second[0][0] == len(again.data), second
    ack(rx, second[-1][1])
    third = spans(rx, 0.1)
    assert 2 <= len(third) <= 4, third
    deadline = time.monotonic() + 3
    ack(rx, third[-1][1])
    at = third[-1][1]
    while at < 14000 and time.monotonic() < deadline:
        for _, end in spans(rx, 0.03):
            at = max(at, end)
        ack(rx, at)
    assert rx.received == text(14000) and before
    rx.reset()


@sides
def test_ack_of_the_original_after_a_timeout_needs_nothing_more(net, side):
    """A spurious timeout: everything is acknowledged; only new data follows."""
    tx, rx = stream(net, side, other=OFFER)
    feed(tx, 0, 7000)
    rx.drain(0.1)
    rx.expect("A", where=lambda s: s.data, within=1.0)
    ack(rx, 7000)
    assert spans(rx, 0.6) == []
    feed(tx, 7000, 8000)
    got = spans(rx)
    assert got and got[0][0] == 7000
    rx.reset()


# -- fast retransmit ----------------------------------------------------------------------------------------


@sides
@both
def test_third_duplicate_ack_retransmits(net, side, v):
    """RFC 5681 section 3.2; the second does not."""
    tx, rx = stream(net, side, v)
    feed(tx, 0, 14000)
    got = spans(rx, 0.06)
    ack(rx, got[0][1])
    spans(rx, 0.02)
    lost = got[1]
    for _ in range(2):
        ack(rx, lost[0])
    assert lost[0] not in [a for a, _ in spans(rx, 0.04)]
    ack(rx, lost[0])
    again = spans(rx, 0.04)
    assert again and again[0] == lost, again
    ack(rx, 14000)
    assert spans(rx, 0.5) == []
    rx.reset()


@sides
def test_partial_ack_retransmits_the_next_hole(net, side):
    """RFC 6582 section 3.2, step 4."""
    tx, rx = stream(net, side)
    feed(tx, 0, 14000)
    got = spans(rx, 0.06)
    for _ in range(3):
        ack(rx, 0)
    assert spans(rx, 0.04)[0] == got[0]
    ack(rx, got[2][1])
    assert got[3] in spans(rx, 0.04)
    ack(rx, 14000)
    assert spans(rx, 0.5) == []
    rx.reset()


@sides
@pytest.mark.parametrize("other", [SACKED, OFFER], ids=["sack", "timestamps"])
def test_sack_retransmits_the_holes_only(net, side, other):
    """RFC 6675: three blocks above a hole make it lost; what was SACKed is not sent again."""
    tx, rx = stream(net, side, other=other)
    feed(tx, 0, 14000)
    got = spans(rx, 0.06)
    assert len(got) >= 9
    held = [1, 3, 5, 6, 7, 8]       # enough that half of what was in flight has left the network
    for k in held:
        blocks = [got[j] for j in (1, 3) if j <= k] + ([(got[5][0], got[k][1])] if k >= 5 else [])
        ack(rx, 0, *reversed(blocks))
    again = spans(rx, 0.08)
    holes = [got[0], got[2]]
    assert all(hole in again for hole in holes), again
    assert not [span for span in again if any(got[k][0] <= span[0] < got[k][1] for k in held)], again
    ack(rx, 14000)
    assert spans(rx, 0.5) == []
    rx.reset()


@sides
def test_forged_sack_blocks_are_ignored(net, side):
    """Blocks below, above, reversed and empty."""
    tx, rx = stream(net, side, other=SACKED)
    feed(tx, 0, 7000)
    got = spans(rx, 0.06)
    for block in ((-5000, -1000), (1 << 20, 1 << 21), (5000, 1000), (1000, 1000), (-(1 << 31), 5000), (7001, 7002)):
        ack(rx, 0, block, block, block)
    assert spans(rx, 0.04) == []
    ack(rx, got[-1][1])
    assert spans(rx, 0.4) == []
    rx.reset()


@sides
def test_reneging_receiver_gets_everything_again(net, side):
    """RFC 2018 section 8: after a timeout what was SACKed may have been dropped."""
    tx, rx = stream(net, side, other=SACKED)
    feed(tx, 0, 7000)
    got = spans(rx, 0.06)
    ack(rx, 0, (got[1][0], got[-1][1]))
    deadline, sent = time.monotonic() + 5, set()
    while time.monotonic() < deadline and got[0] not in sent:
        sent.update(spans(rx, 0.05))
    at = got[1][0]
    while at < 7000:                    # in segments of whatever size
        ack(rx, at)
        deadline, ends = time.monotonic() + 3, []
        while time.monotonic() < deadline and not ends:
            sent.update(spans(rx, 0.02))
            ends = [end for begin, end in sent if begin <= at < end]
        assert ends, (at, sorted(sent))
        at = max(ends)
    ack(rx, 7000)
    rx.reset()


@sides
def test_duplicate_acks_that_are_none_retransmit_nothing(net, side):
    """RFC 5681 section 2: with data, or with another window, an ACK is no duplicate."""
    tx, rx = stream(net, side)
    feed(tx, 0, 7000)
    got = spans(rx, 0.06)
    for k in range(1, 6):
        rx.window = 65535 - k * 10
        ack(rx, 0)
    assert spans(rx, 0.03) == [] and got
    rx.reset()


@sides
def test_tail_loss_is_repaired(net, side):
    """The last segment is lost and nothing follows: a timer has to find out."""
    tx, rx = stream(net, side, other=OFFER)
    feed(tx, 0, 7000)
    got = spans(rx, 0.06)
    ack(rx, got[-1][0])
    again = spans(rx, 1.2)
    assert again and set(again) == {got[-1]}, (again, got)
    rx.reset()


# -- what ends it --------------------------------------------------------------------------------------------


@sides
@both
def test_nothing_is_sent_after_an_exact_reset(net, side, v):
    tx, rx = stream(net, side, v, other=OFFER)
    feed(tx, 0, 7000)
    rx.drain(0.05)
    rx.reset()
    rx.monitor.our_reset_final = True
    tx_end = tx.next(1.0)
    while tx_end is not None and not set("RF") & set(tx_end.flags):
        tx_end = tx.next(1.0)
    assert tx_end is not None, "the other side must hear of it"
    rx.silence(0.6)


@sides
@both
def test_reset_near_the_window_is_challenged(net, side, v):
    """RFC 5961 section 3.2: only the exact number resets."""
    tx, rx = stream(net, side, v, other=OFFER)
    rx.send("R", seq=rx.snd_nxt + 1)
    rx.expect("A", ack=rx.snd_nxt)
    rx.send("R", seq=rx.snd_nxt + 10000)
    rx.expect("A", ack=rx.snd_nxt)
    rx.send("R", seq=rx.snd_nxt - 1)
    rx.send("R", seq=rx.snd_nxt + (1 << 20))
    rx.send("RA", seq=rx.snd_nxt - 100000)
    rx.silence(QUIET)
    feed(tx, 0, 1000)
    assert spans(rx) == [(0, 1000)]
    rx.reset()


@sides
@both
def test_syn_in_an_open_connection_is_challenged(net, side, v):
    """RFC 5961 section 4.2, whatever its number; few of them only (section 7)."""
    tx, rx = stream(net, side, v, other=OFFER)
    for seq in (rx.isn, rx.snd_nxt, rx.snd_nxt + 5000, rx.snd_nxt + (1 << 30)):
        rx.send("S", seq=seq, options=OFFER)
        rx.expect("A", ack=rx.snd_nxt)
    rx.send("SA", seq=rx.isn, options=OFFER)
    rx.expect("A", ack=rx.snd_nxt)
    for _ in range(150):
        rx.send("S", seq=rx.snd_nxt + 7, options=OFFER)
    assert len(rx.drain(0.3)) <= 100
    feed(tx, 0, 1000)
    assert spans(rx) == [(0, 1000)]
    rx.reset()


@sides
def test_ack_of_unsent_data_does_not_move_anything(net, side):
    """RFC 9293 section 3.10.7.4 step 5, RFC 5961 section 5."""
    tx, rx = stream(net, side)
    feed(tx, 0, 7000)
    got = spans(rx, 0.06)
    ack(rx, got[-1][1] + 1)
    ack(rx, got[-1][1] + 100000)
    again = rx.expect("A", where=lambda s: s.data, within=1.2)
    assert place(rx, again.seq) == 0
    rx.reset()


@sides
def test_optimistic_acks_win_nothing(net, side):
    """ACKs in the middle of segments: each must stay consistent (monitor.py checks the bytes)."""
    tx, rx = stream(net, side)
    feed(tx, 0, 14000)
    rx.drain(0.05)
    for at in range(1, 14000, 333):
        ack(rx, at)
    rx.drain(0.05)
    ack(rx, 14000)
    assert rx.received == text(14000)
    feed(tx, 14000, 15000)
    assert spans(rx)
    rx.reset()
