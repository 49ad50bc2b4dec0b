"""The effect that is in each plugin's file, as CLAP: it replaces the hits of its main input."""

import uuid

import numpy as np
import pytest

from matcher.kits.kit import N_PADS
from matcher.live.detector import Settings
from matcher.plugin import bake
from matcher.plugin.export import export_plugin
from matcher.plugin.layout import KNOBS, SETTINGS, STRIDE
from tests.plugin import clap_host as host
from tests.plugin.app import App, residual_db
from tests.plugin.clap_host import Plugin
from tests.plugin.conftest import IDENTITY, runs_here
from tests.plugin.take import hits_of, make_take, strikes
from tests.plugin.test_clap import SAME_DB
from tests.plugin.test_replacer import LATENCY, PLACES, settings

pytestmark = runs_here


@pytest.fixture
def effect(clap):
    effect = Plugin(clap, effect=True)
    yield effect
    effect.close()


def test_it_says_what_it_is(clap, effect, kit):
    instrument = Plugin(clap)
    assert instrument.features[0] == "instrument"
    assert effect.features[0] == "audio-effect"
    assert "instrument" not in effect.features
    assert effect.name == f"{kit.name} (replacer)"
    assert instrument.id == bake.uri(IDENTITY)
    assert effect.id == bake.effect_uri(IDENTITY) == f"{instrument.id}#effect"
    instrument.close()


def test_its_identity_in_vst3_never_changes():
    """Sessions of hosts have it."""
    found = bake.effect_identity(uuid.UUID("6f1c5a0e-93a5-4c55-8b2a-0d8f5c1e7a42"))
    assert found == uuid.UUID("5dcd5f5a-64ce-522c-9a37-a40faab6598d")


def test_it_has_a_main_input_and_output_and_takes_no_notes(effect):
    given, out = effect.ports(given=True), effect.ports(given=False)
    assert [port.flags for port in given + out] == [1, 1]
    assert [port.name for port in given + out] == [b"Hits", b"Drums"]
    assert effect.n_note_ports() == 0


def test_it_has_the_knobs_and_the_settings_that_make_sense(effect, kit):
    drums = [i for i in range(N_PADS) if kit.pads[i].drum is not None]
    expected = {STRIDE * i + k for i in drums for k in range(len(KNOBS))}
    expected |= {PLACES[setting.name] for setting in SETTINGS if setting.of_effect}
    assert {info.id for info in effect.infos()} == expected
    assert {"on", "separate"} == {s.name for s in SETTINGS if not s.of_effect}


@pytest.mark.parametrize("rate, block", [(48000, 64), (48000, 4096), (44100, 511)])
def test_it_plays_the_hits_that_the_instruments_detector_finds(clap, kit, rate, block):
    x, _ = make_take("rolls, 60 to 80 ms", 16, rate)
    effect = Plugin(clap, rate, effect=True)
    values = {"pad": 3, "threshold_db": -30.0, "mask_ms": 30.0}
    out = effect.play(len(x), block, settings(**values), np.array([x, x]))
    effect.close()
    found = hits_of(x, rate, Settings(threshold_db=-30.0, mask_ms=30.0))
    assert len(found) > 10
    expected = App(kit, rate).play(len(x), block, strikes(found, 2, rate))
    print(f"{len(found)} hits, {rate} Hz, blocks of {block}: {residual_db(out, expected):.1f} dB")
    assert residual_db(out, expected) < SAME_DB


def test_it_reports_its_latency_from_the_start(effect):
    assert effect.latency == LATENCY
    effect.play(64, 64, settings(on=0))  # it has no such setting
    assert (effect.latency, effect.asked) == (LATENCY, 0)


def test_the_input_may_be_where_the_output_is(clap, effect):
    x = make_take("loud", 4)[0]
    apart = effect.play(len(x), 512, settings(through=0.5), np.array([x, x]))
    other, both = Plugin(clap, effect=True), np.array([x, x])
    events = settings(through=0.5)
    for at in range(0, len(x), 512):
        other.process(both[:, at : at + 512], events, both[:, at : at + 512])
        events = []
    other.close()
    assert np.any(apart)
    assert np.array_equal(apart, both)


def test_its_state_comes_back_and_is_not_damaged_by_the_instruments(clap, effect):
    effect.play(64, 64, [host.value(0, 0, 0.25), *settings(pad=4, threshold_db=-20.0)])
    state, values = effect.save(), {info.id: effect.get(info.id) for info in effect.infos()}
    other = Plugin(clap, effect=True)
    assert other.load(state)
    assert {info.id: other.get(info.id) for info in other.infos()} == values
    instrument = Plugin(clap)  # switched off, which an effect cannot be
    assert other.load(instrument.save())
    assert other.latency == LATENCY
    x = make_take("loud", 2)[0]
    assert np.any(other.play(len(x), 512, (), np.array([x, x])))
    for one in (other, instrument):
        one.close()


def test_exported_again_it_is_known_again(kit, tmp_path):
    ids = []
    for _ in range(2):
        effect = Plugin(export_plugin(kit, tmp_path, ["clap"])[0], effect=True)
        ids.append(effect.id)
        effect.close()
    assert ids[0] == ids[1]
