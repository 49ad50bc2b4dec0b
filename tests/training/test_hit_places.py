"""The study of places: strokes of a model whose places are known, and what may be asked of it."""

import numpy as np
import pytest
import scipy.stats

from matcher.live import hit_place
from matcher.live.detector import Settings
from matcher.physics.drum import Drum
from tests.conftest import TOM
from training.studies import hit_places

DRUM = Drum(TOM, (0.3, 0.4), 2000.0)


def test_strokes_of_a_model_are_found_where_they_begin_and_tell_their_places():
    readout = hit_place.prepare(hit_places.RATE, Settings())
    model = hit_places.Model(DRUM, np.random.default_rng(0))
    onsets = [hit_places.onset_of(model.stroke(place, 0.7)) for place in (0.0, 0.4, 0.9)]
    assert max(abs(onset - hit_places.BEFORE) for onset in onsets) < hit_places.RATE // 500
    rows, places = model.levels(readout, np.linspace(0, 1, 40))
    assert len(rows) == len(places) > 35
    weights, _ = hit_places.by_modes(readout, DRUM, np.random.default_rng(1))
    assert scipy.stats.spearmanr(rows @ weights, places).statistic > 0.5


def test_the_table_says_on_how_many_drums_a_place_is_told():
    row = hit_places.summary("x", [{"shown": 0.5}, {"shown": np.nan}, {"shown": 0.7}], "shown")
    assert row["told on"] == "2 of 3"
    assert row["rank correlation, mean"].startswith("0.60 (")
    assert row["least"] == "0.50"


@pytest.mark.parametrize("missing", [True, False])
def test_a_folder_without_such_strokes_is_one_sentence(missing, tmp_path, capsys):
    folder = tmp_path / "none" if missing else tmp_path
    if not missing:
        (folder / "hits.csv").write_text("file,instrument,is_drum\ntom.wav,tom,1\n")
    assert hit_places.main([str(folder)]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
