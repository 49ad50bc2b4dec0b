import pytest

from matcher.checks import LONGEST_QUOTE, quoted


def test_short_values_are_shown_whole():
    assert quoted("tom") == "'tom'"
    assert quoted([1, 2]) == "[1, 2]"
    assert quoted("<b>\n") == r"'<b>\n'"


LONG = {"text": "x" * 10**6, "escapes": "\0" * 10**6, "bytes": b"y" * 10**6, "list": [1] * 10**5,
        "number": 16**5000}  # fmt: skip


@pytest.mark.parametrize("kind", LONG)
def test_long_values_are_cut(kind):
    assert len(quoted(LONG[kind])) <= LONGEST_QUOTE
