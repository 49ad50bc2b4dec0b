import ast
import os
import random
import signal
import subprocess
import sys
import time

import pytest

from matcher.kits.document import N_STEPS, Document
from matcher.kits.kit import Kit, for_pad
from matcher.kits.kit_file import load_kit, save_kit
from matcher.physics.drum import Drum
from tests.conftest import TOM
from tests.physics.recorded import recorded


@pytest.fixture
def document(tmp_path):
    return Document(tmp_path / "recovery.drumkit")


def test_undo_and_redo_of_every_step(document):
    kits = [document.kit]
    for i in range(5):
        assert document.edit(f"gain {i}", document.kit.with_pad(i, gain_db=-3.0))
        kits.append(document.kit)
    for i in reversed(range(5)):
        assert document.undo_text == f"gain {i}"
        document.undo()
        assert document.kit == kits[i]
    assert not document.edited
    assert document.undo_text == ""
    document.undo()  # there is nothing more
    for kit in kits[1:]:
        document.redo()
        assert document.kit == kit
    assert document.redo_text == ""
    document.undo()
    document.edit("pan", document.kit.with_pad(0, pan=1.0))
    assert document.redo_text == ""  # what was undone is gone once something else was done


def test_a_knob_that_is_turned_is_one_step(document):
    for gain in range(-9, 0):
        document.edit("gain", document.kit.with_pad(0, gain_db=float(gain)), merge=("gain", 0))
    document.undo()
    assert document.kit == Kit()
    document.redo()
    document.edit("gain", document.kit.with_pad(0, gain_db=1.0), merge=("gain", 0))
    document.end_step()
    document.edit("gain", document.kit.with_pad(0, gain_db=2.0), merge=("gain", 0))
    for before in (1.0, -1.0, 0.0):
        document.undo()
        assert document.kit.pads[0].gain_db == before


def test_what_changes_nothing_is_no_step(document):
    assert not document.edit("gain", document.kit.with_pad(0, gain_db=0.0))
    assert document.undo_text == ""


def test_steps_that_are_kept_are_limited(document):
    document.recovery = None
    for i in range(N_STEPS + 10):
        document.edit("tune", document.kit.with_pad(0, tune=float(1 + i % 2)))
    for _ in range(2 * N_STEPS):
        document.undo()
    assert document.kit.pads[0].tune == 2.0  # the tenth edit's


def test_save_open_and_the_mark(document, tmp_path):
    with pytest.raises(ValueError, match="no file yet"):
        document.save()
    document.edit("theta", document.kit.with_pad(0, drum=Drum(TOM)))
    assert document.edited
    document.save(tmp_path / "mine.drumkit")
    assert not document.edited
    document.undo()
    assert document.edited  # it differs from the file
    document.redo()
    assert not document.edited
    other = Document()
    assert other.open(tmp_path / "mine.drumkit") == []
    assert other.kit == document.kit
    assert other.undo_text == ""


def test_a_kit_that_is_refused_leaves_the_old_one(document, tmp_path):
    document.edit("theta", document.kit.with_pad(0, drum=Drum(TOM)))
    (tmp_path / "new.drumkit").write_text("schema = 3\n")
    with pytest.raises(ValueError, match="schema 3"):
        document.open(tmp_path / "new.drumkit")
    assert document.kit.pads[0].theta == TOM
    assert document.edited


def test_a_damaged_kit_is_to_be_saved_again(document, tmp_path):
    path = tmp_path / "cut.drumkit"
    save_kit(Kit("Cut").with_pad(0, drum=Drum(TOM)), path)
    path.write_text(path.read_text()[:-200])
    assert document.open(path)
    assert document.edited


def test_what_a_crash_left_behind_comes_back(document, tmp_path):
    document.edit("theta", document.kit.with_pad(0, drum=Drum(TOM)))
    document.save(tmp_path / "mine.drumkit")
    document.edit("gain", document.kit.with_pad(0, gain_db=-6.0))
    after = Document(document.recovery)
    assert after.recover()
    assert after.kit == document.kit
    assert after.path == document.path
    assert after.edited
    document.save()
    assert not Document(document.recovery).recover()


def test_partials_come_back_after_a_crash(document):
    drum = for_pad(recorded(1, tension=0.2))
    document.edit("theta", document.kit.with_pad(0, drum=drum, as_recorded=0.25))
    after = Document(document.recovery)
    assert after.recover()
    assert after.problem == ""
    assert after.kit == document.kit


def test_a_recovery_file_of_schema_1_is_recovered(document, tmp_path):
    document.edit("theta", document.kit.with_pad(0, drum=Drum(TOM)))
    text = document.recovery.read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if "glide_s" not in line and "as_rec" not in line]
    earlier = "\n".join(lines).replace("schema = 2", "schema = 1")
    document.recovery.write_text(earlier + "\n", encoding="utf-8")
    after = Document(document.recovery)
    assert after.recover()
    assert after.problem == ""
    assert after.kit == document.kit


def test_a_kit_as_it_was_saved_needs_no_recovery(document):
    document.edit("gain", document.kit.with_pad(0, gain_db=-6.0))
    assert document.recovery.exists()
    document.undo()
    assert not document.recovery.exists()


def test_a_recovery_file_that_is_garbage_is_kept_under_another_name(document, tmp_path):
    for number in (1, 2):
        document.recovery.write_bytes(b"\xff garbage")
        assert not document.recover()
        assert document.kit == Kit()
        aside = tmp_path / f"recovery-damaged-{number}.drumkit"
        assert aside.read_bytes() == b"\xff garbage"
        assert str(aside) in document.problem
    document.edit("gain", document.kit.with_pad(0, gain_db=-6.0))  # and kept safe as ever
    assert document.problem == ""
    assert load_kit(document.recovery)[0] == document.kit
    document.discard()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "recovery-damaged-1.drumkit", "recovery-damaged-2.drumkit"
    ]  # fmt: skip


def test_a_recovery_file_that_cannot_be_deleted_does_not_keep_a_kit_from_being_saved(tmp_path):
    (tmp_path / "recovery" / "x").mkdir(parents=True)
    document = Document(tmp_path / "recovery")
    document.edit("name", Kit("Mine"))
    document.save(tmp_path / "mine.drumkit")
    assert not document.edited and load_kit(tmp_path / "mine.drumkit")[0].name == "Mine"
    assert "cannot be deleted" in document.problem


def test_a_recovery_file_whose_first_line_is_nested_is_recovered(document, tmp_path):
    document.edit("gain", document.kit.with_pad(2, gain_db=-6.0))
    lines = document.recovery.read_text().partition("\n")[2]
    document.recovery.write_text("#" + "[" * 20_000 + "\n" + lines)
    again = Document(tmp_path / "recovery.drumkit")
    assert again.recover()
    assert again.kit == document.kit
    assert again.path is None


def test_what_is_damaged_of_a_recovery_file_is_kept_as_a_whole(document, tmp_path):
    kit = Kit("Mine").with_pad(0, gain_db=-6.0, drum=Drum(TOM)).with_pad(1, pan=0.5)
    document.edit("all", kit)
    whole = document.recovery.read_text(encoding="utf-8")
    damaged = whole.replace("gain_db = -6.0", "gain_db = -600.0")
    document.recovery.write_text(damaged, encoding="utf-8")
    after = Document(document.recovery)
    assert after.recover()  # what can be read of it
    assert after.kit == kit.with_pad(0, gain_db=0.0)
    assert after.edited
    aside = tmp_path / "recovery-damaged-1.drumkit"
    assert aside.read_text(encoding="utf-8") == damaged
    assert str(aside) in after.problem


def test_a_recovery_file_that_cannot_be_set_aside_stays_as_it_is(document, monkeypatch):
    document.recovery.write_bytes(b"\xff garbage")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("matcher.kits.document.shutil.move", full)
    kept = document.recovery
    assert not document.recover()
    assert "No space left on device" in document.problem
    document.edit("gain", document.kit.with_pad(0, gain_db=-6.0))
    document.discard()
    assert kept.read_bytes() == b"\xff garbage"


RECOVER = """
import sys
from pathlib import Path
from matcher.kits.document import Document
document = Document(Path(sys.argv[1]))
found = document.recover()
print(ascii((found, document.kit.name, str(document.path), document.problem)))
"""


def test_kits_are_recovered_whatever_the_code_page_of_the_system(tmp_path):
    folder = tmp_path / "\u0431\u0430\u0440\u0430\u0431\u0430\u043d\u044b"
    folder.mkdir()
    document = Document(folder / "recovery.drumkit")
    document.edit("name", Kit("\u041c\u043e\u0439 \u043d\u0430\u0431\u043e\u0440"))
    document.save(folder / "\u043c\u043e\u0439.drumkit")
    document.edit("gain", document.kit.with_pad(0, gain_db=-6.0))
    plain = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C"}
    command = [sys.executable, "-c", RECOVER, str(document.recovery)]
    done = subprocess.run(command, env=os.environ | plain, capture_output=True, text=True)
    assert done.stderr == ""
    assert ast.literal_eval(done.stdout) == (True, document.kit.name, str(document.path), "")


def test_a_folder_that_cannot_be_written_loses_no_edit(tmp_path):
    document = Document(tmp_path / "none" / "recovery.drumkit")
    document.edit("gain", document.kit.with_pad(0, gain_db=-6.0))
    assert document.kit.pads[0].gain_db == -6.0
    assert "is not a folder" in document.problem


EDITS = """
import sys
from pathlib import Path
from matcher.kits.document import Document
document = Document(Path(sys.argv[1]))
for i in range(100000):
    document.edit("tune", document.kit.with_pad(i % 16, tune=(i // 16 % 40) / 10 + 0.1))
    print(i, flush=True)
"""


def test_killed_while_editing_it_loses_the_last_edit_at_most(tmp_path, request):
    recovery, rng = tmp_path / "recovery.drumkit", random.Random(0)
    command = [sys.executable, "-c", EDITS, str(recovery)]
    for _ in range(100 if request.config.getoption("--long") else 10):
        recovery.unlink(missing_ok=True)
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        process.stdout.readline()
        time.sleep(rng.uniform(0, 0.1))
        os.kill(process.pid, signal.SIGKILL)
        last = int((["0"] + process.stdout.read().splitlines())[-1])  # the last that was done
        process.wait()
        kit, dropped = load_kit(recovery)
        assert dropped == []
        done, next_one = Kit(), None
        for i in range(last + 2):
            next_one, done = done, done.with_pad(i % 16, tune=(i // 16 % 40) / 10 + 0.1)
        assert kit in (next_one, done)  # what was told of, or one that was not told any more
