# SPDX-License-Identifier: BSD-3-Clause
"""Pools that stop, restart, are slow or absent: 503 or 504, never 502 or 403 (A26, LY-412)."""

import concurrent.futures
import time

import pytest

from client import Closed, Conn, curl
from lab import NOBODY, SERVERS

HOST = "webext2.example.test"


def configure(config, lab):
    base = config["pools"]["second"]
    config["pools"]["nobody"] = {**base, "servers": {"nobody": NOBODY}}
    config["pools"]["closed-port"] = {**base, "servers": {"closed": SERVERS["fe1"]}, "https_port": 4444,
                                      "http_port": 8081}
    config["routes"] += [{"hosts": ["mute.example.test"], "pool": "nobody", "http": "forward"},
                         {"hosts": ["slow.example.test"], "pool": "closed-port", "http": "forward"}]
    config["timeouts"]["response_header"] = "3s"
    config["timeouts"]["request_header"] = "2s"


@pytest.mark.parametrize("scheme", ["https", "http"])
def test_a26_stopped_pool_gives_503_and_a_restarted_one_serves(gw, lab, scheme):
    assert curl(lab, f"{scheme}://{HOST}/before").status == 200
    lab.stop_pool("second")
    try:
        for _ in range(5):
            answer = curl(lab, f"{scheme}://{HOST}/while")
            assert answer.status == 503
            assert int(answer.get("Retry-After")) >= 1
            assert answer.info["time_total"] < 4
        # The other pools are untouched.
        assert curl(lab, "https://director.example.test/").status == 200
    finally:
        lab.start_pool("second")
    answer = curl(lab, f"{scheme}://{HOST}/after")
    assert (answer.status, answer.json()["target"]) == (200, "/after")


@pytest.mark.parametrize("tls", [True, False])
def test_restart_of_the_pool_under_a_kept_client_connection(gw, lab, tls):
    with Conn(lab, HOST, tls=tls) as conn:
        assert conn.ask("/before").status == 200
        lab.stop_pool("second")
        lab.start_pool("second")
        # The request finds a new pool connection, or the client is told to come again: both are right.
        try:
            status = conn.ask("/after").status
        except (Closed, BrokenPipeError, ConnectionResetError):
            status = None
    assert status in (200, 503, None)
    assert curl(lab, f"https://{HOST}/after").status == 200


def test_restart_of_the_pool_under_pending_gets(gw, lab):
    with concurrent.futures.ThreadPoolExecutor(10) as runners:
        mark = lab.pool_log.mark()
        pending = [runners.submit(curl, lab, f"https://{HOST}/poll?s=60") for _ in range(10)]
        for number in range(10):
            lab.wait_pool(lambda e, n=number: len(lab.requests(mark)) > n, since=mark)
        lab.stop_pool("second")
        lab.start_pool("second")
        assert {result.result(timeout=30).status for result in pending} == {503}
    assert curl(lab, f"https://{HOST}/after").status == 200


@pytest.mark.parametrize("scheme", ["https", "http"])
@pytest.mark.parametrize("host", ["mute.example.test", "slow.example.test"],
                         ids=["nobody-answers", "port-closed"])
def test_ly412_unreachable_pool(gw, lab, scheme, host):
    answer = curl(lab, f"{scheme}://{host}/")
    assert answer.status in (503, 504)
    assert answer.status == 504 or answer.get("Retry-After")
    assert answer.info["time_total"] < 8


def test_ly412_pool_that_does_not_answer_in_time_gives_504(gw, lab):
    answer = curl(lab, f"https://{HOST}/poll?s=30")
    assert answer.status == 504
    assert 2.5 < answer.info["time_total"] < 8


def test_body_that_is_slow_is_no_slow_answer(gw, lab):
    """LY-410: the timer of the answer's head ends with the head."""
    answer = curl(lab, f"https://{HOST}/slow?n=5&step=1&ms=1000")
    assert (answer.status, len(answer.body)) == (200, 5)


@pytest.mark.parametrize("tls", [True, False])
def test_ly406_slow_request_head_is_cut(gw, lab, tls):
    with Conn(lab, HOST, tls=tls) as conn:
        begin = time.monotonic()
        conn.send("GET /slowloris HTTP/1.1\r\nHost: ")
        try:
            assert conn.response().status == 408
        except Closed:
            pass
        assert 1.5 < time.monotonic() - begin < 6


def test_ly406_idle_connection_is_not_a_slow_head(gw, lab):
    """request_header (2 s here) counts from the first byte of a head."""
    with Conn(lab, HOST) as conn:
        assert conn.ask("/one").status == 200
        conn.sock.settimeout(3.5)
        with pytest.raises(TimeoutError):
            conn.read_head()
        conn.sock.settimeout(10)
        assert conn.ask("/two").status == 200


def test_both_front_ends_of_a_pool_serve(gw, lab):
    roles = {curl(lab, f"https://webext.example.test/{n}").json()["role"] for n in range(20)}
    assert roles == {"fe1", "fe2"}


@pytest.mark.parametrize("path", ["/close/before", "/close/head", "/status/500", "/poll?s=30"])
def test_ly412_never_502_or_403(gw, lab, path):
    assert curl(lab, f"https://{HOST}{path}").status not in (502, 403)
