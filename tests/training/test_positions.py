import numpy as np
import pytest

from matcher.physics import drum
from matcher.physics.drum import Drum
from matcher.recording import write_wav
from tests.conftest import TOM
from training import gallery, hits, positions
from training.judges import JUDGES, Sound, judge, sound_of
from training.mel import RATE

HEADER = "file,instrument,is_drum,kit,drum,mic,stroke,velocity_layer,round_robin,hit"
PITCHES = {"low": 80.0, "middle": 120.0, "high": 190.0}  # Hz


def stroke(name: str, number: int) -> Drum:
    """One of several strokes on a drum: never quite at the same point, nor as hard."""
    rng = np.random.default_rng((sorted(PITCHES).index(name), number))
    x1, x2 = rng.uniform(0.35, 0.45, 2)
    theta = TOM._replace(omega=2 * np.pi * PITCHES[name])
    return Drum(theta, (x1, x2), mallet_hz=rng.uniform(1500, 2500))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Four strokes on each of three toms, and two on the only kick."""
    folder, rows = tmp_path_factory.mktemp("toms"), [HEADER]
    for name in PITCHES:
        for i in range(4):
            write_wav(folder / f"{name}{i}.wav", drum.render(stroke(name, i), RATE, 1.0, 0.5), RATE)
            rows.append(f"{name}{i}.wav,tom,1,kit,{name},close,t,{1 + i // 2},{1 + i % 2},")
    for i in (1, 2):
        write_wav(folder / f"k{i}.wav", drum.render(stroke("low", 9 + i), RATE, 1.0, 0.5), RATE)
        rows.append(f"k{i}.wav,kick,1,kit,k,close,k,1,{i},")
    (folder / "hits.csv").write_text("\n".join(rows) + "\n")
    return folder


@pytest.fixture
def found(folder, tmp_path, monkeypatch, in_process):
    monkeypatch.setenv("DRUM_MATCHER_CACHE", str(tmp_path))
    return hits.read(folder)


def test_another_stroke_is_at_0_and_another_drum_at_1(found):
    toms = [hit for hit in found if hit.instrument == "tom"]
    at = {(end, name): [] for end in ("same", "other") for name in JUDGES}
    for hit, yardstick in zip(toms, positions.yardsticks(toms, found, 1)):
        for other in (other for other in toms if other != hit):
            end = "same" if other.drum == hit.drum else "other"
            for name, distance in judge(sound_of(hit.path), sound_of(other.path)).items():
                at[end, name].append(positions.position(distance, yardstick, name))
    for name in JUDGES:
        assert np.median(at["same", name]) == pytest.approx(0, abs=0.1)
        assert np.median(at["other", name]) == pytest.approx(1, abs=0.1)


def test_the_recording_itself_is_nearer_than_another_stroke(found):
    (yardstick,) = positions.yardsticks(found[:1], found, 1)
    assert all(positions.position(0.0, yardstick, name) < 0 for name in JUDGES)


def test_the_only_drum_of_its_kind_has_no_position(found):
    kick = found[-1]
    assert positions.yardsticks([kick], found, 1) == [None]
    assert np.isnan(positions.position(1.0, None, "MFCC"))
    assert positions.lone_instruments(found) == ["kick"]


def test_there_is_no_scale_where_other_drums_are_no_farther():
    yardstick = {"same": {"MFCC": 2.0}, "other": {"MFCC": 1.5}}
    assert np.isnan(positions.position(1.0, yardstick, "MFCC"))


def hit(tmp_path, name, **values):
    fields = {"instrument": "tom", "drum": "a", "mic": "close", "stroke": "t", "velocity_layer": 3}
    return hits.Hit(tmp_path / name, **fields | values)


def test_strokes_and_drums_that_are_compared(tmp_path):
    one = hit(tmp_path, "one")
    near = [hit(tmp_path, f"n{layer}", velocity_layer=layer) for layer in (2, 3, 4)]
    unlike = [
        hit(tmp_path, "layer", velocity_layer=5), hit(tmp_path, "mic", mic="front"),
        hit(tmp_path, "stroke", stroke="rim"),
    ]  # fmt: skip
    drums = [hit(tmp_path, "drum", drum="b", stroke="u"), hit(tmp_path, "layer2", drum="c")]
    others = [
        hit(tmp_path, "front", drum="b", mic="front"), hit(tmp_path, "k", drum="d", instrument="k")
    ]  # fmt: skip
    everything = [one, *near, *unlike, *drums, *others]
    assert positions.same_drum(one, everything) == near
    assert positions.other_drums(one, everything) == drums


def test_a_drum_under_two_names_is_no_other_drum(tmp_path):
    edge = hit(tmp_path, "edge", drum="gogodze_se")
    assert positions.other_drums(edge, [hit(tmp_path, "centre", drum="gogodze_sc")]) == []


def test_a_twin_is_found_among_recordings(found):
    file = gallery.build([hit.path for hit in found], 1)
    for number in (0, 5, 11):
        reference = sound_of(found[number].path)
        assert gallery.nearest(Sound.of(0.3 * reference.x), reference, file) == number
    near = drum.render(stroke("middle", 20), RATE, 1.0)
    nearest = gallery.nearest(Sound.of(near), sound_of(found[4].path), file)
    assert found[nearest].drum == "middle"
    assert gallery.build([hit.path for hit in found], 1) == file
