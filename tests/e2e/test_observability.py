# SPDX-License-Identifier: BSD-3-Clause
"""Counters on DPDK's telemetry socket and the access log (operators.md section 5)."""

import json
import pathlib
import re
import subprocess

import pytest

from client import Conn, curl
from lab import CLIENT4


def numbers(value):
    """All numbers of an answer, however deep: {path: number}."""
    if isinstance(value, bool) or value is None:
        return {}
    if isinstance(value, (int, float)):
        return {"": value}
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return {f"/{key}{path}": number for key, item in items for path, number in numbers(item).items()}


@pytest.fixture(scope="module")
def commands(gw):
    """Our telemetry commands that need no parameter."""
    listed = gw.telemetry("/")
    return [name for name in listed if name.startswith("/lyncgate/")]


def snapshot(gw, commands):
    return {f"{command}{path}": number for command in commands
            for path, number in numbers(gw.telemetry(command)).items()}


def test_telemetry_lists_our_commands(gw, commands):
    assert len(commands) >= 3
    assert all(gw.telemetry(command) is not None for command in commands)


def test_operators_command_prints_the_counters(gw, lab):
    command = pathlib.Path(__file__).parents[2] / "scripts" / "telemetry"
    run = subprocess.run([command, "-f", lab.id, "/lyncgate/info"], capture_output=True, text=True, timeout=20)
    assert (run.returncode, run.stderr) == (0, "")
    assert json.loads(run.stdout)["/lyncgate/info"]["state"] == "serving"
    run = subprocess.run([command, "-f", "nobody", "/lyncgate/info"], capture_output=True, text=True, timeout=20)
    assert run.returncode == 1 and "is a gateway with this prefix running" in run.stderr


def moved(gw, commands, before):
    after = snapshot(gw, commands)
    return {name: after[name] - before.get(name, 0) for name in after if after[name] != before.get(name, 0)}


def test_counters_move_with_traffic(gw, lab, commands):
    before = snapshot(gw, commands)
    for _ in range(5):
        assert curl(lab, "https://meet.example.test/count").status == 200
    changes = moved(gw, commands, before)
    assert [n for n, by in changes.items() if by >= 5 and "worker" in n]
    assert [n for n, by in changes.items() if by >= 5 and "port" in n]
    assert [n for n, by in changes.items() if by >= 5 and "pool" in n]
    assert [n for n, by in changes.items() if by >= 5 and "listener" in n]
    assert [n for n, by in changes.items() if "cycles" in n and by > 0]


def test_drops_are_counted_by_reason(gw, lab, commands):
    before = snapshot(gw, commands)
    sock = lab.client.socket(2, 2)  # AF_INET, SOCK_DGRAM
    for _ in range(7):
        try:
            sock.sendto(b"x", ("203.0.113.10", 5353))
        except ConnectionRefusedError:
            pass  # the unreachable message of the datagram before
    sock.close()
    assert curl(lab, "https://meet.example.test/after").status == 200
    assert [n for n, by in moved(gw, commands, before).items() if by >= 7 and ("drop" in n or "udp" in n)]


def test_answers_are_small_enough_for_the_socket(gw, commands):
    for command in commands:
        assert len(json.dumps(gw.telemetry(command))) < 16384


def test_a_download_is_shown_while_it_runs(gw, lab):
    """Both connections of a session, from either end, with what has gone over them."""
    with Conn(lab, "webext2.example.test") as conn:
        conn.send(conn.request_bytes("/size/20000000"))
        assert b" 200 " in conn.read_head()
        address, port = conn.local[:2]
        shown = gw.telemetry(f"/lyncgate/connection,{address}:{port}")
        client, pool = shown["client"], shown["pool_0"]
        assert (client["remote"], client["state"], client["listener"]) == (f"{address}:{port}", "ESTABLISHED", "https")
        assert (pool["state"], pool["pool"], pool["server"]) == ("ESTABLISHED", "second", "second")
        assert client["octets_out"] >= client["octets_acked"] > 0
        assert pool["octets_in"] >= client["octets_acked"] - 10000 and client["cwnd"] > 0 and client["srtt_us"] > 0
        assert {"ts", "sack", "wscale"} <= set(client["options"].split()) and 500 < client["mss"] <= 1460
        assert gw.telemetry(f"/lyncgate/connection,{pool['local']}")["client"]["remote"] == f"{address}:{port}"
        listed = gw.telemetry(f"/lyncgate/connections,client={address},state=established")
        assert [row for row in listed.values() if isinstance(row, dict) and row["remote"] == f"{address}:{port}"]
    assert gw.telemetry("/lyncgate/connection,192.0.2.99:1") is None
    assert gw.telemetry("/lyncgate/connection,nonsense") is None
    assert gw.telemetry("/lyncgate/connections,state=sleeping") is None


@pytest.mark.parametrize("url, status, route", [
    ("https://webext2.example.test/log/a?q=1", 200, True),
    ("http://lyncdiscover.example.test/log/b", 200, True),
    ("http://meet.example.test/log/c", None, False),
    ("https://unknown.example.test/log/d", 404, False),
])
def test_one_access_line_per_request(gw, lab, url, status, route):
    scheme, _, rest = url.partition("://")
    host, _, path = rest.partition("/")
    answer = curl(lab, url, "-k")
    record = gw.wait_access(lambda r: r.get("path", "").startswith("/" + path.split("?")[0]))
    assert record["status"] == (status or answer.status)
    assert (record["host"], record["method"], record["listener"]) == (host, "GET", scheme)
    assert record["client"].startswith(CLIENT4 + ":")
    if route:
        assert record["pool"] in ("second", "director") and record["server"]
    assert len([r for r in gw.access() if r.get("path", "").startswith("/" + path.split("?")[0])]) == 1


def test_access_lines_of_a_kept_connection(gw, lab):
    with Conn(lab, "webext2.example.test") as conn:
        for number in range(5):
            assert conn.ask(f"/kept/{number}").status == 200
    gw.wait_access(lambda r: r.get("path") == "/kept/4")
    assert [r["path"] for r in gw.access() if r.get("path", "").startswith("/kept/")] == [f"/kept/{n}" for n in range(5)]


def test_access_line_of_an_abort_says_so(gw, lab):
    conn = Conn(lab, "webext2.example.test")
    mark = lab.pool_log.mark()
    conn.send(conn.request_bytes("/poll?s=60&abort=1"))
    lab.wait_pool(lambda e: e["ev"] == "request", since=mark)
    conn.reset()
    record = gw.wait_access(lambda r: "abort=1" in r.get("path", ""))
    assert "client" in record["end"] or "abort" in record["end"]


def test_hostile_bytes_stay_inside_their_log_line(gw, lab):
    target = "/quote\"backslash\\and%0d%0aX:1'<>"
    with Conn(lab, "webext2.example.test") as conn:
        status = conn.ask(target).status
    record = gw.wait_access(lambda r: "/quote" in r.get("path", ""))
    assert record["status"] == status
    assert record["path"] == target


def test_log_lines_say_level_and_component(gw):
    lines = [line for line in gw.log_lines() if "serving" in line]
    assert len(lines) == 1
    assert re.search(r"\bNOTICE\b", lines[0])
