"""The replacer in hosts that are not ours: VST3 and LV2 in minihost."""

import time

import numpy as np
import pytest

from matcher.live.detector import known_within
from matcher.plugin.export import export_plugin
from tests.plugin.app import App, residual_db
from tests.plugin.conftest import IDENTITY, runs_here
from tests.plugin.take import click_kit, hits_of, make_take, onsets_in, strikes
from tests.plugin.test_clap import SAME_DB
from tests.plugin.test_hosts import RATES_AND_BLOCKS, Hosted
from training.performances import score

pytestmark = [runs_here, pytest.mark.parametrize("api", ["vst3", "lv2"])]
PAD = 2


def switched_on(path, rate: int = 48000, block: int = 512):
    """A plugin, and what switches its replacer on at the first frame, for PAD."""
    hosted = Hosted(path, rate, block)
    names = hosted.names()
    pads = hosted.plugin.get_param_info(names.index("Replacer Pad"))["num_steps"]
    on = [(0, names.index("Replacer On"), 1.0)]
    return hosted, [*on, (0, names.index("Replacer Pad"), PAD / (pads - 1))]


def latency_of(hosted) -> int:
    """The latency that the host knows of, once another thread of it has been told."""
    end = time.monotonic() + 60
    while hosted.plugin.latency_samples == 0 and time.monotonic() < end:
        time.sleep(0.01)
    return hosted.plugin.latency_samples


@pytest.fixture(scope="module")
def folder(kit, tmp_path_factory):
    folder = tmp_path_factory.mktemp("replacers")
    for each in (kit, click_kit()):
        export_plugin(each, folder, ["vst3", "lv2"], identity=IDENTITY if each is kit else None)
    return folder


@pytest.mark.parametrize("rate, block", RATES_AND_BLOCKS)
def test_it_plays_the_hits_that_the_instruments_detector_finds(folder, kit, api, rate, block):
    x, _ = make_take("rolls, 60 to 80 ms", 16, rate)
    hosted, on = switched_on(folder / f"test-kit.{api}", rate, block)
    out = hosted.play(len(x), (), on, np.array([x, x]))
    found = hits_of(x, rate)
    assert len(found) > 10
    expected = App(kit, rate).play(len(x), block, strikes(found, PAD, rate))
    print(f"{api}, {len(found)} hits, {rate} Hz, blocks of {block}: "
          f"{residual_db(out, expected):.1f} dB")  # fmt: skip
    assert residual_db(out, expected) < SAME_DB


def test_it_finds_the_hits_of_a_take_where_they_are(folder, api):
    x, onsets = make_take("loud", 12)
    hosted, on = switched_on(folder / f"clicks.{api}")
    for _, index, share in on:
        hosted.plugin.set_param(index, share)
    hosted.play(512)
    latency = latency_of(hosted)
    assert latency == known_within(3.0, 0.0, 48000.0)
    found = score(onsets_in(hosted.play(len(x), given=np.array([x, x]))) - latency, onsets, [])
    assert found.f_measure >= 0.93
    assert np.median(np.abs(found.errors_ms)) <= 2


def test_it_is_off_until_it_is_switched_on_and_its_state_comes_back(folder, api):
    path = folder / f"clicks.{api}"
    x, _ = make_take("loud", 2)
    hosted, on = switched_on(path)
    assert not np.any(hosted.play(len(x), given=np.array([x, x])))
    assert hosted.plugin.latency_samples == 0
    for _, index, share in on:
        hosted.plugin.set_param(index, share)
    hosted.play(512)
    other = Hosted(path)
    other.plugin.set_state(hosted.plugin.get_state())
    for _, index, share in on:
        assert other.plugin.get_param(index) == pytest.approx(share)
    assert np.any(other.play(len(x), given=np.array([x, x])))
    assert latency_of(other) == latency_of(hosted) > 0
