import pytest

from gui import theme
from gui.theme import TEXTS, THEMES, contrast


def test_contrast_of_black_and_white():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#777777") == 1


@pytest.mark.parametrize("name", THEMES)
@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("ground", ["background", "panel"])
def test_every_text_can_be_read(name, text, ground):
    colors = THEMES[name]
    assert contrast(getattr(colors, text), getattr(colors, ground)) >= 4.6


@pytest.mark.parametrize("name", THEMES)
def test_text_on_a_button_that_is_on_and_on_a_pad_that_plays(name):
    colors = THEMES[name]
    assert contrast(colors.background, colors.text) >= 4.6
    assert contrast(colors.background, colors.twin) >= 4.6
    assert contrast(colors.background, colors.bad) >= 4.6  # the clip light


def test_a_size_of_text_is_one_of_the_first(qapp):
    sizes = []
    for scale in (150, 75, 100):
        theme.apply("dark", scale)
        sizes.append(qapp.font().pointSizeF())
    assert sizes[0] == pytest.approx(1.5 * sizes[2])
    assert sizes[1] == pytest.approx(0.75 * sizes[2])
