# SPDX-License-Identifier: BSD-3-Clause
"""Fixtures: one gateway per test file, between two stations that are all scripts."""

import concurrent.futures
import inspect
import os
import pathlib
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e")]

from lab import gateway_binary  # noqa: E402
from network import Net, WireLab  # noqa: E402

NETS = []


def pytest_configure(config):
    if os.geteuid() != 0:
        pytest.exit("the wire suite makes network namespaces: run it as root", 2)
    if not os.access(gateway_binary(), os.X_OK):
        pytest.exit(f"{gateway_binary()} is missing: build it first (scripts/test does)", 2)


@pytest.fixture(scope="module")
def net(request):
    """
    A running gateway; the file may set TIMEOUTS, LIMITS and POOL of its configuration, change it (a function
    configure(config)), and set TAP for a tap outside.
    """
    with WireLab("lyncgate-wire") as lab:
        lab.build(veth_external=not getattr(request.module, "TAP", False))
        config = lab.wire_config(*(getattr(request.module, name, None) for name in ("TIMEOUTS", "LIMITS", "POOL")))
        getattr(request.module, "configure", lambda config: None)(config)
        gateway = lab.gateway(config).start()
        made = None
        try:
            made = Net(lab, gateway)
            NETS.append(made)
            yield made.meet()
        finally:
            if made:
                NETS.remove(made)
                made.close()
            status = gateway.stop()
        assert status == 0, f"the gateway ended with status {status}\n{lab.logs()}"


@pytest.fixture(autouse=True)
def nothing_wrong_on_the_wire(request):
    """Fails a test during which the gateway sent a segment that no test may see (monitor.py)."""
    yield
    for made in NETS:
        for station in (made.outside, made.inside):
            with station.changed:
                wrong, station.violations = station.violations, []
            assert not wrong, "\n".join(wrong[:10])


# Tests mostly wait: those of a file marked `together` run beside each other, each on connections of its own.
TOGETHER = 5


def arguments(item, net):
    """A test marked `together` has no fixture but net."""
    return {name: net if name == "net" else item.callspec.params[name]
            for name in inspect.signature(item.obj).parameters}


@pytest.fixture(scope="module")
def started(request, net):
    """The selected tests of the file, all running: {node id: future}."""
    with concurrent.futures.ThreadPoolExecutor(TOGETHER) as pool:
        items = [item for item in request.session.items if item.module is request.module]
        yield {item.nodeid: pool.submit(item.obj, **arguments(item, net)) for item in items}
        pool.shutdown(cancel_futures=True)


AGAIN = []
ATTEMPTS = 3


def attempt(pyfuncitem, own, number):
    """One run of a script; all but the first run alone, when nothing else of the file waits or sends any more."""
    started = pyfuncitem.funcargs.get("started")
    if started is None:
        pyfuncitem.obj(**own)
    elif number == 0:
        started[pyfuncitem.nodeid].result()
    else:
        concurrent.futures.wait(started.values())
        pyfuncitem.obj(**own)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    """
    A script that fails runs again, alone: the machine may have stalled while it waited, and timing
    decides no test. What the monitor finds wrong on the wire is never forgiven.
    """
    own = {name: pyfuncitem.funcargs[name] for name in inspect.signature(pyfuncitem.obj).parameters}
    for number in range(ATTEMPTS):
        try:
            attempt(pyfuncitem, own, number)
            return True
        except Exception as failure:  # skipping is no Exception
            AGAIN.append(f"{pyfuncitem.nodeid}: {str(failure).splitlines()[:1]}")
            if number + 1 == ATTEMPTS:
                raise
    return True


def pytest_terminal_summary(terminalreporter):
    for line in AGAIN:
        terminalreporter.write_line(f"failed once: {line}")


def pytest_collection_modifyitems(items):
    for item in items:
        if item.get_closest_marker("together"):
            item.fixturenames.append("started")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for made in NETS:
            report.sections.append((f"logs of {made.lab.id}", made.lab.logs()))
