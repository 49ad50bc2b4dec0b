import subprocess
import sys

import pytest

from matcher.matching import preparing
from matcher.matching.encoder import SHIPPED, Encoder
from matcher.matching.match import MatchOptions, match_file
from tests.conftest import DATA

READY = """
from threading import enumerate
from matcher.matching import preparing
encoder = preparing.begin(None, {refines}).result()
for thread in enumerate()[1:]:
    thread.join()
from matcher.matching.attack_fit import CQT
from matcher.matching.features import DISTANCE
from matcher.matching.target import WINDOWS
print(encoder.path.name, *("plan" in vars(cqt) for cqt in (DISTANCE, *WINDOWS, CQT)))
"""


@pytest.mark.parametrize("refines", [True, False])
def test_the_network_and_the_plans_that_are_needed_are_made(refines):
    done = subprocess.run([sys.executable, "-c", READY.format(refines=refines)],
                          capture_output=True, text=True, check=True)  # fmt: skip
    assert done.stdout.split() == [SHIPPED.name, "True", *[str(refines)] * 4]


def test_the_network_is_the_one_that_was_asked_for(tmp_path):
    path = tmp_path / "copy.onnx"
    path.write_bytes(SHIPPED.read_bytes())
    encoder = preparing.begin(path, False).result()
    assert isinstance(encoder, Encoder) and encoder.path == path


def test_a_match_waits_for_a_network_that_is_loading():
    match = match_file(DATA / "tom_low.flac", MatchOptions(encoder=preparing.begin(None, False)))
    assert match.encoder.path == SHIPPED
    assert match.drum == match_file(DATA / "tom_low.flac").drum


def test_a_file_that_is_no_network_is_refused_by_the_match(tmp_path):
    (tmp_path / "broken.onnx").write_bytes(b"no network")
    options = MatchOptions(encoder=preparing.begin(tmp_path / "broken.onnx", False))
    with pytest.raises(ValueError, match="is not an ONNX model"):
        match_file(DATA / "tom_low.flac", options)
