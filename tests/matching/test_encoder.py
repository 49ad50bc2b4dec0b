import json

import numpy as np
import onnx
import pytest
from onnx import helper

from matcher.matching.encoder import METADATA_KEY, SHIPPED, Contract, Encoder
from matcher.matching.features import N_SAMPLES, SAMPLE_RATE
from matcher.matching.match import shipped_encoder
from matcher.physics import drum
from matcher.physics.theta import PRESETS, Theta
from tests.conftest import draw, one


def variant(tmp_path, change):
    """The shipped model with its metadata changed by change(data)."""
    model = onnx.load(SHIPPED)
    data = json.loads(model.metadata_props[0].value)
    change(data)
    helper.set_model_props(model, {METADATA_KEY: json.dumps(data)})
    path = tmp_path / "changed.onnx"
    onnx.save(model, path)
    return path


def rename(data):
    data["parameters"][0]["name"] = "loudness"


def schema(data):
    data["schema"] = 99


def rate(data):
    data["sample_rate"] = 44100


def frames(data):
    data["features"]["n_frames"] = 64


def forget(data):
    del data["training"]


def widen(data):
    data["features"]["n_bins"] = 10**9


def lengthen(data):
    data["features"]["n_frames"] = 10**9


def raise_bands(data):
    data["features"]["f_min"] = 900.0


def misname(data):
    data["parameters"][0]["name"] = "x" * 10**5


def flatten(data):
    data["features"] = [1, 2]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            rename,
            "its parameters are loudness, tau, .* allowed are omega, tau, p, D, alpha and, with",
        ),
        (schema, "its metadata has schema 99, allowed is 1 or 2"),
        (rate, "it was made for sample_rate 44100, allowed is 22050"),
        (frames, "its inputs are .* its metadata says .*64"),
        (forget, "its metadata is incomplete: 'training'"),
        (widen, r"its n_bins is 1e\+09, allowed is 1 to 240"),  # no memory is taken for them
        (lengthen, r"its n_frames is 1e\+09, allowed is 1 to 1024"),
        (raise_bands, r"its highest band is .*, allowed is 0 to 11025"),
        (misname, r"its parameters are x{80}, allowed are"),
        (flatten, "its metadata is incomplete: 'list' object has no attribute 'items'"),
    ],
)
def test_a_model_that_does_not_fit_its_metadata_is_refused(tmp_path, change, sentence):
    with pytest.raises(ValueError, match=sentence):
        Encoder(variant(tmp_path, change))


def test_a_model_without_metadata_is_refused(tmp_path):
    model = onnx.load(SHIPPED)
    del model.metadata_props[:]
    onnx.save(model, tmp_path / "bare.onnx")
    with pytest.raises(ValueError, match="it has no 'drum_matcher' metadata"):
        Encoder(tmp_path / "bare.onnx")


def test_half_a_model_is_refused(tmp_path):
    whole = SHIPPED.read_bytes()
    (tmp_path / "half.onnx").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="is not an ONNX model, or is broken"):
        Encoder(tmp_path / "half.onnx")


def test_a_missing_model_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"none\.onnx cannot be read: No such file"):
        Encoder(tmp_path / "none.onnx")


def test_the_metadata_of_the_shipped_model_says_how_it_was_trained():
    contract = shipped_encoder().contract
    assert contract.preset == PRESETS["live"]
    assert contract.training["sounds"] >= 400_000
    assert shipped_encoder().provider == "CPUExecutionProvider"


def test_a_contract_can_be_written_after_its_features_were_computed():
    """The transform caches its arrays in the dataclass; the metadata holds its settings alone."""
    contract = Contract.from_json(shipped_encoder().contract.to_json())
    before = contract.to_json()
    contract.cqt.features(np.zeros(1, np.float32))
    assert contract.to_json() == before
    assert Contract.from_json(before) == contract


def test_the_shipped_model_infers_theta():
    """Median errors on clean sounds stay near those in docs/measurements.md."""
    thetas = draw("live", 100, seed=13)
    guesses = []
    for i in range(100):
        x = drum.render(one(thetas, i), SAMPLE_RATE, N_SAMPLES / SAMPLE_RATE)
        guesses.append(shipped_encoder()(x).theta)
    guess = Theta(*map(np.array, zip(*guesses)))
    assert np.median(np.abs(1200 * np.log2(guess.omega / thetas.omega))) < 75
    assert np.median(np.abs(guess.tau / thetas.tau - 1)) < 0.10
    PRESETS["live"].check(guesses[0])


def test_a_file_that_never_ends_is_no_model():
    with pytest.raises(ValueError, match=r"model /dev/zero is not a file; give an ONNX file"):
        Encoder("/dev/zero")
