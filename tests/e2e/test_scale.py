# SPDX-License-Identifier: BSD-3-Clause
"""Many at once, on two workers."""

import concurrent.futures
import shlex
import subprocess

import payload
from client import Conn, curl, curl_words, tls_client_context

WORKERS = 2
HOST = "webext2.example.test"
MIB = 1024 * 1024


def test_200_parallel_curls(gw, lab, tmp_path):
    """200 programs at the same time, each with its own connections and its own bytes."""
    lines = []
    for number in range(200):
        url = f"{'http' if number % 4 == 3 else 'https'}://{HOST}/size/{number * 500}"
        words = curl_words(lab, url, "-o", tmp_path / f"{number}.body", "-w", "%{http_code}")
        lines.append(shlex.join(words) + f" > {number}.code 2> {number}.err &")
    script = tmp_path / "all.sh"
    script.write_text("\n".join(lines) + "\nwait\n")
    subprocess.run(lab.client.command("sh", str(script)), cwd=tmp_path, timeout=120, check=True)
    failed = []
    for number in range(200):
        code, errors = (tmp_path / f"{number}.{kind}" for kind in ("code", "err"))
        body = tmp_path / f"{number}.body"
        if code.read_text() != "200" or number and body.read_bytes() != payload.data(number * 500):
            failed.append((number, code.read_text(), errors.read_text().strip()))
    assert not failed


def test_1000_idle_connections_stay_usable(gw, lab):
    """1,000 clients, each with its private connection to the pool; afterwards all speak again."""
    context = tls_client_context(lab.certs.public_ca)
    mark = lab.pool_log.mark()

    def opened(number):
        conn = Conn(lab, HOST, context=context, timeout=60)
        assert conn.ask(f"/idle/{number}").status == 200
        return conn

    def again(pair):
        number, conn = pair
        answer = conn.ask(f"/again/{number}")
        return answer.status == 200 and answer.json()["target"] == f"/again/{number}"

    with concurrent.futures.ThreadPoolExecutor(8) as runners:
        conns = list(runners.map(opened, range(1000)))
        try:
            assert len(lab.pool_events("open", mark)) == 1000
            assert curl(lab, f"https://{HOST}/beside").status == 200
            assert all(runners.map(again, enumerate(conns)))
            assert len(lab.pool_events("close", mark)) <= 1  # the curl's own
        finally:
            for conn in conns:
                conn.close()
    # Everything is given back: the pool sees each connection end.
    left = {event["conn"] for event in lab.pool_events("open", mark)}

    def last_closed(event):
        left.discard(event["conn"] if event["ev"] == "close" else None)
        return not left

    lab.wait_pool(last_closed, 20, mark)


def test_connection_churn_leaks_nothing(gw, lab):
    """500 connections that come and go: memory stays where it is."""
    def once(number):
        with Conn(lab, HOST, tls=number % 2 == 0) as conn:
            if number % 5 == 4:
                conn.send("GET /half HTTP/1.1\r\nHo")
                conn.reset()
                return True
            return conn.ask(f"/churn/{number}").status == 200

    with concurrent.futures.ThreadPoolExecutor(4) as runners:
        assert all(runners.map(once, range(100)))
        before = gw.memory()
        assert all(runners.map(once, range(400)))
    assert gw.memory() - before < 8 * MIB


def test_bulk_in_parallel(gw, lab):
    """Eight downloads of 5 MB at once over both schemes, whole."""
    def load(number):
        answer = curl(lab, f"{'https' if number % 2 else 'http'}://{HOST}/size/{5 * MIB + number}")
        return answer.sha256 == payload.sha256(5 * MIB + number)

    with concurrent.futures.ThreadPoolExecutor(8) as runners:
        assert all(runners.map(load, range(8)))
