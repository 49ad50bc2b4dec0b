"""Outputs of the pads and the effect, as VST3 and LV2."""

import shutil
import subprocess

import numpy as np
import pytest
import soundfile

from matcher.kits.kit import N_PADS, pad_name
from matcher.plugin import bake
from matcher.plugin.export import export_plugin
from tests.plugin.app import App
from tests.plugin.conftest import IDENTITY, runs_here
from tests.plugin.take import hits_of, make_take, strikes
from tests.plugin.test_hosts import Hosted
from tests.plugin.test_outputs import ALL, check, drums, expected_of
from tests.plugin.test_replacer import LATENCY, PLACES
from tests.plugin.vst3_host import AUDIO, EVENTS, INPUT, OUTPUT, Plugin

pytestmark = runs_here
MAIN, AUXILIARY = range(2)  # kinds of VST3's buses


def performance(rate: int, n: int) -> list[tuple[int, int, int]]:
    """(frame, note, velocity) on all pads."""
    rng = np.random.default_rng(1)
    notes = rng.choice([36, 37, 38, 39, 40, 41, 51], 24)
    return sorted(
        (int(rng.integers(n)), int(note), int(v))
        for note, v in zip(notes, rng.integers(1, 128, 24))
    )


def as_midi(notes) -> list[tuple]:
    return [(frame, (0x90, note, velocity)) for frame, note, velocity in notes]


@pytest.fixture(scope="module")
def folder(kit, tmp_path_factory):
    folder = tmp_path_factory.mktemp("outputs")
    export_plugin(kit, folder, ["vst3", "lv2"], identity=IDENTITY)
    return folder


@pytest.fixture(scope="module")
def binary(folder):
    return folder / "test-kit.vst3" / "Contents" / "x86_64-linux" / "test-kit.so"


@pytest.fixture
def vst3(binary):
    opened = []

    def open_it(*arguments, **options):
        opened.append(Plugin(binary, *arguments, **options))
        return opened[-1]

    yield open_it
    for plugin in opened:
        plugin.close()


def text(name) -> str:
    return bytes(name).decode("utf-16").partition("\0")[0]


def test_vst3_has_a_bus_for_each_pad_that_is_off(vst3, kit):
    plugin = vst3(48000)
    out, given = plugin.buses(AUDIO, OUTPUT), plugin.buses(AUDIO, INPUT)
    labels = [pad_name(kit, i) for i in range(N_PADS)]
    assert [text(bus.name) for bus in out] == ["Drums", *labels]
    assert [bus.type for bus in out] == [MAIN, *[AUXILIARY] * N_PADS]
    assert [bus.flags for bus in out] == [1, *[0] * N_PADS]
    assert {bus.channels for bus in out} == {2}
    assert [(bus.type, bus.flags) for bus in given] == [(AUXILIARY, 0)]
    assert len(plugin.buses(EVENTS, INPUT)) == 1


@pytest.mark.parametrize("rate, block", [(44100, 511), (48000, 64), (48000, 4096)])
def test_vst3_plays_a_pad_where_its_bus_is_active(vst3, kit, rate, block):
    n, active = 2 * rate, (1, 3, 16)  # pads 1, 3 and 16
    notes = performance(rate, n)
    plugin = vst3(rate, outputs=(0, *active, 9))
    plugin.set(PLACES["separate"], 1)
    out, silent = plugin.play(n, block, notes)
    rest = [i for i in drums(kit) if i + 1 not in active]
    messages = as_midi(notes)
    check("VST3, the mix", out[0], expected_of(kit, messages, rate, block, n, *rest))
    for i in active:
        expected = expected_of(kit, messages, rate, block, n, i - 1)
        check(f"VST3, pad {i}, {rate} Hz, blocks of {block}", out[i], expected)
    assert not np.any(out[9])  # a pad without a drum
    assert [i for i in range(ALL) if not silent[i]] == [0, *active]


def test_vst3_plays_all_in_the_mix_until_outputs_are_separate(vst3, kit):
    n = 48000
    notes = performance(48000, n)
    plugin = vst3(48000, outputs=range(ALL))
    out, silent = plugin.play(n, 512, notes)
    check("VST3, the mix", out[0], App(kit).play(n, 512, as_midi(notes)))
    assert not np.any(out[1:])
    assert silent[1:].all()


def test_vst3_has_the_effect_as_a_class_of_its_own(vst3, kit):
    effect = vst3(48000, effect=True)
    names = [(each.name.decode(), each.sub.decode()) for each in effect.classes]
    assert names == [(kit.name, "Instrument|Drum"), (f"{kit.name} (replacer)", "Fx|Drum")]
    uids = [bytes(each.uid) for each in effect.classes]
    assert uids == [IDENTITY.bytes, bake.effect_identity(IDENTITY).bytes]
    for direction in (INPUT, OUTPUT):
        assert [(b.type, b.flags) for b in effect.buses(AUDIO, direction)] == [(MAIN, 1)]
    assert effect.buses(EVENTS, INPUT) == []
    assert effect.latency == LATENCY


def test_vst3_plays_the_effect(vst3, kit):
    x, _ = make_take("rolls, 60 to 80 ms", 16)
    effect = vst3(48000, effect=True)
    effect.set(PLACES["pad"], 2 / (N_PADS - 1))
    out, _ = effect.play(len(x), 512, given=np.array([x, x]))
    found = hits_of(x, 48000)
    assert len(found) > 10
    check("VST3, the effect", out[0], App(kit).play(len(x), 512, strikes(found, 2, 48000)))


def test_lv2_plays_a_pad_in_its_own_ports(folder, kit):
    n = 48000
    notes = as_midi(performance(48000, n))
    hosted = Hosted(folder / "test-kit.lv2")
    separate = hosted.names().index("Separate outputs")
    out = hosted.play(n, notes, [(0, separate, 1.0)], n_out=ALL)
    assert not np.any(out[:2])
    for i in drums(kit):
        pair = out[2 * i + 2 : 2 * i + 4]
        check(f"LV2, pad {i + 1}", pair, expected_of(kit, notes, 48000, hosted.block, n, i))


@pytest.mark.skipif(not shutil.which("lv2apply"), reason="needs lilv-utils")
def test_lv2_plays_the_effect(folder, kit, tmp_path, monkeypatch):
    x, _ = make_take("rolls, 60 to 80 ms", 12)
    given, played = tmp_path / "in.wav", tmp_path / "out.wav"
    soundfile.write(given, np.array([x, x]).T, 48000, "FLOAT")
    monkeypatch.setenv("LV2_PATH", str(folder))
    command = ["lv2apply", "-i", given, "-o", played, "-c", "replacer_pad", "3"]
    subprocess.run([*command, bake.effect_uri(IDENTITY)], check=True)
    found = hits_of(x, 48000)
    assert len(found) > 5
    expected = App(kit).play(len(x), 1, strikes(found, 2, 48000))  # its blocks are of one frame
    check("LV2, the effect", soundfile.read(played, dtype="float32")[0].T, expected)
