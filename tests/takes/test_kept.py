import numpy as np
import pytest

from matcher.matching.hear import Clip
from matcher.physics.drum import Drum
from matcher.physics.partials import Partial
from matcher.takes import kept
from matcher.takes.fitting import Fitted, Struck
from tests.conftest import TOM

POWERS = tuple(tuple(0.01 * i + 0.1 * j for j in range(7)) for i in range(14))
DRUM = Drum(TOM, (0.3, 0.4), 900.0, 0.1, POWERS, (Partial(1, 1, 3.5, 1.1, -2.0, 0.5),), 0.2, 0.3)
FITTED = Fitted(DRUM, (3, 1, 7), (0.2, 0.3, 0.25))


def struck(x, level=0.5) -> list[Struck]:
    x = np.asarray(x, np.float32)
    return [Struck(Clip(x, 44100, len(x) / 44100, True), level)]


def test_a_fit_comes_back_as_it_was(tmp_path):
    kept.save(tmp_path / "fitted", "key", FITTED)
    found = kept.load(tmp_path / "fitted", "key")
    assert (found.drum, found.fitted, found.distances) == (DRUM, (3, 1, 7), (0.2, 0.3, 0.25))


@pytest.mark.parametrize("text", ["", "{", "[]", '{"drum": {}}', '{"drum": {"theta": [1]}}'])
def test_a_damaged_fit_is_made_anew(tmp_path, text):
    (tmp_path / "key.json").write_text(text)
    assert kept.load(tmp_path, "key") is None
    assert kept.load(tmp_path, "other") is None


def test_other_hits_have_another_key():
    x = np.arange(100) / 100
    first = kept.key_of(struck(x), "normal", "a")
    assert kept.key_of(struck(x), "normal", "a") == first
    changed = x.copy()
    changed[50] += 1e-3
    others = [(struck(changed), "normal", "a"), (struck(x, 0.4), "normal", "a"),
              (struck(x), "patient", "a"), (struck(x), "normal", "b")]  # fmt: skip
    assert first not in {kept.key_of(*other) for other in others}
