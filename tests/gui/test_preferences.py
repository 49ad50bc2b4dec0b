import json

import pytest
from PyQt6.QtCore import Qt

from gui import preferences
from gui.panels.preferences_dialog import PreferencesDialog
from gui.preferences import Preferences


def test_what_is_saved_is_loaded():
    kept = Preferences(
        theme="light", text_scale=150, input="Mic", midi_in=("LPD8",), block=64, master_db=-3.5,
        input_channel=3, output_channel=2, exclusive=True, asio=False,
        midi_out=True, midi_out_port="Synth",
        controllers={"20": "tau"}, detection={"mask_ms": 30.0}, recent=("/a.drumkit",),
    )  # fmt: skip
    preferences.save(kept)
    assert preferences.load() == kept


def test_what_is_not_allowed_is_left_at_its_default(home):
    preferences.save(Preferences(theme="light"))
    (file,) = home.rglob("preferences.json")
    bad = {"text_scale": 9000, "block": 5, "mode": "play", "kit": [1], "input": None,
           "recent": [1], "controllers": {"x": "tau"}, "master_db": "loud", "input_channel": -1,
           "output_channel": 99, "exclusive": 1}  # fmt: skip
    file.write_text(json.dumps(json.loads(file.read_text()) | bad))
    assert preferences.load() == Preferences(theme="light")
    file.write_text("[garbage")
    assert preferences.load() == Preferences()


def test_a_setup_drops_what_the_engine_does_not_take():
    odd = Preferences(
        detection={"mask_ms": 500.0, "sensitivity": 0.3, "drums_only": "no", "loudness": 1},
        controllers={"300": "tau"}, master_db=-3.0, midi_out=True, midi_out_port="Synth",
    )  # fmt: skip
    setup = odd.setup()
    assert (setup.midi_out, setup.midi_out_port) == (True, "Synth")
    assert setup.settings.mask_ms == 20.0
    assert setup.settings.sensitivity == 0.3
    assert setup.settings.drums_only is False
    assert setup.controllers == {}
    assert setup.output_gain_db == -3.0


def test_each_program_that_runs_has_a_recovery_file_of_its_own():
    first, lock = preferences.recovery_file()
    second, other = preferences.recovery_file()
    assert first != second
    lock.unlock()
    third, _ = preferences.recovery_file()
    assert third == first
    assert other.isLocked()


def test_the_dialog(qtbot):
    dialog = PreferencesDialog(Preferences(input="Gone"))
    qtbot.addWidget(dialog)
    dialog.show_devices(["Mic"], ["Phones"], ["LPD8", "Keys"])
    got = []
    dialog.changed.connect(got.append)
    assert dialog.input.currentData() == "Gone"  # it may come back
    for box, key in ((dialog.theme, Qt.Key.Key_Down), (dialog.block, Qt.Key.Key_Down)):
        qtbot.keyClick(box, key)
        box.activated.emit(box.currentIndex())
    assert got[-1].theme == "dark"
    assert got[-1].block == 16
    dialog.midi.item(1).setCheckState(Qt.CheckState.Checked)
    assert got[-1].midi_in == ("Keys",)


def test_the_dialog_offers_ports_for_hits(qtbot):
    dialog, got = PreferencesDialog(Preferences()), []
    qtbot.addWidget(dialog)
    dialog.changed.connect(got.append)
    dialog.show_midi_out_ports(["Synth"])
    texts = [dialog.midi_out.itemText(i) for i in range(dialog.midi_out.count())]
    assert texts == ["not sent", "from our own port", "to Synth"]
    assert dialog.midi_out.currentIndex() == 0
    for index, wanted in ((2, (True, "Synth")), (1, (True, "")), (0, (False, ""))):
        dialog.midi_out.activated.emit(index)
        assert (got[-1].midi_out, got[-1].midi_out_port) == wanted
    gone = PreferencesDialog(Preferences(midi_out=True, midi_out_port="Gone"))
    qtbot.addWidget(gone)
    gone.show_midi_out_ports([])
    assert gone.midi_out.currentText() == "to Gone"  # it may come back


def test_the_dialog_offers_pairs_of_outputs(qtbot):
    dialog = PreferencesDialog(Preferences(output="Phones (ALSA)", output_channel=2))
    qtbot.addWidget(dialog)
    dialog.show_devices([], ["Phones (ALSA)", "Box (ALSA)"], [])
    for channels, pairs in (
        (8, ["1 and 2", "3 and 4", "5 and 6", "7 and 8"]), (3, ["1 and 2", "3"]),
        (0, ["1 and 2", "3 and 4"]),
    ):  # fmt: skip
        dialog.show_output_channels(channels)
        box = dialog.output_channel
        assert [box.itemText(i) for i in range(box.count())] == pairs
        assert box.currentData() == 2
    got = []
    dialog.changed.connect(got.append)
    dialog.output.setCurrentIndex(2)
    dialog.output.activated.emit(2)
    assert (got[-1].output, got[-1].output_channel) == ("Box (ALSA)", 0)


@pytest.mark.parametrize("scale", [75, 200])
def test_a_size_of_text_at_either_end(scale):
    preferences.save(Preferences(text_scale=scale))
    assert preferences.load().text_scale == scale
