"""The plugin beside the instrument, as CLAP: the same blocks, the same sound."""

import struct
from itertools import pairwise

import numpy as np
import pytest

from matcher.kits.kit import N_PADS, Kit, Pad, for_pad, pad_name
from matcher.library import place
from matcher.live.noise import TOLERANCE_DB
from matcher.physics.drum import Drum
from matcher.physics.parameters import PARAMETERS
from matcher.physics.theta import Theta
from matcher.plugin import bake
from matcher.plugin.export import export_plugin
from matcher.plugin.layout import KNOBS, SETTINGS, STRIDE
from tests.physics.recorded import recorded
from tests.plugin import clap_host as host
from tests.plugin.app import App, residual_db
from tests.plugin.clap_host import Plugin
from tests.plugin.conftest import IDENTITY, runs_here

pytestmark = runs_here
SAME_DB = -60.0  # dB: other processors round otherwise, and modes are sums of a thousand rotations
CLICK_DB = -60.0
DRIFT_DB = -120.0


def performance(rate: int, n: int, seed: int = 0) -> list[tuple[int, tuple]]:
    """Notes, pressure and controllers at any frame: (frame, bytes of MIDI)."""
    rng = np.random.default_rng(seed)
    notes = (36, 37, 38, 39, 40, 41, 51, 60, 50)  # 50 is an empty pad's
    messages = [
        (int(rng.integers(n)), (0x90 | int(rng.integers(2)), int(rng.choice(notes)), int(v)))
        for v in rng.integers(1, 128, 24)
    ]
    for share, data in (
        (0.3, (0xB0, 16, 100)),
        (0.31, (0x90, 36, 90)),
        (0.5, (0xB0, 121, 0)),
        (0.6, (0xA0, 38, 100)),
        (0.7, (0xD1, 90)),
        (0.9, (0xB0, 120, 0)),
        (0.93, (0x80, 36, 0)),
        (0.95, (0x90, 37, 110)),
    ):
        messages.append((int(share * n), data))
    return sorted(messages)


def as_events(messages) -> list:
    """The same for a host: notes as CLAP's, all else as MIDI."""
    events = []
    for frame, data in messages:
        if data[0] & 0xF0 == 0x90:
            events.append(host.note(frame, data[1], data[2], data[0] & 0x0F))
        else:
            events.append(host.midi(frame, *data))
    return events


@pytest.fixture
def plugin(clap):
    plugin = Plugin(clap)
    yield plugin
    plugin.close()


@pytest.mark.parametrize(
    "rate, block, seconds",
    [(44100, 511, 2.0), (48000, 64, 2.0), (48000, 4096, 2.0), (48000, 1, 0.3), (96000, 511, 1.5)],
)
def test_it_sounds_as_the_instrument_does(clap, kit, rate, block, seconds):
    n = int(seconds * rate)
    messages = performance(rate, n)
    plugin = Plugin(clap, rate)
    out = plugin.play(n, block, as_events(messages))
    plugin.close()
    expected = App(kit, rate).play(n, block, messages)
    assert np.abs(expected).max() > 0.1
    print(f"CLAP, {rate} Hz, blocks of {block}: {residual_db(out, expected):.1f} dB")
    assert residual_db(out, expected) < SAME_DB


@pytest.mark.parametrize("tension", [0.3, 2.0])
def test_a_stroke_on_a_tense_drum_glides_as_in_the_instrument(clap, kit, tension):
    share = PARAMETERS["tension"].to_share(tension)
    plugin = Plugin(clap)
    plugin.play(64, 64, [host.value(0, STRIDE + KNOBS.index("tension"), share)])
    plugin.restart()
    out = plugin.play(24000, 64, [host.note(0, 37, 120)])
    plugin.close()
    app = App(kit.with_value(1, "tension", tension))
    assert residual_db(out, app.play(24000, 64, [(0, (0x90, 37, 120))])) < SAME_DB


@pytest.mark.skipif(not place.opened(), reason="the instrument runs other code than the plugin")
@pytest.mark.parametrize("block", [64, 512])
@pytest.mark.parametrize("kind", ["membrane", "recorded"])
def test_a_tense_drum_that_is_struck_again_stays_as_in_the_instrument(tmp_path, kind, block):
    """Where both run the same instructions, nothing is rounded otherwise that could grow."""
    membrane = Drum(Theta(2 * np.pi * 80, 0.5, 0.02, 0.01, 0.8), tension=0.8)
    drum = membrane if kind == "membrane" else for_pad(recorded(4, tension=0.8))
    kit = Kit("Tense").with_pads({0: Pad(36, drum=drum)})
    plugin = Plugin(export_plugin(kit, tmp_path, ["clap"])[0])
    messages = [(9600 * k, (0x90, 36, 110)) for k in range(5)]
    out = plugin.play(48000, block, as_events(messages))
    plugin.close()
    expected = App(kit).play(48000, block, messages)
    found = [residual_db(out[:, f : f + 9600], expected[:, f : f + 9600]) for f, _ in messages]
    print(f"{kind}, blocks of {block}: {', '.join(f'{x:.0f}' for x in found)} dB")
    assert max(found) < DRIFT_DB


def test_notes_begin_at_their_frame_in_blocks_of_any_size(clap):
    begins = []
    for block in (64, 4096):
        plugin = Plugin(clap)
        out = plugin.play(8192, block, [host.note(4999, 36, 127)])
        plugin.close()
        begins.append(int(np.flatnonzero(np.any(out, axis=0))[0]))
    assert begins[0] == begins[1]
    assert 4999 <= begins[0] <= 5001  # a mode begins with sin(0), and the noise with its rise


@pytest.mark.parametrize("rate", [np.nan, 0.0, 7999.0, 200000.0])
def test_a_sample_rate_that_it_cannot_play_is_refused(clap, rate):
    plugin = Plugin(clap, rate)
    assert not plugin.active
    assert plugin.process(np.zeros((2, 64), np.float32)) == host.ERROR
    plugin.close()


def test_it_says_what_it_is(plugin, kit):
    assert (plugin.id, plugin.name) == (bake.uri(IDENTITY), kit.name)
    assert "GPL-3.0-or-later" in plugin.description


def test_each_knob_of_each_drum_has_its_name_and_value(plugin, kit):
    infos = {info.id: info for info in plugin.infos()}
    assert len({info.name for info in infos.values()}) == len(infos)
    for i, setting in enumerate(SETTINGS):
        info = infos.pop(STRIDE * N_PADS + i)
        assert info.name.decode() == setting.name_in_host
        assert plugin.get(info.id) == info.value
    drums = [i for i in range(N_PADS) if kit.pads[i].drum is not None]
    assert set(infos) == {STRIDE * i + k for i in drums for k in range(len(KNOBS))}
    for number, info in infos.items():
        pad, name = kit.pads[number // STRIDE], KNOBS[number % STRIDE]
        label = pad_name(kit, number // STRIDE)
        assert info.name.decode() == f"{label} {PARAMETERS[name].label}"
        assert info.module.decode() == label
        assert info.value == pytest.approx(PARAMETERS[name].to_share(pad.value(name)), abs=1e-12)
        assert plugin.get(number) == info.value
    assert plugin.text(0, infos[0].value) == "80 Hz"
    assert plugin.text(KNOBS.index("attack_mix"), 0.5) == "50 %"


@pytest.mark.parametrize("knob", range(len(KNOBS)), ids=KNOBS)
def test_a_turned_knob_sounds_as_it_does_in_the_instrument(clap, kit, knob):
    name, share = KNOBS[knob], 0.37
    pad = 0 if name == "attack_mix" else 3  # whose noise begins anywhere, and one without noise
    value = PARAMETERS[name].from_share(share)
    plugin, n = Plugin(clap), 48000
    note = kit.pads[pad].note
    turned = host.value(0, STRIDE * pad + knob, share)
    if name == "attack_mix":
        plugin.play(64, 64, [turned])
        plugin.restart()
        out = plugin.play(n, 512, [host.note(10000, note, 100)])
    else:
        out = plugin.play(n, 512, [turned, host.note(10000, note, 100)])
    plugin.close()
    app = App(kit.with_value(pad, name, value))
    expected = app.play(n, 512, [(10000, (0x90, note, 100))])
    unturned = App(kit).play(n, 512, [(10000, (0x90, note, 100))])
    assert residual_db(out, expected) < SAME_DB
    assert residual_db(unturned, expected) > SAME_DB + 20


def test_many_strikes_after_a_turn_vary_as_those_of_the_instrument(clap, kit):
    """The starts of the noise are found in steps, and are then those of the instrument."""
    plugin, n = Plugin(clap), 96000
    plugin.play(n, 512, [host.value(0, STRIDE + 1, 0.5), host.note(100, 37, 100)])
    heard = [plugin.play(9600, 480, [host.note(0, 37, 100)]) for _ in range(6)]
    plugin.close()
    differ = [residual_db(a, b) for a, b in pairwise(heard)]
    assert max(differ) > -40
    value = PARAMETERS["tau"].from_share(0.5)
    app = App(kit.with_value(1, "tau", value))
    program = app.pool["programs"][app.pool["pads"][1]["program"]]
    assert program["n_starts"] > 1  # else it could not vary


def test_a_mix_that_is_turned_while_starts_are_looked_for_counts_from_the_next_strike(clap, kit):
    """The search under way takes the new mix, but what it finds is written anew before a strike."""
    tau, mix = KNOBS.index("tau"), KNOBS.index("attack_mix")
    plugin, n, quiet = Plugin(clap), 24000, lambda: host.midi(20000, 0xB0, 120, 0)
    turned = [host.value(0, STRIDE + tau, 0.5), host.value(150, STRIDE + mix, 0.37)]
    plugin.play(n, 64, [turned[0], host.note(100, 37, 100), turned[1], quiet()])
    heard = [plugin.play(n, 480, [host.note(0, 37, 100), quiet()]) for _ in range(6)]
    plugin.close()
    new = kit.with_value(1, "tau", PARAMETERS["tau"].from_share(0.5))
    app = App(new.with_value(1, "attack_mix", PARAMETERS["attack_mix"].from_share(0.37)))
    app.pool["programs"][app.pool["pads"][1]["program"]]["n_starts"] = 1  # as before a search
    expected = app.play(n, 480, [(0, (0x90, 37, 100)), (20000, (0xB0, 120, 0))])
    assert residual_db(heard[0], expected) < SAME_DB
    peaks = [20 * np.log10(np.abs(out).max()) for out in heard]
    assert max(peaks) - min(peaks) < 2 * TOLERANCE_DB + 0.1  # pans and rounding


def test_the_state_comes_back(clap):
    turned = {STRIDE * pad + k: 0.1 + 0.05 * k for pad in (0, 3, 15) for k in range(len(KNOBS))}
    plugin = Plugin(clap)
    plugin.play(64, 64, [host.value(0, number, share) for number, share in turned.items()])
    state = plugin.save()
    before = {info.id: plugin.get(info.id) for info in plugin.infos()}
    plugin.restart()
    out = plugin.play(24000, 500, [host.note(5, 39, 90)])
    plugin.close()
    other = Plugin(clap)
    assert other.get(0) != before[0]
    assert other.load(state)
    assert {info.id: other.get(info.id) for info in other.infos()} == before
    assert other.save() == state
    other.restart()
    again = other.play(24000, 500, [host.note(5, 39, 90)])
    other.close()
    assert residual_db(again, out) < SAME_DB


def wrong_states(state: bytes):
    """States that are damaged, of another kit, or none."""
    not_a_number = bytearray(state)
    not_a_number[40:48] = struct.pack("<d", np.nan)
    other_kit = bytearray(state)
    other_kit[20] ^= 1
    return {
        "empty": b"",
        "cut off": state[:-1],
        "longer": state + bytes(1),
        "far too long": state + bytes(100000),
        "NaN": bytes(not_a_number),
        "of another kit": bytes(other_kit),
        "of something else": b"X" * len(state),
        "header alone": state[:32],
        "more rows than there are": state[:8] + b"\xff" * 4 + state[12:],
    }


def test_a_wrong_state_is_refused_and_nothing_is_lost(plugin):
    plugin.play(64, 64, [host.value(0, 0, 0.25)])
    state = plugin.save()
    for what, wrong in wrong_states(state).items():
        assert not plugin.load(wrong), what
        assert plugin.save() == state, what


def test_knobs_that_no_pad_has_and_values_that_are_none_are_ignored(plugin):
    state = plugin.save()
    numbers = (len(KNOBS), STRIDE * 14, STRIDE * N_PADS + len(SETTINGS), 2**32 - 1)
    plugin.play(64, 64, [host.value(0, number, 0.5) for number in numbers])
    plugin.play(64, 64, [host.value(0, 0, np.nan), host.note(0, 200, 100), host.note(1, -1, 100)])
    assert plugin.save() == state


@pytest.mark.parametrize("name", KNOBS)
def test_automation_at_full_rate_does_not_click(clap, kit, name):
    """While a drum rings its knob goes up and down: nothing is heard above its own tones."""
    rate, n, pad = 48000, 48000, 15
    times = np.arange(0, n, 48)
    shares = 0.5 + 0.4 * np.sin(2 * np.pi * 3 * times / rate)
    first = host.value(0, STRIDE * pad + KNOBS.index(name), shares[0])
    events = [host.value(int(t), first.id, s) for t, s in zip(times, shares)]
    plugin = Plugin(clap)
    out = plugin.play(n, 64, [first, host.note(0, kit.pads[pad].note, 100), *events])
    plugin.close()
    ringing = out[:, 9600:]  # the strike itself is no click
    assert np.abs(ringing).max() > 0.001
    spectrum = np.abs(np.fft.rfft(ringing * np.hanning(ringing.shape[1]), axis=1))
    hz = np.fft.rfftfreq(ringing.shape[1], 1 / rate)
    still = App(kit).play(n, 64, [(0, (0x90, kit.pads[pad].note, 100))])[:, 9600:]
    own = np.abs(np.fft.rfft(still * np.hanning(still.shape[1]), axis=1))
    clicks = np.linalg.norm(spectrum[:, hz > 4000])
    allowed = np.linalg.norm(own[:, hz > 4000])
    assert 20 * np.log10(max(clicks - allowed, 1e-12) / np.linalg.norm(spectrum)) < CLICK_DB


def test_two_instances_do_not_share_their_knobs(clap):
    one, two = Plugin(clap), Plugin(clap)
    one.play(64, 64, [host.value(0, 0, 0.9)])
    assert two.get(0) != one.get(0)
    one.close()
    assert np.any(two.play(4800, 64, [host.note(0, 36, 100)]))
    two.close()
