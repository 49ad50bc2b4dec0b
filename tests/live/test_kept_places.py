"""Strokes that were shown at an input come back at the next start, and nothing else does."""

import json

import numpy as np
import pytest

from matcher.live import kept_places, place_learning
from matcher.live.place_learning import FEWEST, Shown

MIC, OTHER = "A mic (ALSA), channel 1", "A mic (ALSA), channel 2"


def shown(input_name: str = MIC, sample_rate: float = 44100.0, seed: int = 0) -> Shown:
    rng, n = np.random.default_rng(seed), place_learning.n_samples(sample_rate)
    strokes = [rng.standard_normal(n).astype(np.float32).tobytes() for _ in range(2 * FEWEST)]
    return Shown(sample_rate, tuple(strokes[:FEWEST]), tuple(strokes[FEWEST:]), input_name,
                 "2026-11-30")  # fmt: skip


def file_of(folder):
    (path,) = folder.iterdir()
    return path


def test_the_app_keeps_them_in_the_users_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert kept_places.folder().name == "places"
    assert "Drum matcher" in str(kept_places.folder())


def test_strokes_come_back_at_the_input_that_they_were_shown_at(tmp_path):
    folder = tmp_path / "new" / "places"
    assert kept_places.load(folder, MIC) is None
    first, second, elsewhere = shown(), shown(seed=1), shown(OTHER, 192000.0, 2)
    kept_places.save(folder, first)
    kept_places.save(folder, elsewhere)
    assert kept_places.load(folder, MIC) == first
    kept_places.save(folder, second)
    assert (kept_places.load(folder, MIC), kept_places.load(folder, OTHER)) == (second, elsewhere)
    assert len(list(folder.iterdir())) == 2
    for _ in range(2):
        kept_places.forget(folder, MIC)
        assert kept_places.load(folder, MIC) is None
    assert kept_places.load(folder, OTHER) == elsewhere


def test_names_that_differ_in_signs_alone_have_files_of_their_own(tmp_path):
    names = [
        "mic (JACK), channel 1",
        "mic [JACK], channel 1",
        "麦克风, channel 1",
        "Mikró, channel 1",
    ]
    for i, name in enumerate(names):
        kept_places.save(tmp_path, shown(name, seed=i))
    for i, name in enumerate(names):
        assert kept_places.load(tmp_path, name) == shown(name, seed=i)
    assert all(path.name.isascii() for path in tmp_path.iterdir())


def without(key: str):
    return lambda content: {name: value for name, value in content.items() if name != key}


def with_(**more):
    return lambda content: content | more


@pytest.mark.parametrize("change", [
    with_(schema=2), with_(input=OTHER), with_(date="yesterday"), with_(date=5),
    with_(sample_rate=float("nan")), with_(sample_rate=1e9), with_(sample_rate=48000.0),
    with_(sample_rate="44100"), with_(middle=[]), with_(middle=5), with_(rim=["no base64"] * 8),
    with_(rim=[5] * 8), with_(rim=[""] * 8), without("rim"), without("schema"), lambda content: [],
])  # fmt: skip
def test_a_foreign_file_is_one_sentence(tmp_path, change):
    kept_places.save(tmp_path, shown())
    path = file_of(tmp_path)
    path.write_text(json.dumps(change(json.loads(path.read_text()))))
    with pytest.raises(ValueError, match="holds no strokes shown at this input; the place of") as e:
        kept_places.load(tmp_path, MIC)
    assert str(path) in str(e.value)


def test_a_stroke_of_no_numbers_is_no_stroke(tmp_path):
    n = place_learning.n_samples(44100.0)
    nan = np.full(n, np.nan, np.float32).tobytes()
    kept_places.save(tmp_path, shown()._replace(rim=(nan,) * FEWEST))
    with pytest.raises(ValueError, match="holds no strokes"):
        kept_places.load(tmp_path, MIC)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 100000, b"5" * 20000])
def test_a_broken_file_is_one_sentence(tmp_path, content):
    kept_places.save(tmp_path, shown())
    file_of(tmp_path).write_bytes(content)
    with pytest.raises(ValueError, match="holds no strokes shown at this input"):
        kept_places.load(tmp_path, MIC)


def test_a_folder_or_a_huge_file_is_not_read(tmp_path):
    kept_places.save(tmp_path, shown())
    path = file_of(tmp_path)
    with path.open("ab") as file:
        file.truncate(kept_places.MOST_BYTES + 1)
    with pytest.raises(ValueError, match="holds no strokes"):
        kept_places.load(tmp_path, MIC)
    path.unlink()
    path.mkdir()
    with pytest.raises(ValueError, match="holds no strokes"):
        kept_places.load(tmp_path, MIC)
    kept_places.forget(tmp_path, MIC)
    assert path.is_dir()
