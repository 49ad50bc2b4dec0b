import json
from dataclasses import replace

import numpy as np
import pytest
import soundfile

import matcher
from matcher.matching import features
from matcher.matching.hear import Clip, analysed, hear
from matcher.matching.match import MatchOptions, shipped_encoder, twin_distance
from matcher.matching.task import STAGES
from matcher.physics import attack, drum
from matcher.physics.drum import Drum
from matcher.physics.partials import Partial, of_poles
from matcher.physics.theta import PRESETS, Theta
from tests.conftest import DATA

TOM = Theta(omega=2 * np.pi * 110, tau=0.3, p=0.02, D=0.02, alpha=0.8)


def test_a_rendered_drum_is_recovered():
    x = 0.5 * matcher.render(TOM, 44100, 3.0)
    result = matcher.match(x, 44100, MatchOptions(effort="normal"))
    assert result.onset_s < 0.003
    assert abs(1200 * np.log2(result.theta.pitch_hz / 110)) < 10
    assert result.theta.tau == pytest.approx(0.3, rel=0.05)
    assert result.log_cqt_distance < 0.1
    assert len(result.twin) == len(result.hit.samples)
    assert np.abs(result.twin).max() == pytest.approx(0.5, rel=1e-3)


def test_every_recording_is_nearer_than_a_random_drum(matches):
    rng = np.random.default_rng(14)
    for name, match in matches.items():
        clip = analysed(match.hit)
        drums = [Drum(PRESETS["live"].from_nu(nu)) for nu in rng.uniform(-1, 1, (10, 5))]
        tries = [twin_distance(clip, one) for one in drums]
        assert match.log_cqt_distance < np.median(tries), name


def test_the_mean_of_the_channels_is_matched():
    x = matcher.render(TOM, 22050, 1.0)
    mono = matcher.match(x, 22050)
    stereo = matcher.match(np.stack([x, x], axis=1), 22050)
    assert stereo.theta == mono.theta


def test_the_twin_has_the_requested_rate(matches):
    x = matcher.render(TOM, 22050, 1.0)
    result = matcher.match(x, 22050, MatchOptions(rate=96000))
    assert result.twin_rate == 96000
    assert len(result.twin) / 96000 == pytest.approx(len(result.hit.samples) / 22050, abs=1e-4)


def test_the_distance_is_that_of_hit_and_twin():
    x = matcher.render(TOM, 22050, 1.0)
    result = matcher.match(x, 22050)
    twin = drum.render(result.drum, 22050, features.N_SAMPLES / 22050)
    distance = features.distance(result.hit.samples, twin)
    assert result.log_cqt_distance == pytest.approx(distance, abs=1e-6)


def test_the_content_of_match_json(matches):
    data = next(iter(matches.values())).to_dict("x.wav")
    assert list(data) == [
        "input", "onset_s", "theta", "pitch_hz", "pde", "strike", "mallet_hz", "tension", "attack",
        "as_recorded", "partials", "glide", "distance", "theta_68_percent", "candidates",
        "effort", "doubt", "strokes", "stages", "elapsed_ms", "model",
    ]  # fmt: skip
    assert list(data["theta"]) == ["omega", "tau", "p", "D", "alpha"]
    assert (data["as_recorded"], data["partials"], data["glide"]) == (1, [], None)
    assert list(data["pde"]) == ["S4", "c2", "d1", "d3"]
    assert data["effort"] == {"name": "network", "units": 0, "limited": False}
    assert list(data["elapsed_ms"]) == [
        "read", "features", "encoder", "refine", "render", "total",
    ]  # fmt: skip
    assert list(data["model"]) == ["name", "preset", "sha256", "trained_sounds"]
    assert data["pitch_hz"] == pytest.approx(data["theta"]["omega"] / (2 * np.pi))


def test_a_refined_match_is_nearer_and_its_twin_is_the_whole_drum():
    x, rate = soundfile.read(DATA / "tom_low.flac")
    result = matcher.match(x, rate, MatchOptions(effort="normal"))
    assert [stage.name for stage in result.stages] == list(STAGES)
    assert result.log_cqt_distance < 0.6 * result.stages[0].distance
    x = result.hit.samples
    twin = drum.render(result.drum, rate, len(x) / rate, float(np.abs(x).max()))
    np.testing.assert_array_equal(result.twin, twin)
    data = result.to_dict("x")
    assert np.array(data["attack"]["levels"]).shape == attack.SHAPE
    assert data["stages"][-1]["log_cqt"] == data["distance"]["log_cqt"]
    json.dumps(data)  # does not raise
    options = MatchOptions(effort="normal", attack_mix=0.0)
    body = matcher.match(*soundfile.read(DATA / "tom_low.flac"), options)
    assert np.abs(np.diff(body.twin[:100])).max() < np.abs(np.diff(twin[:100])).max()


@pytest.mark.parametrize(
    ("x", "sentence"),
    [
        (np.zeros(44100), "is silent"),
        (np.ones(400), "lasts 9.1 ms; a hit needs at least 20 ms"),
        (np.full(44100, np.nan), "x holds NaN or infinite samples"),
        (np.ones((2, 2, 2)), r"x has shape \(2, 2, 2\), allowed is"),
        (np.r_[np.zeros(44100), np.ones(44)], "has no hit"),
        (np.r_[np.zeros(44100), np.ones(400)], "ends .* ms after the hit"),
    ],
)
def test_a_recording_that_cannot_be_matched_is_refused(x, sentence):
    with pytest.raises(ValueError, match=sentence):
        matcher.match(x, 44100)


def test_the_distance_is_that_of_the_twin_with_its_attack_mix():
    x, rate = soundfile.read(DATA / "snare_kit.flac")
    clip = analysed(matcher.match(x, rate).hit)
    body = matcher.match(x, rate, MatchOptions(effort="normal", attack_mix=0.0))
    assert body.drum.attack_powers is not None
    twin = drum.render(body.drum._replace(attack_powers=None), 22050, features.N_SAMPLES / 22050)
    assert body.log_cqt_distance == pytest.approx(features.distance(clip, twin), abs=1e-6)
    assert body.log_cqt_distance > body.candidates[0].distance
    data = body.to_dict("x")
    assert data["distance"]["log_cqt"] == body.log_cqt_distance
    assert data["attack"]["mix"] == 0


def test_the_twin_is_as_recorded_as_is_wanted():
    x, rate = soundfile.read(DATA / "rim.flac")
    options = MatchOptions(effort="normal", n_candidates=2)
    whole = matcher.match(x, rate, options)
    membrane = matcher.match(x, rate, replace(options, as_recorded=0.0))
    assert whole.drum == membrane.drum and whole.drum.partials
    clip, bare = analysed(whole.hit), whole.drum._replace(partials=())
    assert membrane.log_cqt_distance == pytest.approx(twin_distance(clip, bare), abs=1e-6)
    assert membrane.log_cqt_distance > membrane.candidates[0].distance == whole.log_cqt_distance
    peak = np.abs(x).max()
    for twin, match in zip([membrane.twin, *membrane.candidate_twins()], whole.candidates):
        bare = match.drum._replace(partials=())
        np.testing.assert_allclose(twin, drum.render(bare, rate, len(twin) / rate, peak), atol=1e-6)
    assert membrane.to_dict("x")["as_recorded"] == 0


def test_match_json_has_the_partials_with_frequency_and_decay(matches):
    hz, sigma, phases = [131.0, 204.0], [5.0, 12.5], [0.4, -1.2]
    amplitudes = 0.1 * np.exp(1j * np.array(phases))
    struck = Drum(TOM, (0.3, 0.4), 900.0, 0.25, glide_s=0.2)
    own = of_poles(struck, [(1, 1), (2, 1)], hz, sigma, amplitudes)
    result = replace(matches["rim.flac"], drum=struck._replace(partials=own))
    data = json.loads(json.dumps(result.to_dict("x")))
    rows = data["partials"]
    assert [row["hz"] for row in rows] == pytest.approx(hz)
    assert [row["decay_s"] for row in rows] == pytest.approx(1 / np.array(sigma))
    assert [row["phase"] for row in rows] == pytest.approx(phases)
    assert [Partial(**{name: row[name] for name in Partial._fields}) for row in rows] == list(own)
    assert data["glide"] == {"rise": 0.25, "seconds": 0.2}


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"n_candidates": 0}, "n_candidates is 0, allowed is 1 to 3"),
        ({"attack_mix": 5.0}, "attack_mix is 5, allowed is 0 to 1"),
        ({"as_recorded": -0.1}, "as_recorded is -0.1, allowed is 0 to 1"),
        ({"rate": -1}, "rate is -1, allowed is 8000 to 384000"),
        ({"effort": "high"}, "effort is 'high', allowed is network, live, normal or patient"),
        ({"strokes": ("a.wav",)}, "other strokes need refining; choose another effort"),
        ({"strokes": ("a", "b", "c"), "effort": "live"}, "other strokes is 3, allowed is 0 to 2"),
    ],
)
def test_an_option_out_of_range_is_refused(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        matcher.match(np.ones(4410), 44100, MatchOptions(**options))


@pytest.fixture(scope="module")
def three_strokes(tmp_path_factory):
    """Recordings of strokes on one drum, in different places."""
    folder = tmp_path_factory.mktemp("strokes")
    rng = np.random.default_rng(8)
    for i, strike in enumerate(((0.3, 0.4), (0.4, 0.25), (0.2, 0.3)), 1):
        x = 0.5 * matcher.render(Drum(TOM, strike), 44100, 1.5)
        noise = 1e-3 * rng.standard_normal(len(x)) * np.exp(-np.arange(len(x)) / 8000)
        soundfile.write(folder / f"{i}.wav", x + noise, 44100)
    return [folder / f"{i}.wav" for i in (1, 2, 3)]


def test_strokes_on_one_drum_are_fitted_together(three_strokes):
    one, *others = three_strokes
    result = matcher.match_file(one, MatchOptions(effort="normal", strokes=tuple(others)))
    assert result.strokes == {str(path): True for path in others}
    assert result.stages[-1].same_drum
    assert abs(1200 * np.log2(result.theta.pitch_hz / 110)) < 20
    known = matcher.match_file(others[0], MatchOptions(effort="normal"))
    assert result.theta == pytest.approx(known.theta, rel=1e-6)  # the body of the others


def test_a_stroke_on_another_drum_is_left_out(three_strokes):
    one, two, _ = three_strokes
    snare = DATA / "snare_kit.flac"
    options = MatchOptions(effort="normal", strokes=(snare, two))
    result = matcher.match_file(one, options)
    assert result.strokes == {str(snare): False, str(two): True}
    assert result.to_dict("x")["strokes"][0] == {"file": str(snare), "same_drum": False}
    without = matcher.match_file(one, MatchOptions(effort="normal", strokes=(two,)))
    assert result.drum == without.drum
    alone = matcher.match_file(one, MatchOptions(effort="normal", strokes=(snare,)))
    assert alone.drum == matcher.match_file(one, MatchOptions(effort="normal")).drum


def test_render_takes_a_drum_or_a_theta():
    theta = Theta(2 * np.pi * 110, 0.3, 0.05, 0.03, 0.7)
    np.testing.assert_array_equal(
        matcher.render(theta, 48000, 0.5), matcher.render(Drum(theta), 48000, 0.5)
    )
    tense = Drum(theta, (0.3, 0.45), 900.0, 0.5)
    assert np.abs(matcher.render(tense, 48000, 0.5) - matcher.render(theta, 48000, 0.5)).max() > 0.1


def test_live_and_offline_inference_agree():
    result = matcher.match(*soundfile.read(DATA / "tom_low.flac"))
    assert hear(result.hit, shipped_encoder()).theta == result.theta
    samples, rate = result.hit.samples, result.hit.sample_rate
    part = Clip(
        samples[: rate // 10 + 96], rate, 0.1, True
    )  # with spare samples, as in the live engine
    assert len(hear(part, shipped_encoder()).x) == 2205


def test_a_network_that_gives_nan_is_reported(monkeypatch):
    encoder = shipped_encoder()
    nan = np.full((1, 9), np.nan), np.ones(1)
    monkeypatch.setattr(encoder, "nu", lambda x: nan)
    x, rate = soundfile.read(DATA / "tom_low.flac")
    with pytest.raises(ValueError, match="NaN or infinite; use another model"):
        matcher.match(x, rate)
