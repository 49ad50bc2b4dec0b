"""The place of a hit: levels of its first milliseconds, and what is learned from shown strokes."""

import numpy as np
import pytest
import scipy.stats
import soundfile
import soxr

from matcher.__main__ import main
from matcher.live import callback as native
from matcher.live import detector, hit_notes, hit_place, place_learning
from matcher.live.detector import Settings
from matcher.live.midi_ring import CONTROL, NOTE_ON, POSITION_CC, Ring
from matcher.live.shown_places import ShownPlaces
from matcher.midi_file import CHANNEL

RATE, NOTE = 48000, 36
INPUT = "a microphone (ALSA), channel 2"
GAP = RATE // 5  # samples from one stroke to the next
TONES = {0.0: (180.0, 300.0), 1.0: (900.0, 2700.0)}  # Hz: of a drum struck there


def struck(place: float, rng) -> np.ndarray:
    """A stroke on a drum whose tones get weaker or stronger from the middle to the rim, (GAP,)."""
    t = np.arange(GAP) / RATE
    x = np.zeros(GAP)
    for at, tones in TONES.items():
        for hz in tones:
            share = (1 - abs(place - at)) * rng.uniform(0.7, 1.3)
            x += share * np.sin(2 * np.pi * hz * t) * np.exp(-t / 0.03)
    return rng.uniform(0.1, 0.3) * x


def strokes(places, seed: int = 0) -> np.ndarray:
    """Strokes at these places, one each GAP, in a quiet room."""
    rng = np.random.default_rng(seed)
    x = np.concatenate([np.zeros(GAP), *(struck(place, rng) for place in places)])
    return np.float32(x + 1e-4 * rng.standard_normal(len(x)))


def write(folder, name: str, x, rate: int = RATE):
    path = folder / f"{name}.wav"
    soundfile.write(path, x, rate)
    return path


@pytest.fixture
def recordings(tmp_path):
    """Ten strokes in the middle, and ten at the rim."""
    return (
        write(tmp_path, "middle", strokes([0.1] * 10, 1)),
        write(tmp_path, "rim", strokes([0.9] * 10, 2)),
    )


def taught(paths) -> np.ndarray:
    """The readout for RATE and the default scan time."""
    return place_learning.learned(
        place_learning.from_recordings(*paths, Settings()), RATE, 3.0, False
    )


def test_levels_are_those_of_the_bands_and_no_matter_of_loudness():
    readout = hit_place.prepare(RATE, Settings())
    assert readout["n"] == 144  # the scan time
    t = np.arange(RATE) / RATE
    for band, hz in ((2, 667), (4, 1500), (8, 7500), (9, 10000)):
        x = np.float32(0.5 * np.sin(2 * np.pi * hz * t))
        assert hit_place.measure(readout, x, 1000)
        levels = readout["levels"].copy()
        assert set(levels.argmax(axis=1)) == {band}
        assert hit_place.measure(readout, np.float32(0.01 * x), 1000)
        np.testing.assert_allclose(readout["levels"], levels, atol=1e-4)
        power = np.sum(10**levels - hit_place.FLOOR)  # of all bands
        assert power == pytest.approx(1, abs=1e-3)
    assert not hit_place.measure(readout, np.zeros(RATE, np.float32), 1000)


def test_levels_are_the_same_at_any_place_of_the_ring():
    readout, x = hit_place.prepare(RATE, Settings()), strokes([0.3])
    (onset,) = place_learning.onsets(x, RATE, Settings())
    assert hit_place.measure(readout, x, onset)
    levels = readout["levels"].copy()
    for shift in (len(x) - onset - 70, len(x) - onset + 5):
        assert hit_place.measure(readout, np.roll(x, shift), onset + shift)
        np.testing.assert_array_equal(readout["levels"], levels)


@pytest.mark.parametrize("rate", [44100, 96000, 192000])
def test_levels_hardly_depend_on_the_sample_rate(rate):
    def levels(rate: int) -> np.ndarray:
        t, readout = np.arange(rate) / rate, hit_place.prepare(rate, Settings())
        x = sum(np.sin(2 * np.pi * hz * t) for tones in TONES.values() for hz in tones)
        assert hit_place.measure(readout, np.float32(x), round(0.1 * rate))
        return readout["levels"].copy()

    # a 48,000th of a second cannot be halved: windows begin and end by as much elsewhere
    assert np.abs(levels(rate) - levels(RATE)).max() < 0.2


@pytest.mark.parametrize("scan_ms, n", [(1, 48), (5, 240), (10, 240)])
def test_no_more_is_looked_at_than_has_come_in(scan_ms, n):
    assert hit_place.prepare(RATE, Settings(scan_ms=scan_ms))["n"] == n
    assert hit_place.prepare(384000, Settings(scan_ms=10))["n"] == 240
    assert hit_place.prepare(71999, Settings(scan_ms=10))["n"] <= hit_place.MOST_SAMPLES


def test_each_stroke_is_left_out_of_what_tells_its_place():
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((20, 6)) @ rng.standard_normal((6, 6))
    places = rows[:, 0] + rng.standard_normal(20)
    weights, bias, left_out = place_learning.fit(rows, places)
    z = (rows - rows.mean(axis=0)) / (rows.std(axis=0) + place_learning.LEAST_SPREAD)
    for i in range(20):
        rest = np.arange(20) != i
        mean, wanted = z[rest].mean(axis=0), places[rest]
        away = z[rest] - mean
        cost = place_learning.RIDGE * 6 * np.eye(6)
        own = np.linalg.solve(away.T @ away + cost, away.T @ (wanted - wanted.mean()))
        assert left_out[i] == pytest.approx(wanted.mean() + (z[i] - mean) @ own, abs=1e-9)
    assert scipy.stats.pearsonr(rows @ weights + bias, places).statistic > 0.5


def test_places_between_those_that_were_shown_are_told_in_order(recordings):
    readout = taught(recordings)
    places = np.repeat(np.linspace(0, 1, 9), 5)
    x = strokes(places, seed=3)
    onsets = place_learning.onsets(x, RATE, Settings())
    assert len(onsets) == len(places)
    told = [hit_place.estimate(readout, x, onset) for onset in onsets]
    assert scipy.stats.spearmanr(told, places).statistic > 0.9
    assert np.median(told[:5]) < 20 and np.median(told[-5:]) > 107
    assert min(told) >= 0 and max(told) <= 127


def test_a_recording_at_another_rate_teaches_the_same(recordings, tmp_path):
    at_96000 = [
        write(tmp_path, f"{path.stem}96", np.repeat(soundfile.read(path)[0], 2), 96000)
        for path in recordings
    ]
    x = strokes([0.0, 1.0] * 5, seed=4)
    for paths in (recordings, at_96000):
        readout = taught(paths)
        onsets = place_learning.onsets(x, RATE, Settings())
        told = np.array([hit_place.estimate(readout, x, onset) for onset in onsets])
        assert np.all(told[::2] < 40) and np.all(told[1::2] > 87)


def test_what_cannot_be_told_apart_is_refused_in_a_sentence(recordings, tmp_path):
    middle, rim = recordings
    again = write(tmp_path, "again", strokes([0.1] * 10, 5))
    with pytest.raises(ValueError, match="sound too much alike"):
        place_learning.from_recordings(middle, again, Settings())
    few = write(tmp_path, "few", strokes([0.9] * 3, 2))
    with pytest.raises(ValueError, match="3 strokes at the rim to learn"):
        place_learning.from_recordings(middle, few, Settings())
    with pytest.raises(ValueError, match="does not exist"):
        place_learning.from_recordings(tmp_path / "none.wav", rim, Settings())
    silent = write(tmp_path, "silent", np.zeros(RATE))
    with pytest.raises(ValueError, match="0 strokes in the middle"):
        place_learning.from_recordings(silent, rim, Settings())
    long = write(tmp_path, "long", np.zeros(121 * 8000), 8000)
    with pytest.raises(ValueError, match="lasts 121 s, allowed"):
        place_learning.from_recordings(long, rim, Settings())


@pytest.mark.parametrize("block", [16, 64, 480, 3000])
def test_the_callback_hands_over_the_place_right_before_the_note(block, recordings):
    readout = taught(recordings)
    x = strokes([0.0, 1.0, 0.5, 0.0], seed=6)
    state = native.make_state(RATE, 1, 2)
    c, ring = state[0]["capture"], Ring()
    hit_notes.configure(c["sent"], ring, NOTE, 0, readout)
    c["detecting"] = 1
    for begin in range(0, len(x) - block, block):
        part = x[begin : begin + block, np.newaxis]
        native.process(state[0], part, np.zeros((block, 2), np.float32))
    rows = ring.state["rows"][0][: ring.state["count"][0]]
    data = rows["data"].tolist()
    found = detector.detect(detector.make_detector(Settings(), RATE)[0], x)
    told = [hit_place.estimate(readout, x, hit.onset) for hit in found if not hit.reason]
    assert len(told) == 4 and told[0] < 40 < 87 < told[1]
    assert data[::2] == [[CONTROL | CHANNEL, POSITION_CC, place] for place in told]
    assert [row[:2] for row in data[1::2]] == [[NOTE_ON | CHANNEL, NOTE]] * 4
    assert rows["ns"][::2].tolist() == rows["ns"][1::2].tolist()
    events = [event for event in native.receive(state[0]) if event.kind == native.events.HIT]
    assert [event.tag for event in events] == told


def test_places_are_written_where_nobody_reads_and_taken_back(recordings):
    readout = taught(recordings)
    sent, ring = np.zeros(1, hit_notes.SENT)[0], Ring()
    used = []
    for places in (None, readout, readout, None):
        before = sent["places"][sent["places_used"]].copy()
        at = int(sent["places_used"])
        hit_notes.configure(sent, ring, NOTE, 0, places)
        assert sent["places"][at] == before
        used.append((int(sent["places_used"]), int(sent["places"][sent["places_used"]]["n"])))
    assert used == [(0, 0), (1, 144), (1, 144), (0, 0)]


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (("none.wav", "rim.wav"), "none.wav does not exist"),
        (("middle.wav",), "--midi-out-place has 1 files, allowed are two"),
        (("middle.wav", "middle.wav"), "sound too much alike"),
    ],
)
def test_wrong_recordings_are_one_sentence(files, said, recordings, capsys):
    paths = [str(recordings[0].parent / name) for name in files]
    assert main(["live", "--midi-out", "--midi-out-place", *paths]) == 2
    error = capsys.readouterr().err
    assert said in error and len(error.splitlines()) == 1


def test_places_are_for_hits_that_are_sent(capsys):
    assert main(["live", "--midi-out-place"]) == 2
    assert "goes with hits that are sent: add --midi-out" in capsys.readouterr().err


@pytest.mark.parametrize("more", [[], ["--midi-out-place", "middle.wav", "rim.wav"]])
def test_places_are_learned_anew_where_they_are_learned_at_the_input(more, capsys):
    assert main(["live", "--midi-out", *more, "--midi-out-place-anew"]) == 2
    assert "goes with --midi-out-place without recordings" in capsys.readouterr().err


def input_of(x) -> np.ndarray:
    """A record of CAPTURE that has received x."""
    record = native.make_state(RATE, 1, 2)[0]["capture"]
    record["input"][: len(x)], record["time"] = x, len(x)
    return record


def test_strokes_that_are_shown_at_the_input_teach_what_recordings_teach(recordings):
    x = strokes([0.1] * 9 + [0.9] * 8, 7)
    onsets = place_learning.onsets(x, RATE, Settings())
    shown = ShownPlaces(RATE, INPUT)
    for onset in onsets[:1]:
        shown.hit(onset)
        assert not shown.receive(input_of(x[: onset + 100]))  # it is not received yet
    for onset in [*onsets[1:8], *onsets[9:]]:
        shown.hit(onset)
    assert shown.receive(input_of(x[: onsets[10]]))
    assert (shown.middle, shown.rim, shown.is_complete) == (8, 1, False)
    shown.hit(onsets[-1])  # one too many
    assert shown.receive(input_of(x)) and not shown.receive(input_of(x))
    assert (shown.middle, shown.rim, shown.is_complete) == (8, 8, True)
    places, told_apart = shown.learn(Settings())
    assert told_apart == 1 and places.input == INPUT
    live, files = (
        place_learning.learned(given, RATE, 3.0, False)
        for given in (places, place_learning.from_recordings(*recordings, Settings()))
    )
    x = strokes(np.linspace(0, 1, 20), seed=8)
    told = [[hit_place.estimate(readout, x, onset) for readout in (live, files)]
            for onset in place_learning.onsets(x, RATE, Settings())]  # fmt: skip
    assert np.abs(np.diff(told, axis=1)).max() < 25

    again = ShownPlaces(RATE, INPUT)
    for onset in onsets[:8] * 2:
        again.hit(onset)
    again.receive(input_of(x))
    with pytest.raises(ValueError, match="sound too much alike"):
        again.learn(Settings())


def test_what_was_shown_serves_other_scan_times_and_sample_rates(recordings):
    shown = place_learning.from_recordings(*recordings, Settings())
    for rate, scan_ms in ((RATE, 5.0), (44100, 3.0), (96000, 3.0)):
        readout = place_learning.learned(shown, rate, scan_ms, False)
        x = np.float32(soxr.resample(strokes([0.0, 1.0] * 5, seed=4), RATE, rate))
        told = [hit_place.estimate(readout, x, onset)
                for onset in place_learning.onsets(x, rate, Settings())]  # fmt: skip
        assert len(told) == 10 and max(told[::2]) < 40 and min(told[1::2]) > 87
