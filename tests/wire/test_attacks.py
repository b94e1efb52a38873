# SPDX-License-Identifier: BSD-3-Clause
"""
Attacks, a few seconds each. During each one a connection of somebody else goes on, byte by byte as it should; what was
refused is counted by name; and afterwards every gauge is back where it was before.
"""

import random
import struct
import time

import pytest

import frames
import packet
from lab import GW4, GW6
from network import CLIENT, GATEWAY, OFFER, request, response_head, text
from packet import MASK, Segment, ip_packet, mss, sack, timestamps
from test_ip import pieces4, pieces6
from wire import icmp_error, neighbour_message

TAP = True      # af_packet puts IPv4 fragments together before the gateway sees them
LIMITS = {"connections": 100, "half_open": 32, "time_wait": 32, "fragments": 64, "neighbours": 256}
TIMEOUTS = {"time_wait": "1s", "half_open": "1s", "fin_wait": "1s", "retransmit": "5s", "request_header": "5s"}
sides = pytest.mark.parametrize("side", ["client", "pool"])
both = pytest.mark.parametrize("v", [4, 6])
MANY = 3000
SLICE = 250     # packets between two steps of the other connection
SETTLE = 12.0   # seconds that all may take to be gone: more than any time-out above, and than that of fragments


# -- what must hold -----------------------------------------------------------------------------------

GAUGES = ("sessions", "connections", "half_open", "established", "time_wait", "timers", "rx_truesize", "tx_truesize",
          "ooo_truesize", "pressure", "ports_in_use")


def level(net):
    """Every resource that an attack could hold."""
    worker = next(iter(net.gateway.telemetry("/lyncgate/workers").values()))
    found = {name: worker[name] for name in GAUGES}
    for name, pool in net.gateway.telemetry("/lyncgate/mempools").items():
        found[name] = pool["in_use"]
    return found


def counts(net):
    """All counters of TCP, of the proxy and of both ports, by their names."""
    found = dict(net.gateway.telemetry("/lyncgate/proxy"))
    for name, value in net.gateway.telemetry("/lyncgate/tcp").items():
        found[name] = value
    for port in net.gateway.telemetry("/lyncgate/ports").values():
        for name, value in port.items():
            if isinstance(value, int):
                found[name] = found.get(name, 0) + value
    return found


def back_to(net, idle):
    """Waits until every gauge is as it was."""
    deadline = time.monotonic() + SETTLE
    while (now := level(net)) != idle and time.monotonic() < deadline:
        time.sleep(0.1)
    assert now == idle, {name: (idle[name], now[name]) for name in idle if now[name] != idle[name]}


class Bystander:
    """A download of somebody else: each step moves some of it and must arrive."""

    STEP = 1000

    def __init__(self, net):
        self.front, self.back = net.session()
        self.back.data(response_head(1000000))
        self.front.expect_text(b"\r\n\r\n")
        self.at = 0

    def step(self):
        piece = text(self.STEP, self.at)
        self.back.data(piece)
        self.front.expect_text(piece, within=5)
        self.at += self.STEP

    def end(self):
        self.step()
        assert self.front.received.endswith(text(self.at)), "the bystander got other bytes"
        self.front.reset()


def survive(net, attack, *moved):
    """
    Runs the attack, a generator that yields now and then, beside a bystander. Of each name in `moved`, or of one in
    each tuple of names, the counter must have grown.
    """
    net.reset_clients()
    back_to(net, {name: 0 if name in GAUGES else value for name, value in level(net).items()})
    idle, before = level(net), counts(net)
    bystander = Bystander(net)
    for _ in attack:
        bystander.step()
    bystander.end()
    net.reset_clients()
    back_to(net, idle)
    after = counts(net)
    for names in moved:
        names = names if isinstance(names, tuple) else (names,)
        assert any(after.get(name, 0) > before.get(name, 0) for name in names), f"none of {names} was counted"
    net.opened(4).reset()
    net.opened(6).reset()


def sliced(items):
    """The items, and time for others now and then."""
    for number, item in enumerate(items):
        yield item, number % SLICE == SLICE - 1


def sending(net, packets, station=None):
    """Sends each packet; yields between slices."""
    for ip, pause in sliced(packets):
        (station or net.outside).send_ip(ip)
        if pause:
            yield
    yield


def stranger(n, v=4):
    return f"198.51.{n >> 8 & 255}.{n & 255 or 1}" if v == 4 else f"2001:db8:2::{n & 0xffff:x}"


def strays(v, flags, data=b"", options=b"", **fields):
    for n in range(MANY):
        yield Segment(stranger(n, v), GATEWAY[v], 1024 + n, 80, random.getrandbits(32),
                      random.getrandbits(32) if "A" in flags else 0, flags, 1000, data, options, **fields).packet()


# -- without a connection -----------------------------------------------------------------------------


@both
def test_syn_flood(net, v):
    """RFC 4987."""
    survive(net, sending(net, strays(v, "S", options=OFFER)), ("half_open_evicted", "syncookies_sent"))


@both
def test_syn_flood_with_data_and_fin(net, v):
    survive(net, sending(net, strays(v, "SF", b"GET /", mss(1))), ("drop_bad_flags", "half_open_evicted"))


@both
def test_stray_ack_flood(net, v):
    survive(net, sending(net, strays(v, "A")), "drop_no_conn")


@both
def test_stray_data_flood(net, v):
    survive(net, sending(net, strays(v, "PA", b"x" * 500)), "drop_no_conn")


def test_stray_synack_flood(net):
    """What a reflector that others abuse would send us."""
    survive(net, sending(net, strays(4, "SA", options=OFFER)), "drop_no_conn")


def test_stray_reset_flood(net):
    survive(net, sending(net, strays(4, "RA")), "drop_no_conn")


def test_flood_of_senseless_flags(net):
    def packets():
        for flags in ("", "FPU", "SFRPAU", "SR", "SF"):
            yield from list(strays(4, flags))[:600]
    survive(net, sending(net, packets()), ("drop_bad_flags", "drop_no_conn"))


def test_flood_of_broken_options(net):
    def packets():
        for options in (b"\2\0\0\0", b"\2\1\0\0", b"\5\377\0\0", b"\10\12\0\0", b"\3\3\1\2\100\0\0\0"):
            yield from list(strays(4, "S", options=options))[:600]
    survive(net, sending(net, packets()), "drop_bad_option")


def test_connection_flood(net):
    """Handshakes that are completed and say one byte: the table fills, who is in it goes on."""
    def attack():
        for n in range(150):
            c = net.client(address=stranger(n))
            c.open(OFFER)
            c.data(b"G")
            if n % 20 == 19:
                yield
    survive(net, attack(), "refused_sessions")


def test_land_and_martians(net):
    """LAND: our own address and port as the source. RFC 1122 section 3.2.1.3: addresses that nobody has."""
    def packets():
        for n in range(MANY):
            source = (GW4, "127.0.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255", "240.0.0.1")[n % 6]
            yield Segment(source, GW4, 80, 80, n, n, "SA"[:1 + n % 2], raw_options=mss(1460)).packet()
            yield Segment((GW6, "::1", "ff02::1", "::")[n % 4], GW6, 80, 80, n, n, "S").packet()
    survive(net, sending(net, packets()), "drop_martian")


def test_garbage_of_other_protocols(net):
    def packets():
        for n in range(MANY):
            yield ip_packet(stranger(n), GW4, (17, 47, 50, 132, 255)[n % 5], random.randbytes(n % 100))
    survive(net, sending(net, packets()), "drop_protocol")


# -- below TCP ----------------------------------------------------------------------------------------


def lonely_fragments(v):
    """First, middle and last pieces of datagrams that never become whole."""
    for n in range(MANY):
        seg = Segment(stranger(n, v), GATEWAY[v], 1024 + n, 80, 1, 1, "A", 1000, b"x" * 200)
        yield (pieces4 if v == 4 else pieces6)(seg, [0, 64, 128], ident=n)[n % 3]


def overlapping_fragments():
    """RFC 1858, RFC 5722, the teardrop: pieces of one datagram that contradict each other."""
    for n in range(MANY // 2):
        body = Segment(stranger(n), GW4, 1024 + n, 80, 1, 1, "A", 1000, b"x" * 200).tcp()
        yield ip_packet(stranger(n), GW4, 6, body[:72], ident=n, frag=0x2000)
        yield ip_packet(stranger(n), GW4, 6, body[64:], ident=n, frag=8)


def test_fragment_floods(net):
    """Fewer datagrams are kept than limits.fragments, none for ever."""
    def attack():
        yield from sending(net, overlapping_fragments())
        yield from sending(net, lonely_fragments(4))
        yield from sending(net, lonely_fragments(6))
    survive(net, attack(), "drop_frag_bad", "drop_frag_limit", "drop_frag_timeout")


def about(rx, number):
    """A segment as the gateway might have sent it to rx, so that an ICMP error can quote it."""
    return Segment(rx.remote, rx.local, rx.rport, rx.lport, number & MASK, rx.snd_nxt, "A", 1000, b"x" * 100)


@both
def test_icmp_forgeries(net, v):
    """RFC 5927: who doesn't see the connection doesn't know its sequence numbers."""
    def packets(rx):
        for n in range(MANY):
            quoted = about(rx, random.getrandbits(32))
            kind, code, rest = ((3, 1, 0), (3, 3, 0), (3, 4, 552), (11, 0, 0), (4, 0, 0))[n % 5] if v == 4 else \
                ((1, 1, 0), (1, 4, 0), (2, 0, 1280), (3, 0, 0), (4, 1, 0))[n % 5]
            yield icmp_error("192.0.2.1" if v == 4 else "2001:db8:5::1", quoted, kind, code, rest)

    rx = net.session(v)[0]
    survive_open(net, rx, sending(net, packets(rx)), "drop_icmp")


def test_neighbour_discovery_flood(net):
    """Solicitations of more neighbours than limits.neighbours: the cache stays bounded, and ours stay in it."""
    def packets():
        for n in range(MANY):
            yield neighbour_message(135, f"2001:db8:1::{0x1000 + n:x}", GW6, GW6, net.outside.mac)
    survive(net, sending(net, packets()), "nd_rx")


# -- against a connection that the attacker doesn't see -----------------------------------------------


def survive_open(net, victim, attack, *moved):
    """The same, where the victim was opened before; it must still be open at the end, and take data."""
    before = counts(net)
    bystander = Bystander(net)
    victim.drain(0.05)
    for _ in attack:
        bystander.step()
    bystander.end()
    after = counts(net)
    got = victim.drain(0.1)
    assert not any("R" in seg.flags or "F" in seg.flags for seg in got), victim.story()
    for name in moved:
        assert after[name] > before[name], f"{name} was not counted"
    net.reset_clients()


BLIND = {
    "resets": ("R", b"", ("drop_out_of_window",)),
    "syns": ("S", b"", ("challenge_acks",)),
    "data": ("PA", b"evil", ("drop_out_of_window",)),
    "acks": ("A", b"", ("drop_out_of_window",)),
    "fins": ("FA", b"", ("drop_out_of_window",)),
}


@sides
@pytest.mark.parametrize("kind", BLIND)
def test_blind_segments(net, side, kind):
    """RFC 5961: random numbers for the right addresses and ports. The stream goes on, its bytes untouched."""
    flags, data, moved = BLIND[kind]
    tx, rx = net.stream(side, offer=mss(1460), other=mss(1460))    # timestamps would make it harder still

    def blind(end):
        for _ in range(MANY // 2):
            # Never by chance what would be right: an attacker's odds are not what is tested.
            far = random.randrange(1 << 20, (1 << 32) - (1 << 24))
            yield end.segment(flags, data, seq=end.snd_nxt + far, ack=random.getrandbits(32), options=b"").packet()

    def attack():
        yield from sending(net, blind(tx), tx.station)
        yield from sending(net, blind(rx), rx.station)

    survive_stream(net, tx, rx, attack(), *moved)


def survive_stream(net, tx, rx, attack, *moved):
    """The attacked stream must go on: some of it passes at each step, and all that passed is as it was sent."""
    before, sent = counts(net), 0
    bystander = Bystander(net)
    for _ in attack:
        bystander.step()
        tx.data(text(500, sent))
        sent += 500
        rx.expect_text(text(sent)[-500:], within=5)
    bystander.end()
    after = counts(net)
    assert rx.received == text(sent)
    for name in moved:
        assert after[name] > before[name], f"{name} was not counted"
    rx.reset()
    net.reset_clients()


# -- by the owner of a connection: what it sends ------------------------------------------------------


def streams(net, side, n, **arguments):
    return [net.stream(side, **arguments) for _ in range(n)]


def ended(net, pairs):
    """The gateway ends the other side itself."""
    for pair in pairs:
        next(end for end in pair if end.station is net.outside).reset()


@sides
def test_out_of_order_flood(net, side):
    """Holes everywhere, on twenty connections: what is kept is bounded on each, and given back."""
    def attack():
        pairs = streams(net, side, 20)
        for k in range(150):
            for tx, _ in pairs:
                at = tx.begin + 1 + random.randrange(1, 30000, 2)
                tx.send("A", b"x", seq=at)
            if k % 10 == 9:
                yield
        held = level(net)["ooo_truesize"]
        assert 0 < held <= 20 * 256 * 1024, held
        ended(net, pairs)
    survive(net, attack(), "ooo_segs_in", "drop_ooo_limit")


@sides
def test_overlapping_and_contradicting_segments(net, side):
    """Pieces that overlap at random, with other bytes each time: all passes on, and each byte is one of those."""
    def attack():
        tx, rx = net.stream(side)
        for k in range(1500):
            at = random.randrange(1, 8000)
            tx.send("A", bytes([65 + k % 26]) * random.randrange(1, 400), seq=tx.begin + at)
            if k % 100 == 99:
                yield
        for at in range(0, 9000, 1000):
            tx.send("A", b"!" * 1000, seq=tx.begin + at)
        deadline = time.monotonic() + 5
        while len(rx.received) < 9000 and time.monotonic() < deadline:
            rx.drain(0.05)
            rx.send("A")
        assert len(rx.received) == 9000 and rx.received[:1] == b"!"
        assert set(rx.received) <= set(b"!ABCDEFGHIJKLMNOPQRSTUVWXYZ")
        rx.reset()
        yield
    survive(net, attack(), "ooo_segs_in")


@sides
def test_tiny_segments(net, side):
    """One byte each: memory is bounded by what buffers occupy, not by what they hold, and all arrives."""
    def attack():
        tx, rx = net.stream(side)
        for k in range(2000):
            tx.send("A", text(1, k), seq=tx.begin + k)
            if k % 100 == 99:
                assert level(net)["rx_truesize"] <= 512 * 1024
                yield
        tx.snd_nxt = tx.begin + 2000 & MASK
        deadline = time.monotonic() + 5
        while len(rx.received) < 2000 and time.monotonic() < deadline:
            rx.send("A")
            rx.drain(0.05)
        missing = len(rx.received)
        for at in range(missing, 2000, 500):
            tx.send("A", text(min(500, 2000 - at), at), seq=tx.begin + at)
        rx.expect_text(text(2000)[-100:])
        assert rx.received == text(2000)
        rx.reset()
        yield
    survive(net, attack(), "octets_in")


# -- by the owner of a connection: what it acknowledges -----------------------------------------------


def outstanding(net, side, size=20000, **arguments):
    """-> (tx, rx, first, n): n bytes from `first` on are in flight to rx, which acknowledges none."""
    tx, rx = net.stream(side, **arguments)
    first = rx.rcv_nxt
    for at in range(0, size, 1000):
        tx.send("A", text(1000, at), seq=tx.begin + at)
    tx.snd_nxt = tx.begin + size & MASK
    rx.drain(0.2)
    return tx, rx, first, (rx.rcv_nxt - first) & MASK


def take_all(tx, rx, size, within=10.0):
    """rx becomes honest: all arrives."""
    deadline = time.monotonic() + within
    while len(rx.received) < size and time.monotonic() < deadline:
        rx.send("A")
        tx.drain()
        rx.drain(0.05)
    assert rx.received == text(size), f"{len(rx.received)} of {size} bytes\n{rx.story()}"
    rx.send("A")


@sides
def test_sack_storm(net, side):
    """Four forged blocks in each of thousands of ACKs, valid, senseless and shifting: no storm of retransmissions."""
    def attack():
        tx, rx, first, n = outstanding(net, side, other=mss(1460) + packet.sack_ok())
        retransmitted = counts(net)["segs_retrans"]
        for k in range(MANY):
            begins = [random.randrange(0, n, 8) for _ in range(4)]
            blocks = [(first + b, first + b + random.choice((1, 8, 1000, n, 1 << 30))) for b in begins]
            rx.send("A", ack=first, options=b"\1\1" + sack(*blocks))
            if k % SLICE == SLICE - 1:
                rx.drain()
                yield
        assert counts(net)["segs_retrans"] - retransmitted < MANY // 4
        take_all(tx, rx, 20000)
        rx.reset()
        yield
    survive(net, attack(), "sack_blocks_in")


@sides
def test_ack_division(net, side):
    """RFC 3465: one segment acknowledged in a thousand pieces opens the window by one segment."""
    def attack():
        tx, rx, first, n = outstanding(net, side, size=40000, other=mss(1460))
        assert n <= 10 * 1460
        for k in range(1, 1000):
            rx.send("A", ack=first + k)
            if k % 100 == 99:
                yield
        rx.drain(0.1)
        more = (rx.rcv_nxt - first) & MASK
        assert more - n <= 4 * 1460, f"1 kB acknowledged, {more - n} bytes more sent"
        take_all(tx, rx, 40000)
        rx.reset()
        yield
    survive(net, attack(), "octets_out")


@sides
def test_optimistic_acks(net, side):
    """ACKs of what was never sent: RFC 9293 section 3.10.7.4; they free nothing, and answers to them are limited."""
    def attack():
        tx, rx, first, n = outstanding(net, side)
        before = counts(net)["challenge_acks"]
        for k in range(MANY):
            rx.send("A", ack=first + n + 1 + random.randrange(1 << 30))
            if k % SLICE == SLICE - 1:
                rx.drain()
                yield
        assert counts(net)["challenge_acks"] - before <= 100
        take_all(tx, rx, 20000)
        rx.reset()
        yield
    survive(net, attack(), "drop_bad_ack")


@sides
def test_zero_window_holders(net, side):
    """Forty that ask for much and take nothing: what each holds is bounded; when they are gone it is free."""
    def attack():
        pairs = streams(net, side, 40, window=0)
        for at in range(0, 30000, 1000):
            for tx, _ in pairs:
                tx.send("A", text(1000, at), seq=tx.begin + at)
            if at % 5000 == 0:
                yield
        time.sleep(1.0)
        assert level(net)["tx_truesize"] <= 40 * 300 * 1024
        yield
        ended(net, pairs)
    survive(net, attack(), "zero_window_probes")


@sides
def test_tiny_windows(net, side):
    """Sorrento's clerk: a window of one byte more each time. No segment of one byte for each."""
    def attack():
        tx, rx, first, n = outstanding(net, side, other=mss(1460))
        out = counts(net)["segs_out"]
        for k in range(1000):
            rx.send("A", ack=first + n, window=k % 8)
            if k % 100 == 99:
                rx.drain()
                yield
        assert counts(net)["segs_out"] - out < 900
        rx.reset()
        yield
    survive(net, attack())


@sides
def test_smallest_mss(net, side):
    """RFC 6691 and a lower bound of our own: an MSS of one byte doesn't make a thousand packets of a kilobyte."""
    def attack():
        for n in range(10):
            tx, rx = net.stream(side, other=mss(1))
            tx.data(text(1000))
            rx.drain(0.1)
            took = [seg for seg in rx.trace if seg[1] == "<" and seg[2].data]
            assert len(took) <= 40, len(took)
            rx.reset()
            yield
    survive(net, attack())


@sides
def test_forged_timestamps(net, side):
    """RFC 7323 section 5: old values are dropped, each with at most one ACK, and are never echoed (monitor.py)."""
    def attack():
        tx, rx = net.stream(side)
        for k in range(1500):
            tx.send("PA", b"old", seq=tx.snd_nxt,
                    options=b"\1\1" + timestamps(tx.ts_now() - random.randrange(100000, 1 << 30), 0))
            if k % 100 == 99:
                yield
        tx.data(text(100))
        rx.expect_text(text(100))
        assert rx.received == text(100)
        rx.reset()
        yield
    survive(net, attack(), "drop_paws")


def test_request_that_never_ends(net):
    """Fifty requests of a byte now and then: cut by timeouts.request_header, and nobody else is."""
    def attack():
        fronts = [net.opened() for _ in range(50)]
        for k in range(5):
            for c in fronts:
                c.data(request("p0.test")[k:k + 1])
            yield
        time.sleep(5.2)
        yield
        assert all(any("F" in seg.flags or "R" in seg.flags for seg in c.drain(0.05)) for c in fronts)
    survive(net, attack(), "local_408")


# -- many at once -------------------------------------------------------------------------------------


def test_everything_at_once(net):
    """All that needs no connection, mixed, on both families."""
    def packets():
        kinds = [strays(4, "S", options=OFFER), strays(6, "S", options=OFFER), strays(4, "A"), strays(6, "RA"),
                 strays(4, "PA", b"x" * 100), strays(4, "SA")]
        for mixed in zip(*kinds):
            yield from mixed
        body = frames.pseudo(CLIENT[4], GW4, 6, 20) + struct.pack("!I", 0)
        for n in range(500):
            yield ip_packet(stranger(n), GW4, 6, body[:n % 16])
    survive(net, sending(net, packets()), ("drop_no_conn", "drop_bad_ack"), ("half_open_evicted", "syncookies_sent"))
