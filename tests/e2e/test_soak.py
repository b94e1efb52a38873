# SPDX-License-Identifier: BSD-3-Clause
"""Twenty seconds of scripts/soak: mixed traffic over bad paths, after which every gauge is back where it was."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "bench"))

import soak  # noqa: E402


def test_mixed_traffic_over_bad_paths_ends_at_the_idle_level(certificates):
    with soak.WiredLab() as lab:
        gateway = soak.prepare(lab, certificates, soak.PATH, 20)
        wrong = soak.Soak(lab, gateway, seed=20).run(20, 5)
        assert not wrong, "\n".join(wrong + [lab.logs()])
        assert gateway.stop() == 0, lab.logs()
