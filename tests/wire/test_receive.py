# SPDX-License-Identifier: BSD-3-Clause
"""What the gateway does with data that comes in, from clients and from pools."""

import random
import time

import pytest

from network import OFFER, text
from packet import MASK, diff, mss, sack_ok, timestamps, wscale

sides = pytest.mark.parametrize("side", ["client", "pool"])
both = pytest.mark.parametrize("v", [4, 6])
QUIET = 0.25
PLAIN = mss(1460)
NO_TS = mss(1460) + sack_ok() + b"\1" + wscale(7)


def arrives(rx, wanted, within=2.0):
    """The gateway passes on exactly these bytes."""
    deadline = time.monotonic() + within
    while len(rx.received) < len(wanted) and (left := deadline - time.monotonic()) > 0:
        if rx.next(left) and rx.received:
            rx.send("A")
    rx.drain(0.05)
    if rx.received != wanted:
        rx.fail(f"expected {len(wanted)} bytes {wanted[:40]!r}.., got {len(rx.received)}: {rx.received[:200]!r}")
    rx.send("A")


def put(tx, begin, end, **fields):
    """Sends bytes [begin, end) of the stream."""
    return tx.send("A", text(end - begin, begin), seq=tx.begin + begin, **fields)


def acked(tx, n, **arguments):
    return tx.expect("A", ack=(tx.begin + n) & MASK, **arguments)


def blocks(tx, seg):
    return [(diff(a, tx.begin), diff(b, tx.begin)) for a, b in seg.sack]


# -- acknowledgments -----------------------------------------------------------------------------------


@sides
@both
def test_data_in_order_is_acknowledged_and_passed_on(net, side, v):
    tx, rx = net.stream(side, v)
    put(tx, 0, 1000)
    acked(tx, 1000)
    arrives(rx, text(1000))
    tx.reset()


@sides
def test_ack_is_never_delayed_beyond_500_ms_and_every_second_segment_has_one(net, side):
    """RFC 9293 section 3.8.6.3 (MUST-59), RFC 5681 section 4.2."""
    tx, rx = net.stream(side)
    at = 0
    for _ in range(24):             # past what is acknowledged quickly for slow start's sake
        put(tx, at, at + 1400)
        at += 1400
        acked(tx, at, within=0.55)
    arrives(rx, text(at))
    tx.drain(0.1)
    waits = []
    for _ in range(4):
        sent = put(tx, at, at + 100)
        begun = time.monotonic()
        at += 100
        waits.append(acked(tx, at, within=0.55).time - begun)
        assert sent
    for _ in range(4):
        begun = time.monotonic()
        put(tx, at, at + 1400)
        put(tx, at + 1400, at + 2800)
        at += 2800
        waits.append(acked(tx, at, within=0.55).time - begun)
        assert waits[-1] < 0.035, waits
        arrives(rx, text(at))
    tx.reset()


@sides
@both
def test_out_of_order_data_gets_a_duplicate_ack_at_once_then_one_for_all(net, side, v):
    """RFC 5681 section 4.2, RFC 2018."""
    tx, rx = net.stream(side, v)
    begun = time.monotonic()
    put(tx, 1000, 2000)
    dup = acked(tx, 0)
    assert dup.time - begun < 0.035 and blocks(tx, dup) == [(1000, 2000)]
    rx.silence(0.05)
    begun = time.monotonic()
    put(tx, 0, 1000)
    whole = acked(tx, 2000)
    assert whole.time - begun < 0.035 and not whole.sack
    arrives(rx, text(2000))
    tx.reset()


@sides
@pytest.mark.parametrize("offer, most", [(OFFER, 3), (NO_TS, 4)], ids=["timestamps", "no-timestamps"])
def test_sack_blocks_tell_the_most_recent_first(net, side, offer, most):
    """RFC 2018 section 4."""
    tx, rx = net.stream(side, offer=offer)
    order = [2, 6, 4, 10, 8]
    for n, k in enumerate(order, 1):
        put(tx, k * 100, k * 100 + 100)
        seg = acked(tx, 0)
        recent = [(j * 100, j * 100 + 100) for j in reversed(order[:n])][:most]
        assert blocks(tx, seg) == recent
    put(tx, 900, 1000)
    seg = acked(tx, 0)
    assert blocks(tx, seg)[0] == (800, 1100)
    put(tx, 0, 200)
    acked(tx, 300)
    for k in (3, 5, 7):
        put(tx, k * 100, k * 100 + 100)
    acked(tx, 1100)
    arrives(rx, text(1100))
    tx.reset()


@sides
def test_no_sack_where_it_was_not_agreed(net, side):
    tx, rx = net.stream(side, offer=PLAIN)
    for k in (1, 2, 3):
        put(tx, k * 500, k * 500 + 500)
        assert not acked(tx, 0).raw_options
    put(tx, 0, 500)
    acked(tx, 2000)
    arrives(rx, text(2000))
    tx.reset()


@sides
def test_every_out_of_order_segment_of_a_burst_has_its_duplicate_ack(net, side):
    tx, rx = net.stream(side)
    for k in range(1, 9):
        put(tx, k * 1000, k * 1000 + 1000)
    dups = [seg for seg in tx.drain(0.2) if diff(seg.ack, tx.begin) == 0]
    assert len(dups) == 8
    put(tx, 0, 1000)
    acked(tx, 9000)
    arrives(rx, text(9000))
    tx.reset()


@sides
@both
def test_duplicate_is_acknowledged_and_not_passed_on(net, side, v):
    tx, rx = net.stream(side, v)
    put(tx, 0, 1000)
    acked(tx, 1000)
    arrives(rx, text(1000))
    put(tx, 0, 1000)
    seg = acked(tx, 1000)
    assert blocks(tx, seg) in ([], [(0, 1000)])     # RFC 2883 may tell
    put(tx, 1000, 1100)
    seg = acked(tx, 1100)
    assert not seg.sack                             # ... once
    arrives(rx, text(1100))
    tx.reset()


@sides
@pytest.mark.parametrize("pieces", [
    [(0, 700), (300, 1000), (900, 1400)],
    [(500, 900), (800, 1400), (0, 1400)],
    [(500, 900), (300, 1100), (100, 1400), (0, 100)],
    [(500, 600), (700, 800), (900, 1000), (450, 1400), (0, 450)],
    [(0, 1000), (0, 1400), (500, 1400)],
    [(1300, 1400), (0, 1300), (1, 1399)],
], ids=["staircase", "covered", "growing", "islands", "same-begin", "fits"])
def test_overlapping_segments_are_put_together(net, side, pieces):
    tx, rx = net.stream(side)
    for begin, end in pieces:
        put(tx, begin, end)
    acked(tx, 1400)
    arrives(rx, text(1400))
    tx.reset()


@sides
def test_contradicting_copies_never_change_what_was_taken(net, side):
    """Different versions of the same bytes: what was acknowledged stays, what was held is not torn."""
    tx, rx = net.stream(side)
    put(tx, 0, 100)
    acked(tx, 100)
    arrives(rx, text(100))
    tx.send("A", b"X" * 200, seq=tx.begin)                  # the old hundred otherwise, then a new hundred
    acked(tx, 200)
    put(tx, 300, 400)
    acked(tx, 200)
    tx.send("A", b"Y" * 100, seq=tx.begin + 300)
    acked(tx, 200)
    tx.send("A", b"Z" * 300, seq=tx.begin + 200)
    acked(tx, 500)
    rx.drain(0.1)
    versions = [text(100) + b"X" * 100 + b"Z" * 100 + middle + b"Z" * 100 for middle in (text(100, 300), b"Z" * 100)]
    assert rx.received in versions, rx.received
    tx.reset()


@sides
@pytest.mark.parametrize("seed", range(3))
def test_a_shuffled_stream_arrives_whole(net, side, seed):
    """Pieces of random size, order and overlap across the wrap of the sequence numbers."""
    dice = random.Random(seed)
    tx, rx = net.stream(side, isn=-8000)
    size, pieces = 16000, []
    for begin in range(0, size, 500):
        pieces.append((max(0, begin - dice.randrange(300)), min(size, begin + 500 + dice.randrange(300))))
    dice.shuffle(pieces)
    for begin, end in pieces:
        put(tx, begin, end)
        time.sleep(0.0005)
    acked(tx, size)
    arrives(rx, text(size))
    tx.reset()


# -- the window ----------------------------------------------------------------------------------------


def fill(tx, size=1400, limit=400):
    """Sends into a reader that doesn't read until the window is full. -> bytes that went in."""
    at, edge = 0, None
    for _ in range(limit):
        segs = tx.drain(0.004)
        for seg in segs:
            edge = diff(seg.ack, tx.begin) + (seg.window << tx.monitor.gw_shift())
        if edge is None:
            put(tx, at, at + size)
            at += size
            continue
        if at + size > edge:
            if edge > at:
                put(tx, at, edge)
                at = edge
            more = tx.drain(0.3)
            if not more or diff(more[-1].ack, tx.begin) + (more[-1].window << tx.monitor.gw_shift()) <= at:
                return at
            edge = diff(more[-1].ack, tx.begin) + (more[-1].window << tx.monitor.gw_shift())
            continue
        put(tx, at, at + size)
        at += size
    tx.fail("the window never filled")


def empty(rx, n, within=8.0):
    """The reader reads on; all n bytes must come."""
    deadline = time.monotonic() + within
    rx.window = 65535
    rx.send("A")
    while len(rx.received) < n and time.monotonic() < deadline:
        if rx.next(0.2):
            rx.drain(0.002)
            rx.send("A")
    if rx.received != text(n):
        rx.fail(f"{len(rx.received)} of {n} bytes, equal: {text(n).startswith(rx.received)}")


@sides
def test_window_closes_when_nobody_reads_and_opens_again(net, side):
    """Back-pressure; probes into the closed window are answered and not taken; RFC 9293 section 3.8.6."""
    tx, rx = net.stream(side, window=0)
    rx.window = 0
    n = fill(tx)
    assert 16384 < n < 1500000
    probe = put(tx, n, n + 1)
    answer = tx.expect("A", ack=(tx.begin + n) & MASK)
    assert answer.window == 0 and probe
    empty(rx, n)
    update = [s for s in tx.drain(0.1) if s.window]
    assert update, "no window update after the reader went on"
    put(tx, n, n + 1000)
    acked(tx, n + 1000)
    empty(rx, n + 1000)
    tx.reset()


@sides
def test_data_beyond_the_window_is_not_taken(net, side):
    """RFC 9293 section 3.10.7.4, first step. The ACK comes and nothing moves."""
    tx, rx = net.stream(side)
    tx.send("A", text(100), seq=tx.begin + (1 << 20))
    acked(tx, 0)
    tx.send("A", text(100), seq=tx.begin - 100 - (1 << 20))
    acked(tx, 0)
    rx.silence(0.1)
    put(tx, 0, 100)
    acked(tx, 100)
    arrives(rx, text(100))
    tx.reset()


def gw_edge(tx):
    """Right edge of the window that the gateway has promised, as a place in the stream."""
    return tx.monitor.gw_edge - diff(tx.begin, tx.isn)


@sides
@pytest.mark.parametrize("size", [1, 50, 300, 700, 1000, 1400])
def test_all_that_the_window_promised_is_kept(net, side, size):
    """Small segments included: a byte doesn't occupy a whole buffer. RFC 9293 section 3.8.6: don't take it back."""
    tx, rx = net.stream(side, window=0)
    at = 0
    for n in range(4000 if size == 1 else 600):
        if n % 16 == 0:
            time.sleep(0.002)
        if gw_edge(tx) < at + size:
            break
        put(tx, at, at + size)
        at += size
    time.sleep(0.1)
    tx.drain()
    assert tx.monitor.gw_ack - diff(tx.begin, tx.isn) == at, (at, gw_edge(tx), tx.fail("promised, not kept"))
    empty(rx, at)
    tx.reset()


@sides
def test_out_of_order_segments_of_one_byte_are_bounded(net, side):
    """Every second byte: thousands of holes. What isn't kept isn't SACKed either; the stream still ends whole."""
    tx, rx = net.stream(side)
    for k in range(1, 1200, 2):
        put(tx, k, k + 1)
    tx.drain(0.2)
    put(tx, 0, 1200)
    acked(tx, 1200)
    arrives(rx, text(1200))
    tx.reset()


# -- odd segments ---------------------------------------------------------------------------------------


@sides
def test_urgent_data_is_ordinary_data(net, side):
    """RFC 6093: no byte is taken out of the stream."""
    tx, rx = net.stream(side)
    tx.send("AU", text(100), seq=tx.begin, urgent=50)
    tx.send("APU", text(100, 100), seq=tx.begin + 100, urgent=65535)
    acked(tx, 200)
    arrives(rx, text(200))
    tx.reset()


@sides
@both
def test_congestion_marks_are_not_echoed(net, side, v):
    tx, rx = net.stream(side, v)
    put(tx, 0, 100, tos=3)
    tx.send("AEW", text(100, 100), seq=tx.begin + 100, tos=1)
    acked(tx, 200)
    arrives(rx, text(200))
    tx.reset()


@sides
@both
def test_segment_with_a_bad_checksum_is_dropped(net, side, v):
    tx, rx = net.stream(side, v)
    seg = tx.segment("A", text(100), seq=tx.begin)
    tx.station.send_ip(seg.packet(bad_checksum=True))
    tx.silence(QUIET)
    put(tx, 0, 100)
    acked(tx, 100)
    arrives(rx, text(100))
    tx.reset()


@sides
@pytest.mark.parametrize("flags", ["", "P", "F", "FP", "SF", "SFA", "SRA", "FRA", "U"])
def test_segment_without_sense_changes_nothing(net, side, flags):
    """No ACK flag, or contradicting flags, in ESTABLISHED."""
    tx, rx = net.stream(side)
    tx.send(flags, b"?" * 50, seq=tx.begin)
    tx.silence(0.1)
    put(tx, 0, 100)
    acked(tx, 100)
    arrives(rx, text(100))
    tx.reset()


@sides
@both
@pytest.mark.parametrize("garbage", [b"", b"\0"], ids=["empty", "one-byte"])
def test_keepalive_probe_is_answered(net, side, v, garbage):
    """RFC 9293 section 3.8.4."""
    tx, rx = net.stream(side, v)
    put(tx, 0, 100)
    acked(tx, 100)
    tx.drain(0.05)
    tx.send("A", garbage, seq=tx.begin + 99)
    acked(tx, 100)
    arrives(rx, text(100))
    tx.reset()


@sides
def test_data_with_an_ack_of_what_was_never_sent_is_dropped(net, side):
    """RFC 5961 section 5: a challenge ACK, and the data isn't taken."""
    tx, rx = net.stream(side)
    for ahead in (1, 100000, 1 << 30):
        put(tx, 0, 100, ack=tx.rcv_nxt + ahead)
        acked(tx, 0)
    rx.silence(0.1)
    put(tx, 0, 100)
    acked(tx, 100)
    arrives(rx, text(100))
    tx.reset()


@sides
def test_data_with_an_ack_older_than_any_window_is_dropped(net, side):
    """RFC 5961 section 5: below SND.UNA - MAX.SND.WND."""
    tx, rx = net.stream(side, offer=PLAIN)
    put(tx, 0, 100, ack=tx.rcv_nxt - 70000 - (1 << 20))
    acked(tx, 0)
    rx.silence(0.1)
    put(tx, 0, 100)
    acked(tx, 100)
    arrives(rx, text(100))
    tx.reset()


# -- timestamps -----------------------------------------------------------------------------------------


@sides
@both
def test_paws_drops_old_timestamps_and_says_so(net, side, v):
    """RFC 7323 section 5.3 R1."""
    tx, rx = net.stream(side, v)
    put(tx, 0, 100)
    acked(tx, 100)
    put(tx, 100, 200, options=b"\1\1" + timestamps(tx.ts_now() - 1000, tx.ts_recent))
    acked(tx, 100)
    put(tx, 100, 200, options=b"\1\1" + timestamps(tx.ts_now() - (1 << 30), tx.ts_recent))
    acked(tx, 100)
    arrives(rx, text(100))
    put(tx, 100, 200)
    acked(tx, 200)
    arrives(rx, text(200))
    tx.reset()


@sides
def test_timestamps_may_wrap(net, side):
    tx, rx = net.stream(side)
    tx.ts_base += 0x7fffff00
    put(tx, 0, 100)
    acked(tx, 100)
    tx.ts_base += 0x7fffff00
    put(tx, 100, 200)
    acked(tx, 200)
    tx.ts_base += 0x300
    put(tx, 200, 300)
    acked(tx, 300)
    arrives(rx, text(300))
    tx.reset()


@sides
def test_segment_without_the_agreed_timestamps_is_dropped(net, side):
    """RFC 7323 section 3.2: SHOULD silently drop; a RST is taken all the same."""
    tx, rx = net.stream(side)
    put(tx, 0, 100, options=b"")
    tx.silence(0.1)
    put(tx, 0, 100)
    acked(tx, 100)
    arrives(rx, text(100))
    tx.reset()
    rx.expect("RA", where=lambda s: True)


@sides
def test_timestamp_that_is_echoed_is_of_the_segment_that_the_ack_is_for(net, side):
    """RFC 7323 section 4.3: of a segment out of order it isn't; of one that fills the hole it is."""
    tx, rx = net.stream(side)
    now = tx.ts_now()
    put(tx, 0, 100, options=b"\1\1" + timestamps(now, tx.ts_recent))
    assert acked(tx, 100).ts[1] == now
    put(tx, 200, 300, options=b"\1\1" + timestamps(now + 5, tx.ts_recent))
    assert acked(tx, 100).ts[1] == now
    put(tx, 100, 200, options=b"\1\1" + timestamps(now + 9, tx.ts_recent))
    assert acked(tx, 300).ts[1] == now + 9
    tx.ts_base += 10
    arrives(rx, text(300))
    tx.reset()


# -- options after the handshake ---------------------------------------------------------------------------


@sides
def test_syn_options_on_later_segments_are_ignored(net, side):
    """RFC 9293 section 3.2, RFC 7323 section 1.3."""
    tx, rx = net.stream(side, offer=mss(1460) + b"\1" + wscale(2))
    put(tx, 0, 100, options=mss(100) + b"\1" + wscale(9) + sack_ok() + b"\1\1")
    acked(tx, 100)
    put(tx, 200, 300)
    assert not acked(tx, 100).raw_options
    put(tx, 100, 200)
    acked(tx, 300)
    arrives(rx, text(300))
    tx.reset()


@sides
def test_timestamps_that_were_not_agreed_are_ignored(net, side):
    tx, rx = net.stream(side, offer=PLAIN)
    for at, value in ((0, 5), (100, 1 << 31), (200, 1)):
        put(tx, at, at + 100, options=b"\1\1" + timestamps(value, 77))
        acked(tx, at + 100)
    arrives(rx, text(300))
    tx.reset()


@sides
@pytest.mark.parametrize("options", [b"\x08\0\0\0", b"\x05\1\0\0", b"\x05\x22\0\0", b"\1\1\1\x05",
                                     b"\x05\x0b" + bytes(9) + b"\1", b"\x05\x02\1\1", b"\x63\x00\1\1"])
def test_broken_options_in_an_open_connection_do_no_harm(net, side, options):
    tx, rx = net.stream(side, offer=NO_TS)
    tx.send("A", text(100), seq=tx.begin, options=options)
    tx.drain(0.05)
    put(tx, 0, 100)
    acked(tx, 100)
    arrives(rx, text(100))
    tx.reset()
