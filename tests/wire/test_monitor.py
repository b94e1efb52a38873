# SPDX-License-Identifier: BSD-3-Clause
"""The monitor itself: it says nothing of a good conversation and names each fault."""

import dataclasses

import pytest

import packet
from monitor import Monitor
from packet import Segment, mss, sack, sack_ok, timestamps, wscale

GW, US = ("192.0.2.1", 80), ("192.0.2.2", 1000)
ISN, OURS = 0xffffff00, 7000
OPTIONS = mss(1460) + sack_ok() + timestamps(5) + b"\1" + wscale(2)


def of_gateway(flags, seq, ack, data=b"", window=1000, raw=None, **fields):
    raw = b"\1\1" + timestamps(100, 5) if raw is None else raw
    return Segment(GW[0], US[0], GW[1], US[1], (ISN + seq) & 0xffffffff, OURS + ack, flags, window, data, raw, **fields)


def of_ours(flags, seq, ack, data=b"", window=1000, raw=None):
    raw = b"\1\1" + timestamps(5, 100) if raw is None else raw
    return Segment(US[0], GW[0], US[1], GW[1], OURS + seq, (ISN + ack) & 0xffffffff, flags, window, data, raw)


def conversation(synack=OPTIONS.replace(timestamps(5), timestamps(99, 5))):
    m = Monitor()
    m.sent(of_ours("S", 0, 0, raw=OPTIONS), 0)
    assert m.received(of_gateway("SA", 0, 1, raw=synack), 0) == []
    m.sent(of_ours("A", 1, 1), 0)
    m.sent(of_ours("PA", 1, 1, b"x" * 100), 0)
    m.sent(of_ours("PA", 201, 1, b"x" * 100), 0)
    assert m.received(of_gateway("A", 1, 101, b"answer"), 0) == []
    return m


GOOD = {
    "retransmission": of_gateway("A", 1, 101, b"answer"),
    "other cut": of_gateway("A", 3, 101, b"swer and more"),
    "sack": of_gateway("A", 7, 101, raw=b"\1\1" + timestamps(101, 5) + b"\1\1" + sack((OURS + 201, OURS + 301))),
    "fin": of_gateway("FA", 7, 101),
    "keepalive": of_gateway("A", 6, 101),
    "reset": of_gateway("RA", 7, 101, raw=b""),
}


@pytest.mark.parametrize("name", GOOD)
def test_good_segments_pass(name):
    assert conversation().received(GOOD[name], 1) == []


BAD = {
    "is now": of_gateway("A", 1, 101, b"angwer"),
    "our window ends": of_gateway("A", 3990, 101, b"x" * 100),
    "our MSS": of_gateway("A", 7, 101, b"x" * 1455),
    "only 301 was sent": of_gateway("A", 7, 302),
    "after 101": of_gateway("A", 7, 100, window=3000),
    "right edge": of_gateway("A", 7, 101, window=999),
    "was never sent": of_gateway("A", 7, 101, raw=b"\1\1" + timestamps(101, 6)),
    "timestamp 98": of_gateway("A", 7, 101, raw=b"\1\1" + timestamps(98, 5)),
    "no timestamps": of_gateway("A", 7, 101, raw=b""),
    "without SYN": of_gateway("A", 7, 101, raw=mss(1460)),
    "never sent": of_gateway("A", 7, 101, raw=b"\1\1" + timestamps(101, 5) + b"\1\1" + sack((OURS + 150, OURS + 301))),
    "at the acknowledgment": of_gateway("A", 7, 101, raw=b"\1\1" + timestamps(101, 5) + b"\1\1" +
                                        sack((OURS + 201, OURS + 301), (OURS + 50, OURS + 101))),
    "SYN again": of_gateway("SA", 1, 1, raw=OPTIONS),
    "urgent": of_gateway("AU", 7, 101),
    "ECN was not": of_gateway("AE", 7, 101),
    "not negotiated": of_gateway("A", 7, 101, b"more", tos=2),
    "reserved": of_gateway("A", 7, 101, reserved=4),
    "without ACK": of_gateway("F", 7, 0),
    "sequence number -1": of_gateway("A", -1, 101),
    "RST with data": of_gateway("RA", 7, 101, b"x"),
    "option twice": of_gateway("A", 7, 101, raw=(b"\1\1" + timestamps(101, 5)) * 2),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_segments_are_named(name):
    wrong = conversation().received(BAD[name], 1)
    assert any(name in each for each in wrong), wrong


def with_ecn():
    m = Monitor()
    m.sent(of_ours("SEW", 0, 0, raw=OPTIONS), 0)
    assert m.received(of_gateway("SAE", 0, 1, raw=OPTIONS.replace(timestamps(5), timestamps(99, 5))), 0) == []
    m.sent(of_ours("A", 1, 1), 0)
    assert m.received(of_gateway("AW", 1, 1, b"answer", tos=2), 0) == []
    assert m.received(of_gateway("AE", 7, 1), 0) == []
    assert m.received(of_gateway("AE", 1, 1, b"answer"), 0) == []
    return m


@pytest.mark.parametrize("seg", [of_gateway("A", 7, 1, tos=2), of_gateway("A", 1, 1, b"answer", tos=2),
                                 of_gateway("A", 7, 1, b"new"), of_gateway("A", 7, 1, b"new", tos=3),
                                 of_gateway("AW", 1, 1, b"answer"), of_gateway("AW", 7, 1), of_gateway("R", 7, 1, tos=2)])
def test_ecn_on_anything_but_new_data_is_named(seg):
    assert with_ecn().received(seg, 1)


def test_ecn_that_was_not_asked_for_is_named():
    m = Monitor()
    m.sent(of_ours("S", 0, 0, raw=OPTIONS), 0)
    assert m.received(of_gateway("SAE", 0, 1, raw=OPTIONS.replace(timestamps(5), timestamps(99, 5))), 0) == [
        "ECN in the SYN-ACK, not in our SYN"]


def test_fin_that_moves_is_named():
    m = conversation()
    assert m.received(of_gateway("FA", 7, 101), 1) == []
    assert "FIN moved from 7 to 6" in m.received(of_gateway("FA", 6, 101), 1)[0]
    assert "behind the FIN" in m.received(of_gateway("A", 7, 101, b"x"), 1)[0]


def test_segment_after_a_reset_is_named():
    m = conversation()
    m.our_reset_final = True
    m.sent(of_ours("R", 101, 0), 1)
    assert m.received(of_gateway("A", 7, 101), 1.1) == []
    assert m.received(of_gateway("A", 7, 101), 2) == ["segment after our RST"]


def test_option_that_was_not_offered_is_named():
    m = Monitor()
    m.sent(of_ours("S", 0, 0, raw=mss(1460)), 0)
    assert len(m.received(of_gateway("SA", 0, 1, raw=OPTIONS), 0)) == 4     # three options, and an echo of nothing


def test_broken_packets_are_refused():
    good = of_gateway("A", 7, 101, b"data").packet()
    assert packet.parse(good)[3].data == b"data"
    for at in range(len(good)):
        with pytest.raises(packet.Malformed):
            packet.parse(good[:at] + bytes([good[at] ^ 0x10]) + good[at + 1:])
    with pytest.raises(packet.Malformed):
        packet.parse(good + b"\1")
    assert packet.parse(dataclasses.replace(of_gateway("A", 7, 101), src="2001:db8::1", dst="2001:db8::2").packet())
