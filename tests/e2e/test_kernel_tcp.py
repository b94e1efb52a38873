# SPDX-License-Identifier: BSD-3-Clause
"""The kernel's TCP at both ends: SYN cookies for all its connections, and ECN asked for on both sides."""

import socket

import pytest

import payload
from client import Conn, curl
from lab import GW4, GW6

both = pytest.mark.parametrize("address", [GW4, GW6], ids=["ipv4", "ipv6"])


def configure(config, lab):
    config["limits"] = {"syn_cookies_above": 0}
    config["pools"]["second"]["ecn"] = True
    for space in (lab.client, lab.inside):
        space.run("sysctl", "-q", "-w", "net.ipv4.tcp_ecn=1")


def options_of(conn):
    """Of the kernel's TCP_INFO: 1 timestamps, 2 SACK, 4 window scaling, 8 ECN, 16 ECN-capable data came in."""
    return conn.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 8)[5] & 31


@both
def test_options_survive_a_cookie(gw, lab, address):
    """RFC 4987: and the kernel finds nothing wrong with what comes afterwards."""
    before = gw.telemetry("/lyncgate/tcp")["syncookies_recv"]
    with Conn(lab, "meet.example.test", address=address) as conn:
        assert conn.ask("/x").status == 200
        assert options_of(conn) == 31
    assert gw.telemetry("/lyncgate/tcp")["syncookies_recv"] == before + 1


@both
@pytest.mark.parametrize("off", ["tcp_timestamps", "tcp_sack", "tcp_window_scaling"])
def test_clients_that_offer_less(gw, lab, address, off):
    lab.client.run("sysctl", "-q", "-w", f"net.ipv4.{off}=0")
    try:
        answer = curl(lab, "https://webext2.example.test/size/3000000", address=address)
    finally:
        lab.client.run("sysctl", "-q", "-w", f"net.ipv4.{off}=1")
    assert answer.sha256 == payload.sha256(3000000)


@both
@pytest.mark.parametrize("scheme", ["https", "http"])
def test_large_bodies_with_ecn_on_both_sides(gw, lab, address, scheme):
    answer = curl(lab, f"{scheme}://webext2.example.test/size/10000000", address=address)
    assert answer.sha256 == payload.sha256(10000000)
