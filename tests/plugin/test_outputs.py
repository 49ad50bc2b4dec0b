"""Outputs of the pads, as CLAP: each pad alone, beside the instrument's own voices."""

import struct

import numpy as np
import pytest

from matcher.kits.kit import N_PADS, pad_name
from matcher.plugin.layout import SETTINGS, STRIDE
from tests.plugin import clap_host as host
from tests.plugin.app import App, residual_db
from tests.plugin.clap_host import Plugin
from tests.plugin.conftest import runs_here
from tests.plugin.test_clap import SAME_DB, as_events, performance
from tests.plugin.test_replacer import PLACES, ROW, ROWS_AT, settings

pytestmark = runs_here
ALL = 1 + N_PADS  # outputs: the mix, and one a pad
LEAST = 1e-3  # peak of what is compared


def expected_of(kit, messages, rate: int, block: int, n: int, *heard: int) -> np.ndarray:
    """What the instrument's voices play of some pads -> (2, n)."""
    app = App(kit, rate)
    app.solo(*heard)
    return app.play(n, block, messages)


def check(what: str, out: np.ndarray, expected: np.ndarray) -> None:
    assert np.abs(expected).max() > LEAST
    print(f"{what}: {residual_db(out, expected):.1f} dB")
    assert residual_db(out, expected) < SAME_DB


def drums(kit) -> list[int]:
    return [i for i in range(N_PADS) if kit.pads[i].drum is not None]


@pytest.fixture
def plugin(clap):
    plugin = Plugin(clap)
    yield plugin
    plugin.close()


def test_there_is_a_pair_for_each_pad_by_its_name(plugin, kit):
    ports = plugin.ports(given=False)
    names = [pad_name(kit, i) for i in range(N_PADS)]
    assert [port.name.decode() for port in ports] == ["Drums", *names]
    assert len({port.id for port in ports}) == ALL
    assert [port.flags for port in ports] == [1, *[0] * N_PADS]
    assert {(port.channels, port.kind) for port in ports} == {(2, b"stereo")}


@pytest.mark.parametrize("rate, block", [(44100, 511), (48000, 64), (48000, 4096)])
def test_each_pad_is_alone_in_its_own_output(clap, kit, rate, block):
    n = 2 * rate
    messages = performance(rate, n)
    plugin = Plugin(clap, rate)
    out = plugin.play(n, block, [*settings(separate=1), *as_events(messages)], n_out=ALL)
    plugin.close()
    assert not np.any(out[:2])
    for i in range(N_PADS):
        pair = out[2 * i + 2 : 2 * i + 4]
        if i not in drums(kit):
            assert not np.any(pair)
            continue
        expected = expected_of(kit, messages, rate, block, n, i)
        check(f"CLAP, pad {i + 1}, {rate} Hz, blocks of {block}", pair, expected)


def test_as_exported_all_pads_are_in_the_mix(plugin, kit):
    n, messages = 48000, performance(48000, 48000)
    out = plugin.play(n, 512, as_events(messages), n_out=ALL)
    assert not np.any(out[2:])
    check("mix", out[:2], App(kit).play(n, 512, messages))


def test_a_pad_whose_output_is_not_used_stays_in_the_mix(plugin, kit):
    n, messages = 48000, performance(48000, 48000)
    assert plugin.use(1, False)
    assert not plugin.use(ALL, False)
    out = plugin.play(n, 512, [*settings(separate=1), *as_events(messages)], n_out=3)
    rest = [i for i in drums(kit) if i != 1]
    check("mix of the rest", out[:2], expected_of(kit, messages, 48000, 512, n, *rest))
    assert not np.any(out[2:4])
    check("pad 2", out[4:6], expected_of(kit, messages, 48000, 512, n, 1))


def test_it_is_switched_while_a_drum_rings(plugin, kit):
    note = [host.note(0, 36, 100)]
    mixed = plugin.play(9600, 100, note, n_out=2)
    moved = plugin.play(9600, 100, settings(separate=1), n_out=2)
    assert not np.any(mixed[2:])
    assert not np.any(moved[:2])
    expected = App(kit).play(19200, 100, [(0, (0x90, 36, 100))])
    check("before", mixed[:2], expected[:, :9600])
    check("after", moved[2:], expected[:, 9600:])


def test_what_the_replacer_plays_goes_there_as_well(plugin, kit):
    plugin.play(1, 1, settings(on=1, separate=1))
    plugin.restart()
    n, late = 24000, plugin.latency
    assert late > 0
    out = plugin.play(n, 333, [host.note(100, 38, 100)], n_out=ALL)
    expected = App(kit).play(n, 333, [(100 + late, (0x90, 38, 100))])
    check("snare", out[6:8], expected)
    assert not np.any(np.delete(out, (6, 7), 0))


def test_a_state_of_before_there_were_outputs_leaves_the_mix(clap, plugin):
    plugin.play(64, 64, [host.value(0, 0, 0.9), *settings(separate=1, pad=3)])
    state = plugin.save()
    count = struct.unpack_from("<I", state, 8)[0] - 1
    assert SETTINGS[-1].name == "separate"
    before = state[:8] + struct.pack("<I", count) + state[12 : ROWS_AT + ROW * count]
    other = Plugin(clap)
    assert other.load(before)
    wanted = {info.id: plugin.get(info.id) for info in plugin.infos()}
    assert {info.id: other.get(info.id) for info in other.infos()} == wanted | {
        STRIDE * N_PADS + len(SETTINGS) - 1: 0
    }
    assert other.load(state)
    assert other.get(PLACES["separate"]) == 1
    other.close()
