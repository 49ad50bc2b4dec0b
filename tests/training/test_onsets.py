import numpy as np
import pytest
import torch

from matcher.matching import strokes
from tests.conftest import DATA
from training import onsets, performances, takes
from training.onset_evaluation import Detected, interval_of, total
from training.performances import RATE, Recording, Scene, compose, score
from training.takes import DRUM, FRAME, FRAMES, STRUCK, SUSTAINED, Take, labels


@pytest.fixture(scope="module")
def pool():
    recordings = performances.load(DATA)
    other = Recording(recordings[0].x[::-1].copy(), 0, "other", False, "other", ("other",))
    return takes.Pool([*recordings, other])


def test_the_network_is_the_same_in_pytorch_and_in_numba():
    torch.manual_seed(1)
    net = onsets.StrokeNet()
    power = np.exp(np.random.default_rng(2).normal(-8, 3, (300, strokes.N_BANDS))).astype("f4")
    record = strokes.make_strokes(RATE, 1e-4, net.weights())[0]
    out = np.empty((300, len(strokes.OUTPUTS)), np.float32)
    strokes.logits(record, power, out)
    x = onsets.inputs_of(power, 10 * np.log10(2e-4))
    with torch.no_grad():
        expected = net(torch.from_numpy(x)[None])[0][0].numpy()
    np.testing.assert_allclose(out, expected, atol=1e-5)  # single precision, 300 steps


def test_takes_are_seeded_and_hold_what_their_events_say(pool):
    take, again = (takes.make_take(pool, 3) for _ in range(2))
    np.testing.assert_array_equal(take.x, again.x)
    assert take.events == again.events
    kinds = {kind for seed in range(12) for _, kind, _ in takes.make_take(pool, seed).events}
    assert kinds == {DRUM, STRUCK, SUSTAINED}
    assert np.isfinite(take.x).all()


def test_labels_hold_after_an_onset_and_what_is_too_soft_has_none():
    x = np.zeros(takes.SAMPLES, np.float32)
    onsets_ = [500 * FRAME, 1000 * FRAME, 2000 * FRAME]
    x[onsets_[0] + 10], x[onsets_[1] + 10], x[onsets_[2] + 10] = 0.5, 0.001, 0.5
    take = Take(x, [(onsets_[0], DRUM, 0), (onsets_[1], DRUM, 0), (onsets_[2], STRUCK, 0)], -40.0)
    target, weight = labels(take)
    assert target.shape == weight.shape == (FRAMES, len(strokes.OUTPUTS))
    now = np.flatnonzero(target[:, strokes.NOW])
    assert set(now) == {f + k for f in (500, 2000) for k in range(1, 1 + takes.NOW)}
    assert weight[1001, strokes.NOW] == 0
    assert target[505, strokes.DRUM] == 1
    assert target[2005, strokes.DRUM] == 0
    assert weight[2005, strokes.DRUM] > 0 == weight[700, strokes.DRUM]
    assert (weight[100:480, strokes.NOW] == 1).all()


def test_a_few_steps_learn_something(pool, tmp_path):
    shard = onsets.make_shard(pool, tmp_path, 0, 6)
    assert shard["power"].shape == (6, FRAMES, strokes.N_BANDS)
    again = onsets.make_shard(pool, tmp_path, 0, 6)
    np.testing.assert_array_equal(again["power"], shard["power"])
    torch.manual_seed(0)
    net = onsets.StrokeNet()
    optimiser = torch.optim.AdamW(net.parameters(), 1e-2)
    x = np.stack([onsets.inputs_of(p, -45.0) for p in shard["power"]])[:, :800]
    rows = [torch.from_numpy(np.float32(a))[:, :800] for a in (x, shard["target"], shard["weight"])]
    losses = []
    for _ in range(12):
        loss, _, _ = onsets.loss_of(net, *rows)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]


def test_parts_of_kits_do_not_meet():
    row = {"is_drum": "1", "kit": "gogodze", "drum": "gogodze_tm", "file": "x.flac"}
    assert performances.part_of(row, DATA) == "choice"
    assert performances.part_of(row | {"drum": "gogodze_ks"}, DATA) == "learned"
    apart = {"kit": "frankensnare", "drum": "franken_22_basic"}
    assert performances.part_of(row | apart, DATA) == "apart"
    other = {"is_drum": "0", "kit": "body", "drum": "stomp_l"}
    assert performances.part_of(row | other, DATA) == "apart"
    assert performances.part_of({"is_drum": "1", "file": "x.flac"}, DATA) == "all"


def test_performances_are_scored_one_to_one():
    onsets_, between = np.array([1000, 5000, 9000]), [(20000, 30000)]
    found = [1010, 1020, 5010, 15000, 21000]
    result = score(found, onsets_, between, [1100, 1100, 5100, 15100, 21100])
    assert (result.hits, result.misses, result.doubles, result.others) == (3, 1, 2, 1)
    assert result.f_measure == pytest.approx(2 * 2 / (3 + 4))
    assert sorted(result.errors_ms) == pytest.approx([10 / 48, 10 / 48])
    assert sorted(result.delays_ms) == pytest.approx([100 / 48, 100 / 48])
    both = total([result, result])
    assert (both.hits, both.f_measure) == (6, pytest.approx(result.f_measure))
    assert interval_of([result, result]) == pytest.approx((result.f_measure,) * 2)
    assert Detected([1]).decided == ()


def test_a_roll_stays_on_one_drum():
    tone = np.concatenate([np.zeros(48), np.ones(100)]).astype(np.float32)
    drums = [Recording(k * tone, 48, "tom", True, "", (str(k),)) for k in (0.5, 1.0)]
    scene = Scene(gap=(0.06, 0.08), peak=(0, 0), noise=-200, roll=8)
    x, onsets_, _ = compose(drums, scene, 16, 0)
    peaks = np.abs([x[onset + 5] for onset in onsets_]).round(2)
    assert len(set(peaks[:8])) == len(set(peaks[8:])) == 1
