import json

import numpy as np
import pytest

from matcher.__main__ import main
from matcher.live import bench
from matcher.physics import modal


@pytest.fixture
def short(monkeypatch):
    """The smallest numbers of measurements, and no sound server."""
    monkeypatch.setenv("JACK_DEFAULT_SERVER", "none-of-this-name")
    monkeypatch.setenv("JACK_NO_START_SERVER", "1")
    for name, value in {"VOICES": (0, 17), "BANK_VOICES": 20, "CALLBACKS": 50, "STARTS": 1}.items():
        monkeypatch.setattr(bench, name, value)


def test_the_benchmark_measures_every_part(short, capsys):
    assert main(["bench", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["voices_100_modes"] > 0
    assert figures["bank_over_plain"] > 0
    times = [*figures["callback_us"].values(), *figures["theta_latency_ms"].values()]
    times += [figures[name] for name in ("features_ms", "encoder_ms", "start_s")]
    assert list(figures["callback_us"]) == [
        "0 voices, body", "17 voices, body", "17 voices, body and attack",
        "17 voices, tension, body and attack", "17 voices, drum as recorded",
    ]  # fmt: skip
    assert 0 < figures["matched_ms"]["body"] < figures["matched_ms"]["attack"]
    assert list(figures["theta_latency_ms"]) == ["first", "full"]
    for row in times:
        assert 0 < row["median"] <= row["p99"] <= row["worst"]
    assert len(bench.lines(figures)) == 18


def test_the_plain_kernel_and_the_bank_agree():
    rotation = -1e-3 + 1j * np.array([0.1, 1.0, 2.5])
    outs = []
    for kernel in (modal.add_modes, bench._plain):
        out = np.zeros(50, np.float32)
        kernel(modal.split(np.ones(3) + 0j), modal.powers(rotation), 3, out)
        outs.append(out)
    np.testing.assert_allclose(*outs, atol=1e-5)
