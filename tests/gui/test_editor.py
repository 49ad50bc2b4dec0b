"""The editor: no display, no QApplication, no engine."""

import ast
from dataclasses import replace
from pathlib import Path

import pytest

import gui
from gui.editor import Editor, Replaced
from gui.matched import Matched
from matcher.kits.document import Document
from matcher.kits.kit import FIRST_NOTE, N_PADS, Kit, Pad
from matcher.live.protocol import (
    NOTE,
    ChangeSetup,
    EditPads,
    ReplaceKit,
    Setup,
    State,
    apply,
)
from matcher.matching.hear import Clip
from matcher.matching.task import Refined
from matcher.physics import attack
from matcher.physics.drum import Drum
from matcher.physics.parameters import PARAMETERS
from matcher.physics.partials import Partial
from tests.conftest import TOM
from tests.gui.events import CLIP, answered, learned, moved

PAD = 5  # is empty
KICK = TOM._replace(omega=TOM.omega / 2)
SNARE = TOM._replace(omega=2 * TOM.omega)
SURE, UNSURE = (0.01,) * 5, (0.5,) * 5  # spreads


@pytest.fixture(autouse=True)
def home():
    """Instead of the other tests' fixture, which needs a QApplication."""


@pytest.fixture
def commands() -> list:
    """What the engine is sent from the beginning of the kit on."""
    return []


@pytest.fixture
def editor(commands) -> Editor:
    """Kick and snare on the first two pads, PAD chosen."""
    kit = Kit("Two").with_pad(0, name="Kick", drum=Drum(KICK))
    editor = Editor(Document(None, kit.with_pad(1, name="Snare", drum=Drum(SNARE))), Setup(),
                    commands.append)  # fmt: skip
    editor.begin_kit()
    editor.choose(PAD)
    commands.clear()
    return editor


def answer(editor, tau: float = TOM.tau, hit: int = 1, pad: int = PAD, **more):
    """To a hit that is detected now."""
    more = {"revision": editor.state.revision} | more
    return answered(pad, TOM._replace(tau=tau), hit, **more)


def turned(editor, pad: int, name: str, to: float | None, controller: int = 20):
    """By a controller that moves now."""
    return moved(pad, name, to, controller, editor.state.revision)


def tau(editor, pad: int = PAD) -> float:
    return editor.kit.pads[pad].theta.tau


def test_a_kit_that_begins_is_sent_and_its_first_empty_pad_chosen(commands):
    full = Kit("Full").with_pads({i: Pad(FIRST_NOTE + i, drum=Drum(TOM)) for i in range(16)})
    for kit, chosen in ((full, 0), (full.with_pad(9, drum=None), 9)):
        editor = Editor(Document(None, kit), Setup(solo=frozenset({3})), commands.append)
        editor.begin_kit()
        assert (editor.armed, editor.setup.solo) == (chosen, frozenset())
        assert commands[0] == ReplaceKit(1, kit)
        assert editor.matched[0] == Matched(Drum(TOM))
        commands.clear()


# answers to hits


def test_the_answers_to_one_hit_are_one_step(editor):
    before = editor.kit
    assert editor.take(answer(editor, 0.4, 1))
    assert editor.take(answer(editor, 0.5, 1, observed_s=0.8))
    assert tau(editor) == 0.5
    assert editor.pad.name == f"Drum {PAD + 1}"
    assert editor.armed_match.words == "0.10 s: network → 0.80 s: network"
    assert editor.take(answer(editor, 0.6, 2))
    assert editor.armed_match.words == "0.10 s: network"
    editor.undo()
    assert tau(editor) == 0.5
    editor.undo()
    assert editor.kit == before


def test_a_late_answer_to_the_hit_before_changes_nothing(editor):
    first, late = answer(editor, 0.4, 1, spread=UNSURE), answer(editor, 0.9, 1, observed_s=3.0)
    editor.take(first)
    editor.take(answer(editor, 0.5, 2, spread=SURE))
    before = editor.kit, editor.matched, editor.spread
    assert not editor.take(late)  # when the next hit had been detected, and answered
    assert (editor.kit, editor.matched, editor.spread) == before
    assert editor.armed_match.hit == 2
    assert editor.spread == SURE
    editor.undo()  # the second hit, and no more
    assert tau(editor) == 0.4
    assert editor.spread == UNSURE
    editor.undo()
    assert editor.pad.drum is None


def test_answers_to_hits_on_two_pads_are_told_apart(editor):
    events = [answer(editor, value, hit, pad) for value, hit, pad in
              ((0.4, 1, PAD), (0.5, 2, PAD + 1), (0.6, 1, PAD), (0.7, 2, PAD + 1))]  # fmt: skip
    for event in events:
        assert editor.take(event)
    assert (tau(editor), tau(editor, PAD + 1)) == (0.6, 0.7)
    assert [editor.matched[i].hit for i in (PAD, PAD + 1)] == [1, 2]
    assert editor.matched[PAD].words == "0.10 s: network → 0.10 s: network"


def test_each_answer_shows_its_own_part_of_the_hit(editor):
    clips = [Clip(CLIP.samples[:n], 48000, n / 48000, False) for n in (100, 480)]
    for i, clip in enumerate(clips):
        editor.take(answer(editor, 0.4 + i / 10, clip=clip))
        assert editor.armed_match.clip is clip


def test_how_sure_an_answer_is_belongs_to_its_own_pad_and_drum(editor):
    editor.take(answer(editor, spread=UNSURE))
    editor.take(answer(editor, pad=PAD + 1, hit=2, spread=SURE))
    assert editor.spread == UNSURE
    editor.take(answer(editor, 0.5, observed_s=1.0))  # which says nothing about it
    assert editor.spread == UNSURE
    editor.choose(PAD + 1)
    assert editor.spread == SURE
    editor.turn("tau", 1.0)
    assert editor.spread is None
    editor.choose(0)
    assert editor.spread is None


@pytest.mark.parametrize(
    "change",
    [
        lambda editor: editor.undo(),
        lambda editor: editor.clear(),
        lambda editor: editor.paste(),
        lambda editor: editor.turn("tau", 1.0),
        lambda editor: editor.move_strike(0.2, 0.3),
        lambda editor: editor.choose_candidate(1),
        lambda editor: editor.put_match(PAD, "take.wav", Matched(Drum(KICK))),
        lambda editor: editor.take(turned(editor, PAD, "tau", 1.0)),
        lambda editor: (editor.document.new(Kit("Another")), editor.begin_kit()),
    ],
    ids=["undo", "clear", "paste", "knob", "strike", "candidate", "recording", "controller", "kit"],
)  # fmt: skip
def test_an_answer_to_a_hit_before_the_drum_was_changed_is_late(editor, change):
    editor.choose(0)
    editor.copy()
    editor.choose(PAD)
    late = answer(editor, 2.0, observed_s=3.0)
    editor.take(answer(editor))
    found = tuple(Refined(Drum(theta), 0.3, "attack", spread=SURE) for theta in (TOM, SNARE))
    assert editor.attach_candidates(PAD, editor.armed_match, found)
    change(editor)
    before = editor.kit, editor.matched
    assert not editor.take(late)
    assert (editor.kit, editor.matched) == before
    assert editor.state.kit == editor.kit
    assert editor.take(answer(editor, 0.7, hit=2))  # to another hit
    assert tau(editor) == 0.7


def test_pasting_the_same_drum_ends_the_answers_as_well(editor):
    late = answer(editor, 2.0, observed_s=3.0)
    editor.take(answer(editor))
    editor.copy()
    editor.paste()
    assert not editor.take(late)


def test_answers_come_in_while_something_else_is_edited(editor):
    later = answer(editor, 0.9, observed_s=3.0)
    editor.take(answer(editor, spread=UNSURE))
    editor.turn("gain_db", -6.0)
    editor.change_pad("name of a pad", name="Tom")
    editor.rename("Mine")
    assert editor.take(later)
    assert (tau(editor), editor.pad.gain_db, editor.pad.name) == (0.9, -6.0, "Tom")
    assert editor.kit.name == "Mine"
    assert editor.state.kit == editor.kit


def test_a_drum_of_the_kit_that_a_hit_takes_the_place_of_is_named(editor):
    first = answer(editor, pad=0)
    assert editor.replaced_by(first) == Replaced(0, "Kick", "the hit")
    editor.take(first)
    assert editor.replaced_by(answer(editor, 0.5, pad=0)) is None  # the same hit goes on
    assert editor.replaced_by(answer(editor, 0.5, hit=2, pad=0)) is None  # just matched
    assert editor.replaced_by(answer(editor, 0.5, hit=2)) is None  # nothing was there


def test_what_was_matched_goes_with_undo_and_paste(editor):
    editor.take(answer(editor, 0.4, 1))
    editor.take(answer(editor, 1.0, 2))
    editor.undo()
    assert editor.armed_match.drum.theta.tau == 0.4
    editor.clear()
    assert PAD not in editor.matched
    editor.undo()
    assert editor.armed_match.drum.theta.tau == 0.4
    editor.copy()
    editor.choose(3)
    editor.paste()
    assert editor.matched[3] == editor.matched[PAD]


@pytest.mark.parametrize(
    "same, words",
    [(True, "fitted together with earlier hits on this drum"), (False, "another drum than before")],
)
def test_whether_a_hit_is_on_the_drum_of_before_is_told_beside_the_stages(editor, same, words):
    editor.take(answer(editor))
    assert "drum" not in editor.armed_match.words  # nothing is known of it
    editor.take(answer(editor, 0.5, stage="partials", distance=0.12, same_drum=same))
    assert editor.armed_match.words.endswith(f"own partials 0.12; {words}")
    editor.take(answer(editor, 0.6, hit=2))
    assert "drum" not in editor.armed_match.words


# candidates


@pytest.mark.parametrize(
    "others, names",
    [
        ([TOM._replace(omega=1.01 * TOM.omega, alpha=0.5)], "A2 +0 cents, 110.0 Hz, shape 0.70"),
        ([TOM._replace(tau=0.1)], "A2 +0 cents, 110.0 Hz, decay 0.3 s"),
        ([SNARE], "A2 +0 cents"),
    ],
)
def test_candidates_with_the_same_note_are_told_apart(editor, others, names):
    editor.take(answer(editor))
    found = tuple(Refined(Drum(theta), 0.2, "attack") for theta in (TOM, *others))
    assert editor.attach_candidates(PAD, editor.armed_match, found)
    words, _ = editor.candidates
    assert words[0] == f"1: {names}, distance 0.20"
    assert len({row.split(": ")[1] for row in words}) == len(words)


def test_candidates_are_listed_and_the_one_on_the_pad_is_known(editor):
    assert editor.candidates == ([], -1)
    editor.take(answer(editor))
    matched, found = editor.armed_match, tuple(
        Refined(Drum(theta), distance, "attack", spread=SURE)
        for theta, distance in ((SNARE, 0.2), (TOM, 0.31))
    )  # fmt: skip
    assert editor.attach_candidates(PAD, matched, found)
    words, chosen = editor.candidates
    assert [row.split(": ")[0] for row in words] == ["1", "2"]
    assert words[1].endswith("distance 0.31")
    assert chosen == 1
    editor.choose_candidate(0)
    assert (editor.pad.theta, editor.spread, editor.candidates[1]) == (SNARE, SURE, 0)
    editor.undo()
    assert (editor.pad.theta, editor.candidates[1]) == (TOM, 1)
    editor.take(answer(editor, 0.5, 2))
    assert not editor.attach_candidates(PAD, matched, found)  # found for the hit before
    assert editor.candidates == ([], -1)


# what is sent


def test_an_edit_sends_the_field_that_was_edited_and_no_more(editor, commands):
    editor.choose(1)
    commands.clear()
    editor.turn("gain_db", -6.0)
    assert commands == [EditPads(editor.state.revision, {1: {"gain_db": -6.0}})]
    commands.clear()
    editor.turn("tau", 1.0)
    drum = Drum(SNARE._replace(tau=1.0))
    assert commands == [EditPads(editor.state.revision, {1: {"drum": drum}})]
    commands.clear()
    editor.turn("tau", 1.0)  # as it is
    editor.rename("Mine")  # which the engine need not know
    assert commands == []


def test_revisions_count_up(editor, commands):
    editor.turn("pan", 0.5)
    editor.set_solo(True)
    editor.undo()
    numbers = [command.revision for command in commands]
    assert numbers == list(range(numbers[0], numbers[0] + 3))
    assert editor.state.revision == numbers[-1]


def test_an_engine_that_follows_the_commands_has_the_same_kit(editor, commands):
    engine = editor.state
    editor.choose(1)
    for do in (lambda: editor.turn("pan", 0.5), editor.clear, editor.undo, editor.copy,
               lambda: editor.choose(2), editor.paste, lambda: editor.set_solo(True),
               lambda: editor.change_pad("note of a pad", note=FIRST_NOTE),
               editor.undo, editor.redo):  # fmt: skip
        do()
        for command in commands:
            engine = apply(engine, command)
        commands.clear()
        assert (engine.kit, engine.setup) == (editor.kit, editor.setup)


def test_a_value_that_is_not_allowed_changes_nothing(editor, commands):
    before = editor.state
    with pytest.raises(ValueError, match="gain_db is 99"):
        editor.change_pad("gain", gain_db=99.0)
    with pytest.raises(ValueError, match="mode is 'play'"):
        editor.change(mode="play")
    assert (editor.state, commands) == (before, [])


# solo


def test_solo_silences_the_others_and_keeps_their_drums(editor, commands):
    editor.choose(1)
    kit = editor.kit
    commands.clear()
    editor.set_solo(True)
    assert commands == [ChangeSetup(editor.state.revision, {"solo": frozenset({1})})]
    assert editor.state.kit == editor.kit == kit
    assert editor.state.sound(0)[0] is None
    assert editor.state.sound(1)[0] == Drum(SNARE)
    assert not editor.document.edited
    assert editor.take(turned(editor, 0, "tau", 1.5))
    assert tau(editor, 0) == 1.5  # a muted pad turns as well
    assert editor.take(answer(editor, 0.7, pad=0))
    assert tau(editor, 0) == 0.7
    editor.set_solo(False)
    assert editor.setup.solo == frozenset()
    assert editor.state.sound(0)[0].theta.tau == 0.7


# notes and controllers


def test_a_note_that_another_pad_has_is_swapped_with_it(editor, commands):
    editor.choose(0)
    commands.clear()
    editor.change_pad("note of a pad", note=FIRST_NOTE + 1)
    # all of them: the engine may have learned one of the others meanwhile
    notes = [FIRST_NOTE + 1, FIRST_NOTE, *range(FIRST_NOTE + 2, FIRST_NOTE + N_PADS)]
    swapped = {i: {"note": note, "more_notes": ()} for i, note in enumerate(notes)}
    assert commands == [EditPads(editor.state.revision, swapped)]
    assert [pad.note for pad in editor.kit.pads[:2]] == [FIRST_NOTE + 1, FIRST_NOTE]
    assert editor.take(learned(0, NOTE, FIRST_NOTE, revision=editor.state.revision))
    assert [pad.note for pad in editor.kit.pads[:2]] == [FIRST_NOTE, FIRST_NOTE + 1]
    assert editor.document.undo_text == "note of a pad"


def test_a_note_that_is_stepped_through_leaves_the_others_alone(editor):
    editor.choose(0)
    before = [pad.note for pad in editor.kit.pads]
    for note in range(before[0] + 1, before[0] + 5):
        editor.change_pad("note of a pad", note=note)
    after = [pad.note for pad in editor.kit.pads]
    assert after[0] == before[4] and after[4] == before[0]
    assert after[1:4] == before[1:4] and after[5:] == before[5:]


def test_a_note_learned_too_late_lets_the_engine_have_ours_again(editor, commands):
    event = learned(0, NOTE, FIRST_NOTE + 1, revision=editor.state.revision)
    editor.change_pad("note of a pad", note=90)  # meanwhile
    kit = editor.kit
    commands.clear()
    assert not editor.take(event)
    notes = {i: {"note": pad.note, "more_notes": ()} for i, pad in enumerate(kit.pads)}
    assert commands == [EditPads(editor.state.revision, notes)]
    assert editor.kit == kit
    theirs = apply(State(Setup(), kit.with_note(0, FIRST_NOTE + 1)), commands[0])
    assert theirs.kit == kit


def test_a_controller_that_turns_on_is_one_step(editor, commands):
    before = editor.kit
    for value in (0.3, 0.4, 0.5):
        assert editor.take(turned(editor, 0, "tau", value))
    assert editor.take(turned(editor, 0, "pan", 0.5, controller=21))
    assert commands == []  # it is in the engine already
    assert editor.document.undo_text == "controller 21"
    editor.undo()
    assert editor.document.undo_text == "controller 20"
    assert tau(editor, 0) == 0.5
    editor.undo()
    assert editor.kit == before


def test_a_controller_of_a_pad_without_a_drum_changes_nothing(editor):
    assert not editor.take(turned(editor, PAD, "tau", None))
    assert not editor.document.edited


def test_controllers_are_learned_and_forgotten(editor):
    editor.change(controllers={20: "tau", 21: "pan"})
    assert editor.take(learned(0, "tau", 22, revision=editor.state.revision))
    assert editor.setup.controllers == {21: "pan", 22: "tau"}
    editor.forget("tau")
    assert editor.setup.controllers == {21: "pan"}
    assert not editor.document.edited


# pads


def test_copy_and_paste_keep_the_note_and_clear_how_it_is_mixed(editor):
    powers = ((0.25,) * attack.N_DECAYS,) * attack.N_BANDS
    editor.choose(0)
    own = (Partial(2, 1, -30.5, 1.2, -6.0, 0.3),)
    drum = Drum(KICK, (0.2, 0.3), 900.0, 0.2, powers, own, 0.2)
    editor.change_pad("all", drum=drum, gain_db=-3.0, pan=0.5, tune=2.0, choke=1,
                      curve="fixed", attack_mix=0.5, as_recorded=0.3)  # fmt: skip
    whole = editor.pad
    editor.copy()
    editor.choose(PAD)
    editor.paste()
    assert editor.pad == replace(whole, note=FIRST_NOTE + PAD)
    editor.clear()
    mixed = {"gain_db": -3.0, "pan": 0.5, "tune": 2.0, "choke": 1, "curve": "fixed"}
    assert editor.pad == Pad(FIRST_NOTE + PAD, **mixed)


def test_paste_with_nothing_copied_is_no_edit(editor, commands):
    editor.paste()
    assert (commands, editor.document.undo_text) == ([], "")


def test_every_parameter_is_turned_by_name_in_a_step_of_its_own(editor):
    editor.choose(0)
    for name, row in PARAMETERS.items():
        editor.turn(name, row.from_share(0.3))
        editor.turn(name, row.from_share(0.6))
        assert editor.pad.value(name) == row.from_share(0.6)
        assert editor.document.undo_text == row.label.lower()
    for _ in PARAMETERS:
        editor.undo()
    assert not editor.document.edited


@pytest.mark.parametrize("row", PARAMETERS.values(), ids=PARAMETERS)
def test_every_parameter_is_turned_to_both_ends(editor, row):
    editor.choose(0)
    for value in (row.low, row.high, row.from_share(0.0), row.from_share(1.0)):
        editor.turn(row.name, value)
        assert editor.pad.value(row.name) == value


def test_choosing_another_pad_ends_a_step(editor):
    editor.choose(0)
    editor.turn("pan", 0.1)
    assert editor.choose(1) and editor.choose(0)
    assert not editor.choose(0)
    editor.turn("pan", 0.2)
    editor.undo()
    assert editor.pad.pan == 0.1


def test_names_that_a_kit_does_not_take_are_made_plain(editor):
    editor.rename("my\u00a0kit" + 100 * "x")
    assert editor.kit.name == ("my kit" + 100 * "x")[:64]
    editor.put_match(PAD, "take\u202f1.flac", Matched(Drum(TOM)))
    assert editor.pad.name == "take 1"


# layers

MODELS = ("editor", "matched", "message", "comparison", "trace", "vibration")


@pytest.mark.parametrize("name", MODELS)
def test_models_know_nothing_of_qt(name):
    tree = ast.parse((Path(gui.__file__).parent / f"{name}.py").read_text(encoding="utf-8"))
    imported = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported |= {f"{node.module}.{alias.name}" for alias in node.names}
    for module in imported:
        package, _, rest = module.partition(".")
        assert package not in ("PyQt6", "pyqtgraph")
        assert package != "gui" or rest.split(".")[0] in MODELS, module  # nor by way of another
