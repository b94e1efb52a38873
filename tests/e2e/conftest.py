# SPDX-License-Identifier: BSD-3-Clause
"""Fixtures: one laboratory and one gateway per test file; the logs of all of them in a failure's report."""

import os
import pathlib
import shutil
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from lab import Certificates, Lab, gateway_binary  # noqa: E402

LABS = []


def pytest_configure(config):
    if os.geteuid() != 0:
        pytest.exit("the e2e suite makes network namespaces: run it as root", 2)
    if not os.access(gateway_binary(), os.X_OK):
        pytest.exit(f"{gateway_binary()} is missing: build it first (scripts/test does)", 2)


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    return Certificates(tmp_path_factory.mktemp("certificates"))


def make_lab(certificates, kind=Lab, **options):
    lab = kind()
    LABS.append(lab)
    try:
        return lab.use_certificates(certificates).build(**options)
    except BaseException:
        close_lab(lab)
        raise


def close_lab(lab):
    """Logs are kept where the environment names a folder for them."""
    keep = os.environ.get("LYNCGATE_TEST_LOGS")
    if keep:
        shutil.copytree(lab.folder, pathlib.Path(keep) / lab.id, dirs_exist_ok=True)
    LABS.remove(lab)
    lab.close()


@pytest.fixture(scope="module")
def lab(certificates):
    """Namespaces and the emulated pool, without a gateway."""
    lab = make_lab(certificates)
    try:
        yield lab.start_pools()
    finally:
        close_lab(lab)


@pytest.fixture(scope="module")
def bare_lab(certificates):
    """A function that makes laboratories with options; they end with the test file."""
    made = []

    def make(**options):
        made.append(make_lab(certificates, **options))
        return made[-1]

    yield make
    for lab in made:
        close_lab(lab)


@pytest.fixture(scope="module")
def gw(lab, request):
    """
    The gateway of this test file. The file may name its number of workers (WORKERS) and change the
    configuration (a function configure(config, lab)).
    """
    config = lab.config(getattr(request.module, "WORKERS", 1))
    if hasattr(request.module, "configure"):
        request.module.configure(config, lab)
    gateway = lab.gateway(config)
    try:
        yield gateway.start()
    finally:
        status = gateway.stop()
    assert status == 0, f"the gateway ended with status {status}\n{lab.logs()}"


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for lab in LABS:
            report.sections.append((f"logs of {lab.id}", lab.logs()))
