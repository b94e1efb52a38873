# SPDX-License-Identifier: BSD-3-Clause
"""
Bodies arrive whole through wires that lose, reorder, double and corrupt, on either side of the gateway and in both
directions. Nothing is said of speed here: that is scripts/bench.
"""

import concurrent.futures

import pytest

from client import tls_client_context
from impaired import ImpairedLab, Transfer

CLEAN = "delay=1ms"
NASTY = "rate=40M,delay=5ms,jitter=1ms,queue=50,loss=2%,reorder=3%:8ms,duplicate=2%,corrupt=1%"
SHALLOW = "rate=20M,delay=5ms,queue=8,loss=1%"
SIZE = 300000
PARALLEL = 4
ENOUGH = 90  # seconds for a transfer, whatever befalls it


@pytest.fixture(scope="module")
def wired(bare_lab):
    lab = bare_lab(kind=ImpairedLab, inside=True, peer=False)
    lab.start_pools()
    gateway = lab.gateway().start()
    yield lab
    status = gateway.stop()
    assert status == 0, f"the gateway ended with status {status}\n{lab.logs()}"


def transfer(lab, number, tls):
    """Downloads and uploads by turns, each of a size of its own."""
    context = tls_client_context(lab.certs.public_ca) if tls else None
    one = Transfer(lab, port=lab.gateway_port(tls=tls), tls=context, timeout=ENOUGH)
    return (one.upload if number % 2 else one.download)(SIZE + number * 1000)


def transfers(lab, outer, inner, tls, seed):
    """Through these wires; returns what they did."""
    wires = [lab.wire(*outer, seed), lab.inner_wire(*inner, seed)]
    try:
        with concurrent.futures.ThreadPoolExecutor(PARALLEL) as runners:
            done = list(runners.map(lambda number: transfer(lab, number, tls), range(2 * PARALLEL)))
    finally:
        for wire in wires:
            wire.be_gentle()
        lab.settle()
        stats = [wire.stop() for wire in wires]
    assert [one.status for one in done] == [200] * len(done)
    assert all(one.whole for one in done)
    return stats


def assert_harmed(stats, *mishaps):
    """The wire did what the test is about, in both directions."""
    for direction in ("up", "down"):
        assert all(stats[direction][mishap] for mishap in mishaps), stats
    assert not stats["too_long"] and not stats["send_failed"], stats


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
def test_clients_behind_a_nasty_wire(wired, tls, seed):
    outer, _ = transfers(wired, (NASTY, NASTY), (CLEAN, CLEAN), tls, seed)
    assert_harmed(outer, "lost", "reordered", "duplicated", "corrupted")


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
def test_pool_behind_a_nasty_wire(wired, tls, seed):
    _, inner = transfers(wired, (CLEAN, CLEAN), (NASTY, NASTY), tls, seed)
    assert_harmed(inner, "lost", "reordered", "duplicated", "corrupted")


def test_both_sides_behind_nasty_wires(wired):
    for stats in transfers(wired, (NASTY, NASTY), (NASTY, NASTY), True, 3):
        assert_harmed(stats, "lost", "reordered", "duplicated", "corrupted")


def test_short_queues_that_overflow(wired):
    for stats in transfers(wired, (SHALLOW, SHALLOW), (SHALLOW, SHALLOW), False, 4):
        assert_harmed(stats, "lost")
        assert stats["up"]["queue_full"] + stats["down"]["queue_full"] > 0
