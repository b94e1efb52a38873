# SPDX-License-Identifier: BSD-3-Clause
"""Bodies of every framing and size pass whole, bounded in memory, in both directions (LY-407, LY-410..413, A15..A18)."""

import hashlib
import json
import socket
import subprocess
import time

import pytest

import payload
from client import Closed, Conn, curl, curl_command
from lab import SERVERS

HOST = "webext2.example.test"
MIB = 1024 * 1024
GROWTH = 32 * MIB  # what the gateway may take beside a body of 30 or 100 MB


def live(lab):
    """The pool's open connections, asked from inside."""
    with lab.inside.connect(SERVERS["second"], 8080) as sock:
        sock.sendall(b"GET /live HTTP/1.1\r\nHost: pool\r\nConnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: sock.recv(65536), b""))
    return json.loads(answer.split(b"\r\n\r\n", 1)[1])


# -- downloads ------------------------------------------------------------------------------------

@pytest.mark.parametrize("scheme", ["https", "http"])
@pytest.mark.parametrize("size", [0, 1, 1447, 1460, 16383, 16384, 16385, 65536, 1000000, 10 * MIB + 1])
def test_download_with_content_length(gw, lab, scheme, size):
    answer = curl(lab, f"{scheme}://{HOST}/size/{size}")
    assert answer.status == 200
    assert (len(answer.body), answer.sha256) == (size, payload.sha256(size))


@pytest.mark.parametrize("scheme", ["https", "http"])
@pytest.mark.parametrize("size", [0, 1, 5000, 100000, 3 * MIB])
def test_download_chunked(gw, lab, scheme, size):
    answer = curl(lab, f"{scheme}://{HOST}/chunked/{size}")
    assert answer.get("Transfer-Encoding") == "chunked"
    assert answer.sha256 == payload.sha256(size)


@pytest.mark.parametrize("scheme", ["https", "http"])
def test_download_that_ends_with_the_connection(gw, lab, scheme):
    answer = curl(lab, f"{scheme}://{HOST}/until-close/300000")
    assert answer.sha256 == payload.sha256(300000)


def test_slow_body_arrives_as_it_is_sent(gw, lab):
    """LY-419: no waiting for more, one byte at a time."""
    with Conn(lab, HOST) as conn:
        conn.send(conn.request_bytes("/slow?n=10&step=1&ms=100"))
        conn.read_head()
        times = []
        for _ in range(10):
            conn.read(1)
            times.append(time.monotonic())
    gaps = [b - a for a, b in zip(times, times[1:])]
    assert len([gap for gap in gaps if gap > 0.05]) >= 7, gaps


@pytest.mark.parametrize("tls", [True, False])
def test_a17_slow_reader_of_100_mb_is_held_back_end_to_end(gw, lab, tls):
    size = 100 * 1000 * 1000
    before = gw.memory()
    with Conn(lab, HOST, tls=tls, receive_buffer=65536, timeout=60) as conn:
        conn.send(conn.request_bytes(f"/size/{size}"))
        conn.read_head()
        # The reader stands still until the pool stands still too: its bytes have stopped moving.
        sent, deadline = -1, time.monotonic() + 20
        while True:
            now = [c["bytes_out"] for c in live(lab) if c["during"].startswith("/size/")]
            assert len(now) == 1
            if now[0] == sent:
                break
            assert time.monotonic() < deadline, "the pool still sends to a reader that doesn't read"
            sent = now[0]
            time.sleep(0.5)
        assert sent < 32 * MIB  # both kernels' socket buffers and ours
        digest, left = hashlib.sha256(), size
        while left:
            piece = conn.read(min(left, MIB))
            digest.update(piece)
            left -= len(piece)
    assert digest.hexdigest() == payload.sha256(size)
    assert gw.memory("VmHWM") - before < GROWTH


# -- uploads --------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def thirty_mb(tmp_path_factory):
    path = tmp_path_factory.mktemp("upload") / "thirty"
    path.write_bytes(payload.data(30 * 1000 * 1000))
    return path


@pytest.mark.parametrize("framing", ["chunked", "length"])
def test_a16_upload_of_30_mb_with_expect(gw, lab, thirty_mb, framing):
    options = ["-T", thirty_mb, "-X", "POST", "-H", "Expect: 100-continue"]
    if framing == "chunked":
        options += ["-H", "Transfer-Encoding: chunked"]
    before = gw.memory()
    answer = curl(lab, f"https://{HOST}/upload", *options)
    assert answer.status == 200
    assert (answer.json()["body_len"], answer.json()["body_sha256"]) == (30000000, payload.sha256(30000000))
    assert 100 in answer.interim  # LY-411: the pool's own
    names = {name.lower() for name, _ in answer.json()["headers"]}
    assert {"expect", "transfer-encoding" if framing == "chunked" else "content-length"} <= names
    assert gw.memory("VmHWM") - before < GROWTH


@pytest.mark.parametrize("framing", ["chunked", "length"])
def test_a16_rate_limited_upload(gw, lab, tmp_path, framing):
    """64 kB/s as in the field, 5 s of it: no timer of the whole request (LY-410)."""
    body = tmp_path / "body"
    body.write_bytes(payload.data(320000))
    options = ["-T", body, "-X", "POST", "-H", "Expect: 100-continue", "--limit-rate", "64000"]
    if framing == "chunked":
        options += ["-H", "Transfer-Encoding: chunked"]
    answer = curl(lab, f"https://{HOST}/upload", *options)
    assert answer.json()["body_sha256"] == payload.sha256(320000)


@pytest.mark.parametrize("tls", [True, False])
def test_a16_pool_that_stops_reading_stops_the_client(gw, lab, tls):
    """The client wants to send 60 MB at once; the pool takes next to nothing. Nothing piles up in between."""
    before = gw.memory()
    with Conn(lab, HOST, tls=tls, timeout=2) as conn:
        conn.send(f"POST /upload?rate=1000 HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 60000000\r\n\r\n")
        sent = 0
        with pytest.raises(TimeoutError):
            for piece in payload.chunks(60000000):
                conn.send(piece)
                sent += len(piece)
        assert sent < 20 * MIB  # both kernels' socket buffers and ours
        conn.reset()
    assert gw.memory("VmHWM") - before < GROWTH


@pytest.mark.parametrize("scheme", ["https", "http"])
@pytest.mark.parametrize("size", [0, 1, 1448, 16384, 100000, 2 * MIB])
def test_post_body(gw, lab, scheme, tmp_path, size):
    body = tmp_path / "body"
    body.write_bytes(payload.data(size))
    answer = curl(lab, f"{scheme}://{HOST}/ucwa/post", "-H", "Expect:", "--data-binary", f"@{body}")
    assert (answer.json()["body_len"], answer.json()["body_sha256"]) == (size, payload.sha256(size))


def test_chunked_upload_by_hand_with_extensions_and_trailers(gw, lab):
    with Conn(lab, HOST) as conn:
        conn.send(f"POST /upload HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\n\r\n")
        for piece in (b"5;name=value\r\nhello\r\n", b"0", b"0001\r\n,\r\n", b"6\r\n world\r\n", b"0\r\nX-Trailer: 1\r\n\r\n"):
            conn.send(piece)
        answer = conn.response()
        assert answer.json()["body_len"] == len("hello, world")
        assert conn.ask("/after").status == 200


def test_ly411_final_401_instead_of_100_reaches_the_client(gw, lab):
    with Conn(lab, HOST, timeout=5) as conn:
        conn.send(f"POST /expect401 HTTP/1.1\r\nHost: {HOST}\r\nExpect: 100-continue\r\nContent-Length: 30000000\r\n\r\n")
        answer = conn.response()
        assert (answer.status, answer.interim) == (401, [])
        assert "NTLM" in answer.all("WWW-Authenticate")


def test_early_hints_pass(gw, lab):
    with Conn(lab, HOST) as conn:
        answer = conn.ask("/early-hints")
    assert (answer.interim, answer.status) == ([103], 200)


# -- aborts ---------------------------------------------------------------------------------------

@pytest.mark.parametrize("tls", [True, False])
@pytest.mark.parametrize("how", ["fin", "rst"])
def test_a15_client_that_leaves_a_pending_get_closes_the_backend_within_a_second(gw, lab, tls, how):
    mark = lab.pool_log.mark()
    conn = Conn(lab, HOST, tls=tls)
    conn.send(conn.request_bytes("/poll?s=180"))
    ident = lab.wait_pool(lambda e: e["ev"] == "request", since=mark)["conn"]
    left = time.time()
    if how == "rst":
        conn.reset()
    else:
        conn.close()
    closed = lab.wait_pool(lambda e: e["ev"] == "close" and e["conn"] == ident, 5, mark)
    assert closed["during"] == "/poll"
    assert closed["t"] - left < 1


def test_ly407_client_abort_in_a_download_closes_the_backend(gw, lab):
    mark = lab.pool_log.mark()
    conn = Conn(lab, HOST)
    conn.send(conn.request_bytes("/size/100000000?rate=2000000"))
    ident = lab.wait_pool(lambda e: e["ev"] == "request", since=mark)["conn"]
    conn.read(100000)
    left = time.time()
    conn.reset()
    closed = lab.wait_pool(lambda e: e["ev"] == "close" and e["conn"] == ident, 5, mark)
    assert closed["t"] - left < 2


def test_ly407_client_abort_in_an_upload_closes_the_backend(gw, lab):
    mark = lab.pool_log.mark()
    conn = Conn(lab, HOST)
    conn.send(f"POST /upload HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 1000000\r\n\r\n")
    conn.send(payload.data(50000))
    ident = lab.wait_pool(lambda e: e["ev"] == "request", since=mark)["conn"]
    conn.reset()
    closed = lab.wait_pool(lambda e: e["ev"] == "close" and e["conn"] == ident, 5, mark)
    assert closed["during"] == "/upload"


def test_pending_get_is_answered(gw, lab):
    answer = curl(lab, f"https://{HOST}/poll?s=3")
    assert answer.status == 200
    assert 2.9 < answer.info["time_total"] < 6


@pytest.mark.parametrize("scheme", ["https", "http"])
@pytest.mark.parametrize("point", ["mid?n=0", "mid?n=50000", "chunk"])
def test_pool_that_dies_in_a_body_never_looks_complete(gw, lab, scheme, point):
    command = curl_command(lab, f"{scheme}://{HOST}/close/{point}", "-o", "/dev/null")
    result = subprocess.run([str(w) for w in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=30,
                            check=False)
    # Partial file, bad receive (chunk or record missing), reset, or TLS without close_notify.
    assert result.returncode in (18, 56), result.stderr


@pytest.mark.parametrize("point", ["before", "head", "rst"])
def test_pool_that_dies_before_the_answer_gives_503(gw, lab, point):
    with Conn(lab, HOST) as conn:
        answer = conn.ask(f"/close/{point}", "POST", body=b"x")
    assert answer.status == 503
    assert answer.get("Retry-After")


# -- heads ----------------------------------------------------------------------------------------

@pytest.mark.parametrize("size", [4000, 8000, 12000, 16000, 32000, 60000])
def test_a18_big_header_reaches_the_pool(gw, lab, size):
    token = "Negotiate " + "Y" * size
    with Conn(lab, HOST) as conn:
        answer = conn.ask("/a18", headers=[("Authorization", token)])
        assert answer.status == 200
        assert ["Authorization", token] in answer.json()["headers"]
        assert conn.ask("/after").status == 200


@pytest.mark.parametrize("tls", [True, False])
def test_ly413_ly305_too_big_heads_are_answered_not_reset(gw, lab, tls):
    with Conn(lab, HOST, tls=tls) as conn:
        assert conn.ask("/a18", headers=[("Authorization", "Y" * 200000)]).status == 431
    with Conn(lab, HOST, tls=tls) as conn:
        assert conn.ask("/" + "a" * 40000).status in (414, 431)


@pytest.mark.parametrize("size", [4000, 16000, 50000])
def test_big_response_header_passes(gw, lab, size):
    with Conn(lab, HOST) as conn:
        answer = conn.ask(f"/bighead/{size}")
    assert answer.get("X-Big") == "b" * size


# -- connections ----------------------------------------------------------------------------------

@pytest.mark.parametrize("tls", [True, False])
def test_keep_alive_and_one_backend_connection(gw, lab, tls):
    mark = lab.pool_log.mark()
    with Conn(lab, HOST, tls=tls) as conn:
        for number in range(50):
            assert conn.ask(f"/k{number}").json()["target"] == f"/k{number}"
    assert len(lab.pool_events("open", mark)) == 1


@pytest.mark.parametrize("tls", [True, False])
def test_ly418_pipelined_requests_are_answered_in_order(gw, lab, tls):
    targets = ["/p1", "/size/100000", "/p2", "/chunked/20000", "/slow?n=5&ms=20", "/p3"]
    with Conn(lab, HOST, tls=tls) as conn:
        conn.send(b"".join(conn.request_bytes(target) for target in targets))
        answers = [conn.response() for _ in targets]
    assert [a.status for a in answers] == [200] * len(targets)
    assert [answers[n].json()["target"] for n in (0, 2, 5)] == ["/p1", "/p2", "/p3"]
    assert answers[1].sha256 == payload.sha256(100000)
    assert answers[3].sha256 == payload.sha256(20000)


def test_pipelined_posts_with_bodies(gw, lab):
    with Conn(lab, HOST) as conn:
        conn.send(b"".join(conn.request_bytes(f"/p{n}", "POST", body=b"b" * n * 1000) for n in range(1, 6)))
        for number in range(1, 6):
            answer = conn.response().json()
            assert (answer["target"], answer["body_len"]) == (f"/p{number}", number * 1000)


def test_request_in_single_bytes(gw, lab):
    with Conn(lab, HOST, tls=False) as conn:
        for byte in conn.request_bytes("/drip"):
            conn.send(bytes([byte]))
        assert conn.response().json()["target"] == "/drip"


def test_http10_client_gets_its_answer_and_the_end(gw, lab):
    with Conn(lab, HOST, tls=False) as conn:
        conn.send(f"GET /ten HTTP/1.0\r\nHost: {HOST}\r\n\r\n")
        answer = conn.response()
        assert answer.status == 200 and answer.json()["target"] == "/ten"
        assert conn.wait_end() == "fin"


def test_http10_client_never_sees_chunks(gw, lab):
    answer = curl(lab, f"https://{HOST}/chunked/50000", "--http1.0")
    assert answer.get("Transfer-Encoding") is None
    assert answer.sha256 == payload.sha256(50000)


def test_connection_close_is_obeyed(gw, lab):
    with Conn(lab, HOST) as conn:
        assert conn.ask("/last", headers=[("Connection", "close")]).status == 200
        assert conn.wait_end() == "fin"


@pytest.mark.parametrize("status", [200, 204, 304, 400, 404, 500, 503])
def test_status_of_the_pool_passes(gw, lab, status):
    with Conn(lab, HOST) as conn:
        assert conn.ask(f"/status/{status}").status == status
        assert conn.ask("/after").status == 200


@pytest.mark.parametrize("target", ["/size/100000", "/chunked/5000", "/plain"])
def test_head_has_no_body(gw, lab, target):
    with Conn(lab, HOST) as conn:
        answer = conn.ask(target, "HEAD")
        assert answer.status == 200
        if target.startswith("/size"):
            assert answer.get("Content-Length") == "100000"
        assert conn.ask("/after").json()["target"] == "/after"


def test_half_closed_client_still_gets_its_answer(gw, lab):
    with Conn(lab, HOST, tls=False) as conn:
        conn.send(conn.request_bytes("/size/200000", headers=[("Connection", "close")]))
        try:
            conn.sock.shutdown(socket.SHUT_WR)
            answer = conn.response()
        except Closed:
            # LY-407: an end of the client's stream during a request may also count as an abort.
            return
        assert answer.sha256 == payload.sha256(200000)
