# SPDX-License-Identifier: BSD-3-Clause
"""LY-418: what could be framed in two ways is refused, and nothing of it reaches a pool."""

import pytest

from client import Closed, Conn

HOST = "webext2.example.test"
LINE = f"POST /smuggle HTTP/1.1\r\nHost: {HOST}\r\n"
TAIL = "\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: webext2.example.test\r\n\r\n"

REFUSED = {
    "length-and-chunked": LINE + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n" + TAIL,
    "chunked-and-length": LINE + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n" + TAIL,
    "two-lengths": LINE + "Content-Length: 5\r\nContent-Length: 6\r\n" + TAIL,
    "two-equal-lengths": LINE + "Content-Length: 5\r\nContent-Length: 5\r\n" + TAIL,
    "length-list": LINE + "Content-Length: 5, 6\r\n" + TAIL,
    "length-plus": LINE + "Content-Length: +5\r\n" + TAIL,
    "length-minus": LINE + "Content-Length: -1\r\n" + TAIL,
    "length-hex": LINE + "Content-Length: 0x5\r\n" + TAIL,
    "length-space-inside": LINE + "Content-Length: 5 5\r\n" + TAIL,
    "length-empty": LINE + "Content-Length:\r\n" + TAIL,
    "length-overflow": LINE + "Content-Length: 18446744073709551621\r\n" + TAIL,
    "te-identity-chunked": LINE + "Transfer-Encoding: identity, chunked\r\n" + TAIL,
    "te-chunked-twice": LINE + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n" + TAIL,
    "te-xchunked": LINE + "Transfer-Encoding: xchunked\r\n" + TAIL,
    "te-chunked-parameter": LINE + "Transfer-Encoding: chunked;x=1\r\n" + TAIL,
    "te-vertical-tab": LINE + "Transfer-Encoding: \x0bchunked\r\n" + TAIL,
    "te-in-http10": f"POST /smuggle HTTP/1.0\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\n" + TAIL,
    "space-before-colon": LINE + "Content-Length : 5\r\n" + TAIL,
    "space-before-colon-te": LINE + "Transfer-Encoding : chunked\r\n" + TAIL,
    "leading-space-field": LINE + " Content-Length: 5\r\n" + TAIL,
    "folded": LINE + "X-A: 1\r\n Transfer-Encoding: chunked\r\n" + TAIL,
    "bare-lf": LINE + "X-A: 1\nContent-Length: 5\r\n" + TAIL,
    "bare-lf-end": f"GET /smuggle HTTP/1.1\nHost: {HOST}\n\n",
    "bare-cr": LINE + "X-A: 1\rContent-Length: 5\r\n" + TAIL,
    "nul-in-value": LINE + "X-A: a\0b\r\n" + TAIL,
    "nul-in-name": LINE + "X\0A: b\r\n" + TAIL,
    "no-colon": LINE + "Nonsense\r\n" + TAIL,
    "empty-name": LINE + ": x\r\n" + TAIL,
    "two-hosts": LINE + "Host: director.example.test\r\n" + TAIL,
    "two-spaces": f"GET  /smuggle HTTP/1.1\r\nHost: {HOST}\r\n\r\n",
    "tab-in-line": f"GET\t/smuggle HTTP/1.1\r\nHost: {HOST}\r\n\r\n",
    "lower-version": f"GET /smuggle http/1.1\r\nHost: {HOST}\r\n\r\n",
    "no-version": f"GET /smuggle\r\nHost: {HOST}\r\n\r\n",
    "space-in-target": f"GET /smuggle x HTTP/1.1\r\nHost: {HOST}\r\n\r\n",
    "absolute-form-of-another-host": f"GET http://director.example.test/smuggle HTTP/1.1\r\nHost: {HOST}\r\n\r\n",
}


def refused(lab, tls, data, statuses):
    """The answer is one of `statuses` and the connection ends; the pool saw nothing of it."""
    mark = lab.pool_log.mark()
    with Conn(lab, HOST, tls=tls) as conn:
        conn.send(data)
        answer = conn.response()
        assert answer.status in statuses
        assert conn.wait_end() in ("fin", "rst")
    assert [e["line"] for e in lab.requests(mark)] == []


@pytest.mark.parametrize("name", REFUSED)
def test_ambiguous_request_is_refused(gw, lab, name):
    refused(lab, False, REFUSED[name], (400,))


@pytest.mark.parametrize("name", ["length-and-chunked", "two-lengths", "bare-lf", "space-before-colon"])
def test_ambiguous_request_is_refused_inside_tls_too(gw, lab, name):
    refused(lab, True, REFUSED[name], (400,))


@pytest.mark.parametrize("method", ["TRACE", "CONNECT"])
def test_ly303_trace_and_connect_are_refused(gw, lab, method):
    refused(lab, False, f"{method} / HTTP/1.1\r\nHost: {HOST}\r\n\r\n", (400, 405, 501))


def test_http2_preface_is_refused(gw, lab):
    refused(lab, False, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (400, 405, 505))


BAD_CHUNKS = {
    "not-hex": "xyz\r\nabc\r\n0\r\n\r\n",
    "sign": "+5\r\nhello\r\n0\r\n\r\n",
    "0x": "0x5\r\nhello\r\n0\r\n\r\n",
    "overflow": "ffffffffffffffff5\r\nhello\r\n0\r\n\r\n",
    "no-crlf-after-data": "5\r\nhelloXX0\r\n\r\n",
    "bare-lf": "5\nhello\n0\n\n",
    "space-before-size": " 5\r\nhello\r\n0\r\n\r\n",
    "empty-size": "\r\nhello\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("name", BAD_CHUNKS)
def test_bad_chunk_ends_the_connection_and_completes_no_request(gw, lab, name):
    mark = lab.pool_log.mark()
    with Conn(lab, HOST, tls=False) as conn:
        conn.send(LINE + "Transfer-Encoding: chunked\r\n\r\n" + BAD_CHUNKS[name] +
                  f"GET /smuggled HTTP/1.1\r\nHost: {HOST}\r\n\r\n")
        try:
            assert conn.response().status == 400
            conn.wait_end()
        except Closed:
            pass
    assert lab.pool_events("answered", mark) == []
    assert not [e for e in lab.requests(mark) if "smuggled" in e["line"]]


def test_request_after_a_body_is_not_part_of_it(gw, lab):
    with Conn(lab, HOST) as conn:
        conn.send(LINE + "Content-Length: 5\r\n\r\nhelloGET /next HTTP/1.1\r\nHost: webext2.example.test\r\n\r\n")
        assert conn.response().json()["body_len"] == 5
        assert conn.response().json()["target"] == "/next"


def test_get_with_a_body_keeps_its_framing(gw, lab):
    with Conn(lab, HOST) as conn:
        assert conn.ask("/get-with-body", body=b"GET /inner HTTP/1.1\r\n\r\n").json()["body_len"] == 23
        assert conn.ask("/next").json()["target"] == "/next"


def test_empty_lines_before_a_request_are_skipped(gw, lab):
    """RFC 9112 2.2."""
    with Conn(lab, HOST, tls=False) as conn:
        conn.send("\r\n" + conn.request_bytes("/one").decode())
        assert conn.response().json()["target"] == "/one"
