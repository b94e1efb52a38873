# SPDX-License-Identifier: BSD-3-Clause
"""Twenty seconds of scripts/soak: mixed traffic with loss, after which every gauge is back where it was."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "bench"))

import soak  # noqa: E402


def configure(config, _lab):
    soak.configure(config)


def test_mixed_traffic_with_loss_ends_at_the_idle_level(gw, lab):
    wrong = soak.Soak(lab, gw, seed=20).run(20, 5)
    assert not wrong, "\n".join(wrong)
