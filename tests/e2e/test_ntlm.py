# SPDX-License-Identifier: BSD-3-Clause
"""NTLM authenticates connections: nobody ever gets another client's (LY-402..404, A11..A13)."""

import concurrent.futures
import threading

import ntlm
from client import Closed, Conn, curl

WORKERS = 2
HOST = "webext2.example.test"


def opened(lab, mark):
    return [e["conn"] for e in lab.pool_events("open", mark)]


def test_a11_ntlm_on_one_connection_then_without_authorization(gw, lab):
    mark = lab.pool_log.mark()
    with Conn(lab, HOST) as conn:
        answer = conn.ntlm_login("alice")
        assert (answer.status, answer.json()["user"]) == (200, "alice")
        answer = conn.ask("/ntlm/again")
        assert (answer.status, answer.json()["user"]) == (200, "alice")
    assert len(opened(lab, mark)) == 1


def test_a11_ntlm_on_port_80(gw, lab):
    with Conn(lab, HOST, tls=False) as conn:
        assert conn.ntlm_login("alice").json()["user"] == "alice"
        assert conn.ask("/ntlm/again").json()["user"] == "alice"


def test_a11_curl_ntlm(gw, lab):
    mark = lab.pool_log.mark()
    answer = curl(lab, f"https://{HOST}/ntlm/curl", "--ntlm", "-u", "bob:secret")
    assert (answer.status, answer.json()["user"]) == (200, "bob")
    assert len(opened(lab, mark)) == 1


def test_a11_ntlm_post_with_body(gw, lab):
    answer = curl(lab, f"https://{HOST}/ntlm/post", "--ntlm", "-u", "bob:secret", "-d", "x" * 5000)
    assert (answer.status, answer.json()["user"], answer.json()["body_len"]) == (200, "bob", 5000)


def test_emulator_refuses_the_third_message_of_another_connection(gw, lab):
    """The pool would notice a gateway that mixes connections up."""
    with Conn(lab, HOST) as one, Conn(lab, HOST) as two:
        nonces = []
        for conn in (one, two):
            answer = conn.ask("/ntlm/x", headers=[("Authorization", ntlm.header(ntlm.negotiate()))])
            nonces.append(ntlm.nonce_of(ntlm.parse_header(answer.get("WWW-Authenticate"))[1]))
        crossed = ntlm.header(ntlm.authenticate("mallory", nonces[0]))
        assert two.ask("/ntlm/x", headers=[("Authorization", crossed)]).status == 401


def interleave(lab, number):
    """A logs in; B, who has no credentials, follows at once: beside A, or when A has gone."""
    user = f"user{number}"
    with Conn(lab, HOST) as first:
        assert first.ntlm_login(user).json()["user"] == user
        if number % 2:
            with Conn(lab, HOST) as second:
                assert second.ask("/ntlm/b").status == 401
            assert first.ask("/ntlm/a").json()["user"] == user
            return
    with Conn(lab, HOST) as second:
        assert second.ask("/ntlm/b").status == 401


def test_a12_nobody_inherits_a_login_in_100_interleavings_on_2_workers(gw, lab):
    mark = lab.pool_log.mark()
    with concurrent.futures.ThreadPoolExecutor(4) as runners:
        for result in [runners.submit(interleave, lab, number) for number in range(100)]:
            result.result(timeout=120)
    users = {}
    for event in lab.pool_events("answered", mark):
        if event["user"]:
            users.setdefault(event["conn"], set()).add(event["user"])
    assert len(users) == 100
    assert all(len(names) == 1 for names in users.values())


def test_a13_backend_dies_between_challenge_and_answer(gw, lab):
    """The login is lost: an error or the end of the connection, never a silent new connection that goes on."""
    with Conn(lab, HOST) as conn:
        answer = conn.ask("/ntlm/x", headers=[("Authorization", ntlm.header(ntlm.negotiate()))])
        nonce = ntlm.nonce_of(ntlm.parse_header(answer.get("WWW-Authenticate"))[1])
        mark = lab.pool_log.mark()
        lab.stop_pool("second")
        lab.start_pool("second")
        third = [("Authorization", ntlm.header(ntlm.authenticate("alice", nonce)))]
        try:
            status = conn.ask("/ntlm/x", headers=third).status
        except (Closed, BrokenPipeError, ConnectionResetError):
            status = None
        assert status in (None, 503)
        assert all(e["user"] is None for e in lab.pool_events("answered", mark))


def test_ly403_backend_connection_closes_with_the_client(gw, lab):
    mark = lab.pool_log.mark()
    with Conn(lab, HOST) as conn:
        ident = conn.ntlm_login("carol").json()["conn"]
    closed = lab.wait_pool(lambda e: e["ev"] == "close" and e["conn"] == ident, 2, mark)
    assert closed["how"] in ("fin", "rst")


def test_ntlm_logins_of_many_clients_at_once(gw, lab):
    """All between their first and third message at the same time."""
    barrier = threading.Barrier(20)

    def login(number):
        with Conn(lab, HOST) as conn:
            first = conn.ask("/ntlm/m", headers=[("Authorization", ntlm.header(ntlm.negotiate()))])
            nonce = ntlm.nonce_of(ntlm.parse_header(first.get("WWW-Authenticate"))[1])
            barrier.wait(30)
            third = ntlm.header(ntlm.authenticate(f"m{number}", nonce))
            return conn.ask("/ntlm/m", headers=[("Authorization", third)]).json()["user"]

    with concurrent.futures.ThreadPoolExecutor(20) as runners:
        assert list(runners.map(login, range(20))) == [f"m{number}" for number in range(20)]
