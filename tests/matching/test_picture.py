import io
import sys
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from matcher.matching import painter, picture
from matcher.matching.depict import shown_of
from matcher.matching.match import match_file
from tests.conftest import DATA
from tests.physics.recorded import N, recorded


@pytest.fixture(scope="module")
def match():
    return match_file(DATA / "tom_low.flac")


def draw(match):
    return picture.draw(shown_of(match, "tom"))


def texts(figure) -> set[str]:
    return {text.get_text() for axes in figure.axes for text in axes.texts}


def test_without_partials_there_is_no_ladder(match):
    figure = draw(match)
    assert figure.get_size_inches()[1] == pytest.approx(8, abs=0.1)
    assert len(figure.axes) == 5  # two spectrograms, their colours, waveforms, words
    assert "Partials" not in texts(figure)
    assert picture.to_png(shown_of(match, "tom")).startswith(b"\x89PNG")


@pytest.mark.parametrize("no_drum_reason", ["", "this may be no drum: x"])
def test_each_partial_is_joined_to_its_mode(match, no_drum_reason):
    powers = ((0.01,) * 7,) * 14
    whole = recorded(2, tension=0.2)._replace(attack_powers=powers)
    found = replace(match, drum=whole, no_drum_reason=no_drum_reason)
    figure = draw(found)
    ladder = figure.axes[4]
    assert [label.get_text() for label in ladder.get_yticklabels()] == ["own", "ideal"]
    joined = [line.get_xydata() for line in ladder.lines if len(set(line.get_xdata())) == 2]
    assert len(joined) == N
    modes_hz = whole.modes().omega / (2 * np.pi)
    for ((at_mode, _), (hz, _)), partial in zip(joined, whole.partials):
        assert np.abs(modes_hz - at_mode).min() < 1e-6
        # cents count from the frequency without damping, which is a little lower
        assert 1200 * np.log2(hz / at_mode) == pytest.approx(partial.cents, abs=1)
    low, high = ladder.get_xlim()
    assert all(low < hz < high for row in joined for hz in row[:, 0])
    apart = np.median([abs(partial.cents) for partial in whole.partials])
    assert {"Partials", str(N)} <= texts(figure)
    assert f"its own, {apart:.0f} cents from the membrane's at the median" in texts(figure)
    words = [text for axes in figure.axes[5:] for text in axes.texts if text.get_text()]
    assert all(text.get_position()[1] > -0.1 for text in words)  # none is cut off


def test_a_drum_that_its_partials_leave_silent_is_drawn(match):
    whole = recorded(2)
    silent = tuple(partial._replace(gain_db=-200.0) for partial in whole.partials)
    figure = draw(replace(match, drum=whole._replace(partials=silent)))
    assert len(figure.axes) == 6


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)))


def test_the_process_draws_what_this_one_draws(match, monkeypatch):
    shown = shown_of(replace(match, drum=recorded(2)), "tom")
    here = picture.to_png(shown)
    monkeypatch.setattr(picture, "to_png", lambda _: pytest.fail("drawn here"))
    with painter.Painter() as process:
        assert np.array_equal(pixels(process.draw(shown)), pixels(here))


@pytest.mark.parametrize("command", [("-c", "raise SystemExit(1)"), ("-c", "pass")])
def test_where_the_process_fails_this_one_draws(match, monkeypatch, command):
    monkeypatch.setattr(painter, "COMMAND", command)
    with painter.Painter() as process:
        assert pixels(process.draw(shown_of(match, "tom"))).any()


def test_without_an_interpreter_this_process_draws(match, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "missing"))
    with painter.Painter() as process:
        assert pixels(process.draw(shown_of(match, "tom"))).any()


def test_a_picture_that_nobody_wants_ends_its_process():
    with painter.Painter() as process:
        pass
    assert process._process.poll() is not None
