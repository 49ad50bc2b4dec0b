"""The replacer in a CLAP host: a pad is played on each hit of the input."""

import struct

import numpy as np
import pytest

from matcher.kits.kit import N_PADS
from matcher.live.detector import Settings, detect, known_within, make_detector
from matcher.plugin.export import export_plugin
from matcher.plugin.layout import SETTINGS, STRIDE
from tests.plugin import clap_host as host
from tests.plugin.app import App, residual_db
from tests.plugin.clap_host import Plugin
from tests.plugin.conftest import runs_here
from tests.plugin.take import CLICK_PAD, click_kit, hits_of, make_take, onsets_in, strikes
from tests.plugin.test_clap import SAME_DB, as_events, performance
from training.performances import score

pytestmark = runs_here
LATENCY = 624  # frames at 48 kHz: 13 ms
PLACES = {setting.name: STRIDE * N_PADS + i for i, setting in enumerate(SETTINGS)}
ROWS_AT, ROW = 32, 16  # bytes: where a state's rows begin, and of each


def settings(**values) -> list:
    """Events that set settings of the replacer, in natural units."""
    events = []
    for name, value in values.items():
        s = next(s for s in SETTINGS if s.name == name)
        share = (value - s.low) / (s.high - s.low)
        events.append(host.value(0, PLACES[name], share * max(1, s.steps)))
    return events


def switched_on(path, rate: float = 48000, **values) -> Plugin:
    """A plugin whose replacer is on, made active anew as it asked for."""
    plugin = Plugin(path, rate)
    plugin.play(1, 1, settings(on=1, **values))
    plugin.restart()
    return plugin


@pytest.fixture(scope="module")
def clicks(tmp_path_factory):
    return export_plugin(click_kit(), tmp_path_factory.mktemp("clicks"), ["clap"])[0]


@pytest.fixture(scope="module")
def take():
    return make_take("loud", 12)


@pytest.mark.parametrize("rate, block", [(48000, 64), (48000, 4096), (44100, 511), (96000, 333)])
def test_it_plays_the_hits_that_the_instruments_detector_finds(clap, kit, rate, block):
    x, _ = make_take("rolls, 60 to 80 ms", 16, rate)
    wanted = Settings(threshold_db=-30.0, sensitivity=0.5, mask_ms=30.0)
    plugin = switched_on(clap, rate, pad=3, threshold_db=-30.0, sensitivity=0.5, mask_ms=30.0)
    out = plugin.play(len(x), block, given=x[None])
    plugin.close()
    found = hits_of(x, rate, wanted)
    assert len(found) > 10
    expected = App(kit, rate).play(len(x), block, strikes(found, 2, rate))
    print(f"{len(found)} hits, {rate} Hz, blocks of {block}: {residual_db(out, expected):.1f} dB")
    assert residual_db(out, expected) < SAME_DB


@pytest.mark.parametrize("scene", ["loud", "noisy room"])
def test_it_finds_the_hits_of_a_take_where_they_are(clicks, request, scene):
    """On recordings of --drums, on more hits with --long: the figures of docs/plugin.md."""
    long, folder = request.config.getoption("--long"), request.config.getoption("--drums")
    x, onsets = make_take(scene, 200 if long else 12, folder=folder)
    plugin = switched_on(clicks)
    out = plugin.play(len(x), 128, given=np.array([x, x]))
    found = score(onsets_in(out) - plugin.latency, onsets, [])
    plugin.close()
    met = found.hits - found.misses
    error = np.abs(found.errors_ms)
    print(f"{scene}, {found.hits} hits: recall {met / found.hits:.3f}, precision "
          f"{met / (met + found.doubles):.3f}; error {np.median(error):.2f} ms at the median, "
          f"{np.quantile(error, 0.95):.2f} at the 95th percentile")  # fmt: skip
    assert found.f_measure >= 0.93
    assert np.median(np.abs(found.errors_ms)) <= 2


def test_every_hit_is_known_within_the_latency(take):
    x, _ = take
    detector = make_detector(Settings(mask_ms=0.0, sensitivity=1.0), 48000)
    latency = known_within(Settings.scan_ms, 0.0, 48000.0)
    assert latency == LATENCY
    hits = [f for f in detect(detector[0], x) if not f.reason]
    assert hits
    for hit in hits:
        assert hit.decided + int(detector["judged"][0]) <= hit.onset + latency


def test_switched_off_it_is_the_instrument_alone(clap, kit, take):
    x, _ = take
    plugin, n = Plugin(clap), 24000
    messages = performance(48000, n)
    out = plugin.play(n, 128, as_events(messages), given=np.array([x, x])[:, :n])
    assert (plugin.latency, plugin.asked, plugin.told) == (0, 0, [])
    plugin.close()
    assert residual_db(out, App(kit).play(n, 128, messages)) < SAME_DB


def test_the_latency_changes_where_the_host_allows_it(clap):
    plugin = Plugin(clap)
    plugin.play(64, 64, settings(on=1))
    plugin.play(64, 64)
    assert (plugin.latency, plugin.asked) == (0, 1)
    plugin.restart()
    assert (plugin.latency, plugin.asked, plugin.told) == (LATENCY, 1, [LATENCY])
    plugin.play(64, 64, settings(on=0))
    plugin.restart()
    assert (plugin.latency, plugin.asked, plugin.told) == (0, 2, [LATENCY, 0])
    plugin.close()


def test_notes_wait_as_long_as_hits(clap, kit):
    n = 48000
    messages = performance(48000, n - 2000)
    plugin = switched_on(clap)
    out = plugin.play(n, 333, as_events(messages))
    plugin.close()
    later = [(frame + LATENCY, data) for frame, data in messages]
    assert residual_db(out, App(kit).play(n, 333, later)) < SAME_DB


def test_notes_that_wait_when_it_is_switched_off_are_played(clap):
    plugin = switched_on(clap)
    plugin.play(64, 64, [host.note(10, 36, 100)])
    out = plugin.play(4800, 64, settings(on=0))
    plugin.close()
    assert np.abs(out).max() > 0.01


@pytest.mark.parametrize("rate", [44100, 192000])
def test_the_input_comes_through_as_late_as_hits_do(clap, rate):
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (2, rate)).astype(np.float32)
    plugin = switched_on(clap, rate, through=1, threshold_db=0, gain_db=-24)
    late = plugin.latency
    out = plugin.play(rate, 1000, given=x)
    plugin.close()
    assert late == 10 * round(rate / 1000) + round(0.003 * rate)
    settled = rate // 10  # after some 20 time constants
    assert np.abs(out[:, settled:] - x[:, settled - late : -late]).max() < 1e-6
    assert np.abs(out[:, :late]).max() == 0


def test_one_channel_counts_for_both_and_the_output_may_be_the_input(clicks, take):
    x = take[0][:96000]
    outs = []
    for given in (x[None], np.array([x, x])):
        plugin = switched_on(clicks, pad=CLICK_PAD + 1, through=0.5)
        outs.append(plugin.play(len(x), 512, given=given))
        plugin.close()
    plugin, both = switched_on(clicks, pad=CLICK_PAD + 1, through=0.5), np.array([x, x])
    for at in range(0, len(x), 512):
        part = both[:, at : at + 512]
        plugin.process(part, (), part)
    plugin.close()
    assert np.any(outs[0])
    assert np.array_equal(outs[0], outs[1])
    assert np.array_equal(outs[0], both)


def test_what_is_no_number_is_silence(clicks, take):
    x = take[0][:48000].copy()
    x[1000:1100] = np.nan
    x[2000:2010] = np.inf
    plugin = switched_on(clicks, through=1)
    out = plugin.play(len(x), 512, given=x[None])
    after = plugin.play(len(x), 512, given=take[0][None, 48000:96000])
    plugin.close()
    assert np.all(np.isfinite(out))
    assert np.all(np.isfinite(after))
    assert np.any(after)


def test_the_gain_is_that_of_what_is_searched(clicks, take):
    x = take[0]
    plugin = switched_on(clicks, gain_db=12.0)
    out = plugin.play(len(x), 512, given=x[None])
    plugin.close()
    gain = 10 ** (12 / 20)
    expected = App(click_kit()).play(
        len(x), 512, strikes(hits_of(gain * x.astype(float), 48000), CLICK_PAD, 48000)
    )
    assert residual_db(out, expected) < SAME_DB


def test_a_reset_forgets_what_was_on_its_way(clicks, take):
    x, onsets = take
    plugin = switched_on(clicks, through=1)
    plugin.play(onsets[0] + 300, 512, given=x[None, : onsets[0] + 300])
    plugin.table.reset(plugin.address)
    assert not np.any(plugin.play(2000, 500, given=np.zeros((2, 2000), np.float32)))
    plugin.close()


def test_its_settings_are_shown_as_people_read_them(clap):
    plugin = Plugin(clap)
    infos = {info.id: info for info in plugin.infos()}
    assert (infos[PLACES["pad"]].high, infos[PLACES["on"]].high) == (N_PADS - 1, 1)
    assert plugin.get(PLACES["on"]) == 0
    assert plugin.text(PLACES["on"], 1) == "on"
    assert plugin.text(PLACES["pad"], 2) == "3 Snare"
    assert plugin.text(PLACES["threshold_db"], plugin.get(PLACES["threshold_db"])) == "-40 dB"
    assert plugin.text(PLACES["pad"], np.nan).startswith("nan")
    plugin.close()


def test_a_state_of_before_the_replacer_switches_it_off(clap):
    plugin = switched_on(clap, pad=4, mask_ms=50.0)
    state = plugin.save()
    other = Plugin(clap)
    assert other.load(state)
    assert other.asked == 1
    assert [other.get(n) for n in PLACES.values()] == [plugin.get(n) for n in PLACES.values()]
    count = struct.unpack_from("<I", state, 8)[0] - len(SETTINGS)
    before = state[:8] + struct.pack("<I", count) + state[12 : ROWS_AT + ROW * count]
    fresh = Plugin(clap)
    assert other.load(before)
    assert [other.get(n) for n in PLACES.values()] == [fresh.get(n) for n in PLACES.values()]
    for one in (plugin, other, fresh):
        one.close()
