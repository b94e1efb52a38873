# SPDX-License-Identifier: BSD-3-Clause
"""Closing: RFC 9293 sections 3.6 and 3.10.7.4, RFC 1122 section 4.2.2.13, RFC 6191."""

import time

import pytest

from network import OFFER, request, response, response_head, text
from packet import MASK, mss

TIMEOUTS = {"time_wait": "2s", "fin_wait": "2s", "retransmit": "5s"}
both = pytest.mark.parametrize("v", [4, 6])
pytestmark = pytest.mark.together
QUIET = 0.25
CLOSE = "Connection: close\r\n"
PLAIN = mss(1460)


def gateway_closed(net, v=4, options=OFFER, lport=None):
    """A client whose answer came with the gateway's FIN, neither acknowledged yet. -> (front, the FIN)."""
    pool = net.pool(v)
    front = net.opened(v, options, lport=lport)
    front.data(request(pool.host, more=CLOSE))
    back = pool.accept(OFFER)
    back.expect_text(b"\r\n\r\n")
    back.data(response(b"done"))
    while True:
        seg = front.next(2.0)
        if seg is None:
            front.fail("no FIN")
        if "F" in seg.flags:
            return front, seg


def time_wait(net, v=4, options=OFFER):
    """A client connection in TIME-WAIT at the gateway."""
    front, _ = gateway_closed(net, v, options)
    front.send("FA")
    front.expect("A", ack=front.snd_nxt)
    return front


def gone(front, within=0.3):
    """The gateway knows nothing of this connection any more."""
    stray = front.send("A", ack=0x1234567)
    front.monitor.gw_reset_at = None
    return front.expect("R", seq=stray.ack, within=within)


# -- the waiting ones -----------------------------------------------------------------------------------


def test_fin_is_sent_again_with_backoff(net):
    front, fin = gateway_closed(net)
    front.send("A", ack=fin.seq + len(fin.data))        # the data, not the FIN
    times = [fin.time]
    for _ in range(3):
        times.append(front.expect("FA", where=lambda s: s.end == fin.end, within=3).time)
    gaps = [b - a for a, b in zip(times, times[1:])]
    assert all(1.6 * a < b < 2.5 * a for a, b in zip(gaps[1:], gaps[2:])), gaps
    front.send("A")
    front.send("FA")
    front.expect("A", ack=front.snd_nxt)


def test_fin_wait_2_ends_with_a_silent_client(net):
    """Lingering for the client's end 5 to 10 s (the ACK is noticed late), then timeouts.fin_wait (2 s)."""
    front, _ = gateway_closed(net)
    front.send("A")
    front.drain(13.0)
    gone(front)


def test_time_wait_ends(net):
    front = time_wait(net)
    front.drain(2.6)
    gone(front)


def test_unacknowledged_last_ack_is_given_up(net):
    front = net.opened()
    front.send("FA")
    front.expect("FA", ack=front.snd_nxt)
    front.drain(5.6)
    gone(front)


def test_retransmitted_fin_restarts_time_wait(net):
    """RFC 9293 section 3.10.7.4, step 8: TIME-WAIT."""
    front = time_wait(net)
    for _ in range(3):
        time.sleep(1.2)
        front.send("FA", seq=front.snd_nxt - 1)
        front.expect("A", ack=front.snd_nxt)
    front.drain(0.1)
    front.send("FA", seq=front.snd_nxt - 1)
    front.expect("A", ack=front.snd_nxt)


def test_client_that_vanishes_after_half_its_request_is_let_go(net):
    """A FIN before the end of the head: closed, or reset because bytes were left unread (RFC 2525 section 2.17)."""
    front = net.opened()
    front.data(b"GET / HTT")
    front.send("FA")
    if front.wait_end(3).has("FA"):
        front.send("A")
    gone(front)


# -- the client closes ------------------------------------------------------------------------------------


@both
def test_idle_client_closes(net, v):
    """FIN, FIN, ACK: then nothing is left of it."""
    front = net.opened(v)
    front.send("FA")
    front.expect("FA", ack=front.snd_nxt)
    front.send("A")
    front.silence(QUIET)
    gone(front)


@both
def test_half_closed_client_still_gets_its_answer(net, v):
    pool = net.pool(v)
    front = net.opened(v)
    front.send("FPA", request(pool.host))
    front.expect("A", ack=front.snd_nxt)
    back = pool.accept(OFFER)
    back.expect_text(b"\r\n\r\n")
    time.sleep(0.2)
    back.data(response(b"still there"))
    front.expect_text(b"still there", ack=False)
    front.expect_fin()
    front.silence(QUIET)
    gone(front)


def test_half_closed_client_gets_a_long_answer(net):
    """In CLOSE-WAIT sending goes on as ever, windows and all."""
    front, back = net.session()
    front.send("FA")
    front.expect("A", ack=front.snd_nxt)
    body = text(60000)
    answer = response(body)
    for at in range(0, len(answer), 1400):
        back.send("A", answer[at:at + 1400])
        time.sleep(0.0005)
        front.drain()
        if at % 7000 == 0:
            front.send("A")
    deadline = time.monotonic() + 3
    while not front.received.endswith(body[-100:]) and time.monotonic() < deadline:
        front.drain(0.02)
        front.send("A")
    assert front.received.endswith(body)
    front.reset()


def test_fin_repeated_in_close_wait_is_acknowledged_again(net):
    front, back = net.session()
    front.send("FA")
    front.expect("A", ack=front.snd_nxt)
    front.send("FA", seq=front.snd_nxt - 1)
    front.expect("A", ack=front.snd_nxt)
    back.reset()
    front.reset()


def test_fin_before_its_data_waits(net):
    """A FIN out of order is not the end: it counts when the hole is filled."""
    pool = net.pool()
    front = net.opened()
    ask = request(pool.host)
    begin = front.snd_nxt
    front.send("FPA", ask[20:], seq=begin + 20)
    front.expect("A", ack=begin)
    front.snd_nxt = (begin + len(ask) + 1) & MASK
    front.send("A", ask[:20], seq=begin)
    front.expect("A", ack=front.snd_nxt)
    back = pool.accept(OFFER)
    back.expect_text(b"\r\n\r\n")
    back.data(response(b"whole"))
    front.expect_text(b"whole")
    front.reset()


def test_bare_fin_before_the_data_waits(net):
    pool = net.pool()
    front = net.opened()
    ask = request(pool.host)
    begin = front.snd_nxt
    front.send("FA", seq=begin + len(ask))
    front.expect("A", ack=begin)
    front.send("PA", ask, seq=begin)
    front.snd_nxt = (begin + len(ask) + 1) & MASK
    front.expect("A", ack=front.snd_nxt)
    back = pool.accept(OFFER)
    back.expect_text(b"\r\n\r\n")
    back.data(response(b"whole"))
    front.expect_text(b"whole")
    front.reset()


def test_data_behind_the_fin_is_ignored(net):
    """Section 3.10.7.4 step 7: this should not occur; what follows the FIN is not text."""
    front, back = net.session()
    front.send("FA")
    front.expect("A", ack=front.snd_nxt)
    end = front.snd_nxt
    front.send("PA", b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n", seq=end)
    front.send("PA", b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n", seq=end - 1)
    front.snd_nxt = end
    got = front.drain(0.2)
    assert all(s.ack == end for s in got), front.story()
    back.silence(0.1)
    back.data(response(b"one"))
    front.expect_text(b"one", ack=False)
    front.reset()


def test_fin_that_moves_backwards_cuts_nothing(net):
    """Two FINs at different places: what came between them was data already."""
    front, back = net.session()
    front.send("FA", seq=front.snd_nxt - 5)
    front.drain(0.1)
    back.data(response(b"fine"))
    front.expect_text(b"fine")
    front.reset()


# -- the gateway closes -----------------------------------------------------------------------------------


@both
def test_connection_close_is_an_orderly_close(net, v):
    """FIN-WAIT-1, FIN-WAIT-2, TIME-WAIT; a FIN that comes again is acknowledged again."""
    front, fin = gateway_closed(net, v)
    front.send("A")
    front.silence(0.15)
    front.send("FA")
    front.expect("A", ack=front.snd_nxt)
    for _ in range(2):
        front.send("FA", seq=front.snd_nxt - 1)
        again = front.expect("A", ack=front.snd_nxt)
        assert again.seq == fin.end


@both
def test_fin_and_ack_of_fin_in_one_segment(net, v):
    """FIN-WAIT-1 straight to TIME-WAIT."""
    front, _ = gateway_closed(net, v)
    front.send("FA")
    front.expect("A", ack=front.snd_nxt)
    front.silence(0.6)


@both
def test_simultaneous_close(net, v):
    """FINs cross: CLOSING, then TIME-WAIT (section 3.6, figure 14)."""
    front, fin = gateway_closed(net, v)
    front.send("FA", ack=fin.seq + len(fin.data))
    front.expect("A", ack=front.snd_nxt)
    front.expect("FA", where=lambda s: s.end == fin.end, within=1.0)
    front.send("A")
    front.silence(0.6)
    front.send("FA", seq=front.snd_nxt - 1)
    front.expect("A", ack=front.snd_nxt)


def test_data_after_the_gateways_fin_is_read_away(net):
    """Lingering close: the client's pipelined rest is acknowledged so that the answer isn't lost to a reset."""
    front, _ = gateway_closed(net)
    front.send("A")
    front.data(b"more" * 100)
    answer = front.next(1.0)
    assert answer is not None and "R" not in answer.flags and answer.ack == front.snd_nxt, front.story()
    front.send("FA")
    front.expect("A", ack=front.snd_nxt)


@pytest.mark.parametrize("state", ["FIN-WAIT-1", "FIN-WAIT-2", "CLOSING", "TIME-WAIT", "CLOSE-WAIT", "LAST-ACK"])
def test_exact_reset_ends_every_closing_state(net, state):
    if state in ("CLOSE-WAIT", "LAST-ACK"):
        front = net.opened() if state == "LAST-ACK" else net.session()[0]
        front.send("FA")
        front.expect("FA" if state == "LAST-ACK" else "A", ack=front.snd_nxt)
    else:
        front, fin = gateway_closed(net)
        data_only = fin.seq + len(fin.data)
        if state == "FIN-WAIT-2":
            front.send("A")
        elif state == "CLOSING":
            front.send("FA", ack=data_only)
            front.expect("A", ack=front.snd_nxt)
        elif state == "TIME-WAIT":
            front.send("FA")
            front.expect("A", ack=front.snd_nxt)
    front.reset()
    front.monitor.our_reset_final = True
    front.drain(0.05)
    front.silence(0.5)
    gone(front)


@pytest.mark.parametrize("state", ["FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT", "CLOSE-WAIT", "LAST-ACK"])
def test_syn_in_every_closing_state_is_challenged(net, state):
    """RFC 5961 section 4; in TIME-WAIT an old number (RFC 1122 section 4.2.2.13)."""
    if state in ("CLOSE-WAIT", "LAST-ACK"):
        front = net.opened() if state == "LAST-ACK" else net.session()[0]
        front.send("FA")
        front.expect("FA" if state == "LAST-ACK" else "A", ack=front.snd_nxt)
    else:
        front, _ = gateway_closed(net)
        if state == "FIN-WAIT-2":
            front.send("A")
        elif state == "TIME-WAIT":
            front.send("FA")
            front.expect("A", ack=front.snd_nxt)
    at = front.snd_nxt
    front.send("S", seq=at - 100000, options=PLAIN)
    front.expect("A", ack=at)
    front.reset()


# -- TIME-WAIT ----------------------------------------------------------------------------------------------


@both
@pytest.mark.parametrize("options", [OFFER, PLAIN], ids=["timestamps", "plain"])
def test_new_incarnation_from_time_wait(net, v, options):
    """RFC 1122 section 4.2.2.13, RFC 6191: our ISN is above the old one's numbers, theirs has to be, too."""
    front = time_wait(net, v, options)
    top = front.rcv_nxt
    again = net.client(v, lport=front.lport, isn=front.snd_nxt + 1000)
    again.ts_base = front.ts_base
    fresh = options if options is PLAIN else options.replace(b"\x08\x0a\0\0\0\1", b"\x08\x0a" +
                                                              again.ts_now().to_bytes(4, "big"))
    synack = again.open(fresh)
    assert (synack.seq - top) & MASK < 0x80000000
    pool = net.pool(v)
    again.data(request(pool.host))
    back = pool.accept(OFFER)
    back.expect_text(b"\r\n\r\n")
    back.data(response(b"second life"))
    again.expect_text(b"second life")
    again.reset()


def test_old_data_in_time_wait_is_acknowledged_only(net):
    front = time_wait(net)
    front.send("PA", b"old", seq=front.snd_nxt - 4)
    front.expect("A", ack=front.snd_nxt)
    front.send("PA", b"new")
    answer = front.next(0.5)
    assert answer is None or answer.has("A") or answer.has("R")


# -- the pool closes ----------------------------------------------------------------------------------------


@both
def test_answer_that_ends_with_the_connection(net, v):
    front, back = net.session(v)
    back.send("FPA", b"HTTP/1.1 200 OK\r\n\r\nuntil the end")
    front.expect_text(b"until the end", ack=False)
    front.expect_fin()
    back.expect("FA", ack=back.snd_nxt)
    back.send("A")
    back.silence(QUIET)
    front.send("FA")
    front.expect("A", ack=front.snd_nxt)


@both
@pytest.mark.parametrize("how", ["reset", "fin"])
def test_answer_that_is_cut_reaches_the_client_as_a_reset(net, v, how):
    """A cut body must not look complete."""
    front, back = net.session(v)
    back.data(response_head(1000) + b"only this")
    front.expect_text(b"only this")
    if how == "reset":
        back.reset()
    else:
        back.send("FA")
    rst = front.expect("RA")
    assert rst.seq == front.rcv_nxt and rst.ack == front.snd_nxt
    front.silence(QUIET)


@both
def test_reset_before_the_answer_is_503(net, v):
    front, back = net.session(v)
    back.reset()
    front.expect_text(b"HTTP/1.1 503", ack=False)
    front.reset()


def test_idle_pool_connection_may_close(net):
    """The client's stays; the next request opens a new one."""
    front, back = net.session()
    back.data(response(b"first"))
    front.expect_text(b"first")
    back.send("FA")
    back.expect("FA", ack=back.snd_nxt)
    back.send("A")
    back.silence(QUIET)
    front.data(request(front.pool.host, "/second"))
    second = front.pool.accept(OFFER)
    second.expect_text(b"/second")
    second.data(response(b"again"))
    front.expect_text(b"again")
    front.reset()


@both
def test_client_reset_reaches_the_pool(net, v):
    """RFC 9293 section 3.10.5 ABORT: the exact number, acknowledged."""
    front, back = net.session(v)
    front.reset()
    front.monitor.our_reset_final = True
    rst = back.expect("RA", ack=back.snd_nxt)
    assert rst.seq == back.rcv_nxt
    back.silence(QUIET)
