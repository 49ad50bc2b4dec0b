from collections import Counter

import pytest

from tests.conftest import DATA
from training import hits
from training.hits import DEVELOPMENT_DRUMS, Hit

HEADER = "file,instrument,is_drum,kit,drum,mic,stroke,velocity_layer,round_robin,hit\n"


def listed(tmp_path, *rows, header=HEADER):
    (tmp_path / "hits.csv").write_text(header + "\n".join(rows) + "\n")
    return tmp_path


def test_what_hits_csv_says_of_a_hit(tmp_path):
    folder = listed(tmp_path, "a.flac,tom,1,k,d,close,t,3,2,d_3_2", "b.flac,hat,0,k,h,close,x,1,1,")
    (hit,) = hits.read(folder)
    assert hit == Hit(tmp_path / "a.flac", "tom", "k", "d", "close", "t", 3, 2, "d_3_2")
    assert hit.series == ("d", "t", "close", 3) and hit.shell == "d"


def test_each_recording_of_an_unknown_drum_is_its_own():
    found = hits.read(DATA)
    assert len({hit.shell for hit in found}) == len(found) == 15
    assert {hit.drum for hit in found} == {""}


def test_the_parts_are_the_kit_and_twelve_drums_and_the_others(tmp_path):
    rows = [f"{i}.flac,snare,1,frankensnare,{name},close,s,1,1,"
            for i, name in enumerate((*DEVELOPMENT_DRUMS, "franken_12_basic"))]  # fmt: skip
    rows += ["g.flac,kick,1,gogodze,gogodze_ks,close,k,1,1,", "o.flac,tom,1,mine,t,close,k,1,1,"]
    folder = listed(tmp_path, *rows)
    development = hits.read(folder, "development")
    assert len(set(DEVELOPMENT_DRUMS)) == 12 and len(development) == 13
    assert [hit.drum for hit in hits.read(folder, "apart")] == ["franken_12_basic"]
    assert len(hits.read(folder)) == 15


def test_no_shell_is_in_both_parts():
    shells = {name.split("_")[1] for name in DEVELOPMENT_DRUMS}
    assert shells == {"10", "13b", "14d", "14s", "16", "20"}


def test_a_sample_gives_each_drum_its_share():
    found = [Hit(DATA / f"{i}", "tom" if i < 60 else "kick", drum=f"d{i % 3}") for i in range(90)]
    chosen = hits.sample(found, 30)
    counts = Counter((hit.instrument, hit.drum) for hit in chosen)
    assert set(counts.values()) <= {6, 7, 3, 4} and len(chosen) == 30
    assert sum(n for (instrument, _), n in counts.items() if instrument == "tom") in (19, 20, 21)
    assert chosen == hits.sample(found, 30) == [hit for hit in found if hit in chosen]
    assert set(chosen) < set(hits.sample(found, 60))
    assert hits.sample(found, None) == found == hits.sample(found, 1000)


@pytest.mark.parametrize(
    ("header", "row", "part", "sentence"),
    [
        ("file,is_drum\n", "x.wav,1", "all", "no column instrument; it needs file, instrument and"),
        ("file,instrument,is_drum\n", "x.wav,tom,1", "apart", "names no kits; without them part"),
        (HEADER, "x.wav,tom,1,k,d,c,s,loud,1,", "all", "velocity_layer of x.wav is 'loud', allow"),
        (HEADER, "x.wav,tom,0,k,d,c,s,1,1,", "all", "holds no drum recordings; allowed are .wav"),
    ],
)
def test_lists_that_cannot_be_used(tmp_path, header, row, part, sentence):
    with pytest.raises(ValueError, match=sentence):
        hits.read(listed(tmp_path, row, header=header), part)
