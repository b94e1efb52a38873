# SPDX-License-Identifier: BSD-3-Clause
"""Start, end and command line of the program. Each test runs its own gateway."""

import signal
import subprocess
import time

import pytest

import frames
import payload
from client import Conn, curl
from lab import GW4, INNER4, gateway_binary

HOST = "webext2.example.test"


@pytest.fixture
def start(lab):
    """A function that starts a gateway; what still runs at the end of the test is stopped."""
    started = []

    def go(config=None):
        started.append(lab.gateway(config))
        return started[-1].start()

    yield go
    for gateway in started:
        gateway.stop(signal.SIGINT)


def run(lab, config, *words, timeout=20):
    """The program in the foreground -> (exit status, standard error and output)."""
    gateway = lab.gateway(config, name="startup")
    result = subprocess.run([str(w) for w in gateway.command(*words, "-c", gateway.path)], stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True, timeout=timeout, check=False)
    return result.returncode, result.stdout


def program(*words):
    result = subprocess.run([gateway_binary(), *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            timeout=20, check=False)
    return result.returncode, result.stdout, result.stderr


def test_help_and_version():
    status, out, _ = program("--help")
    assert status == 0 and "-c" in out and "--check" in out
    status, out, _ = program("--version")
    assert status == 0 and out.split()[0] == "lyncgate" and out.split()[1][0].isdigit()


@pytest.mark.parametrize("words", [["--no-such-option"], ["-c"], ["stray"]])
def test_wrong_arguments_are_a_usage_error(words):
    status, out, err = program(*words)
    assert status == 2
    assert "--help" in out + err


def test_check_accepts_a_good_file_and_starts_nothing(lab):
    status, text = run(lab, lab.config(), "--check")
    assert status == 0, text
    assert "serving" not in text


@pytest.mark.parametrize("name, change, words", [
    ("unknown-key", lambda c: c.update(listner={}), ["listner", "listeners"]),
    ("unknown-nested-key", lambda c: c["timeouts"].update(conect="1s"), ["conect", "connect"]),
    ("unknown-pool", lambda c: c["routes"][0].update(pool="fe-pol"), ["fe-pol", "fe-pool"]),
    ("no-unit", lambda c: c["timeouts"].update(idle=30), ["idle"]),
    ("bad-address", lambda c: c["ports"]["external"].update(addresses=["203.0.113.300/24"]), ["203.0.113.300"]),
    ("no-certificate-file", lambda c: c["certificates"]["public"].update(cert="/nonexistent/c.pem"),
     ["/nonexistent/c.pem"]),
    ("no-key-file", lambda c: c["certificates"]["public"].update(key="/nonexistent/k.pem"), ["/nonexistent/k.pem"]),
    ("server-without-route", lambda c: c["pools"]["second"].update(servers={"far": "10.0.9.9"}), ["10.0.9.9"]),
    ("no-ca-file", lambda c: c["pools"]["fe-pool"]["tls"].update(ca="/nonexistent/ca.pem"), ["/nonexistent/ca.pem"]),
])
def test_check_refuses_with_line_and_reason(lab, name, change, words):
    config = lab.config()
    change(config)
    for options in (["--check"], []):
        status, text = run(lab, config, *options)
        assert status == 1, text
        assert "startup.yaml:" in text
        for word in words:
            assert word in text
        assert "serving" not in text


def test_all_errors_are_reported_in_one_pass(lab):
    config = lab.config()
    config["routes"][0]["pool"] = "fe-pol"
    config["timeouts"]["conect"] = "1s"
    config["ports"]["internal"]["mtu"] = "big"
    status, text = run(lab, config, "--check")
    assert status == 1
    assert len([line for line in text.split("\n") if ": error: " in line]) >= 3
    assert "^" in text


def test_key_that_belongs_to_another_certificate(lab):
    config = lab.config()
    config["certificates"]["public"]["key"] = config["certificates"]["contoso"]["key"]
    status, text = run(lab, config, "--check")
    assert status == 1 and "key" in text


def test_syntax_error_and_missing_file(lab):
    status, text = run(lab, "version: 1\nports: [\n", "--check")
    assert status == 1 and "startup.yaml:" in text
    status, out, err = program("--check", "-c", "/nonexistent/lyncgate.yaml")
    assert status != 0 and "/nonexistent/lyncgate.yaml" in out + err


@pytest.mark.parametrize("device", ["net_af_packet0,iface=nosuchif", "0000:99:00.0"])
def test_no_such_device(lab, device):
    config = lab.config()
    config["ports"]["external"]["device"] = device
    if device.startswith("0000:"):
        del config["eal"]["no-pci"]
    status, text = run(lab, config, timeout=30)
    assert status > 0, text
    assert "external" in text or "nosuchif" in text or "0000:99:00.0" in text
    assert "serving" not in text


def test_start_announces_the_addresses(lab, start):
    """LY-605: gratuitous ARP on both sides."""
    with frames.Wire(lab.client, "ext0") as outer, frames.Wire(lab.inside, "int0") as inner:
        start()
        for wire, address in ((outer, GW4), (inner, INNER4)):
            def announces(frame, want=frames.packed(address)):
                return frame[12:14] == b"\x08\x06" and frame[28:32] == want == frame[38:42]

            assert [f for f in wire.collect(3, announces) if announces(f)]


def test_sigterm_lets_a_download_finish(lab, start):
    gateway = start()
    with Conn(lab, HOST, timeout=30) as conn:
        conn.send(conn.request_bytes("/size/6000000?rate=3000000"))
        conn.read_head()
        body = conn.read(1000000)
        gateway.process.send_signal(signal.SIGTERM)
        body += conn.read(5000000)
        assert body == payload.data(6000000)
    assert gateway.process.wait_exit(15) == 0


def test_sigterm_stops_accepting_and_ends_idle_connections(lab, start):
    gateway = start()
    with Conn(lab, HOST, timeout=30) as busy, Conn(lab, HOST) as idle:
        assert idle.ask("/idle").status == 200
        mark = lab.pool_log.mark()
        busy.send(busy.request_bytes("/poll?s=4"))
        lab.wait_pool(lambda e: e["ev"] == "request", since=mark)
        gateway.process.send_signal(signal.SIGTERM)
        assert idle.wait_end(3) == "fin"
        with pytest.raises(OSError):
            lab.client.connect(GW4, 443, timeout=1)
        assert busy.response().status == 200
    assert gateway.process.wait_exit(15) == 0


def test_sigterm_ends_at_the_limit_of_the_drain(lab, start):
    config = lab.config()
    config["timeouts"]["drain"] = "2s"
    gateway = start(config)
    with Conn(lab, HOST, timeout=30) as conn:
        mark = lab.pool_log.mark()
        conn.send(conn.request_bytes("/poll?s=60"))
        lab.wait_pool(lambda e: e["ev"] == "request", since=mark)
        begin = time.monotonic()
        gateway.process.send_signal(signal.SIGTERM)
        assert gateway.process.wait_exit(10) == 0
        assert 1.5 < time.monotonic() - begin < 8


def test_sigint_ends_at_once_and_in_order(lab, start):
    """A waiting client hears 503, an idle one close_notify and FIN; nobody is waited for."""
    gateway = start()
    with Conn(lab, HOST, timeout=30) as waiting, Conn(lab, HOST, timeout=30) as idle:
        assert idle.ask("/").status == 200
        mark = lab.pool_log.mark()
        waiting.send(waiting.request_bytes("/poll?s=60"))
        ident = lab.wait_pool(lambda e: e["ev"] == "request", since=mark)["conn"]
        begin = time.monotonic()
        gateway.process.send_signal(signal.SIGINT)
        answer = waiting.response()
        assert (answer.status, answer.get("Connection")) == (503, "close")
        assert waiting.wait_end(2) == "fin"
        assert idle.wait_end(2) == "fin"
        assert gateway.process.wait_exit(10) == 0
        assert time.monotonic() - begin < 5
        closed = lab.wait_pool(lambda e: e["ev"] == "close" and e["conn"] == ident, 5, mark)
        assert closed["how"] in ("fin", "rst")


def test_restart_serves_again(lab, start):
    """The same file twice, one after the other: nothing of the first run is in the way."""
    for _ in range(2):
        gateway = start()
        assert curl(lab, "https://meet.example.test/").status == 200
        assert gateway.stop() == 0


def test_access_log_to_a_file(lab, start):
    config = lab.config()
    path = lab.folder / "access.log"
    config["log"]["access_file"] = str(path)
    gateway = start(config)
    assert curl(lab, "https://meet.example.test/to-file").status == 200
    assert gateway.stop() == 0
    assert "/to-file" in path.read_text()
    assert gateway.process.out_path.read_text().count("/to-file") == 0
