import json
from dataclasses import replace

import numpy as np
import pytest

from matcher.kits.kit import Kit, Sound
from matcher.live.detector import Settings
from matcher.live.place_learning import Shown
from matcher.live.protocol import (
    NOTE,
    Answered,
    Calibrated,
    ChangeSetup,
    ControllerMoved,
    DeviceChanged,
    EditPads,
    Failed,
    HitDetected,
    HitIgnored,
    Learned,
    ModelLoaded,
    NotePlayed,
    PlaceShown,
    PlacesKept,
    Ready,
    ReplaceKit,
    Setup,
    State,
    Strike,
    apply,
)
from matcher.matching.hear import Clip
from matcher.physics.drum import Drum
from matcher.physics.partials import Partial
from tests.conftest import TOM

CLIP = Clip(np.zeros(480, np.float32), 48000, 0.01, False)
PAD = 3
OWN = (Partial(2, 1, -30.5, 1.2, -6.0, 0.3),)


def answer(hit: int, revision: int = 0, tau: float = 0.1, pad: int = PAD) -> Answered:
    return Answered(
        time_s=1.0, hit=hit, revision=revision, observed_part="full", stage="network", pad=pad,
        drum=Drum(TOM._replace(tau=tau)), distance=None, spread=None, no_drum_reason="",
        observed_s=0.01, latency_ms=1.0, clip=CLIP,
    )  # fmt: skip


def moved(turns: str, to: float, revision: int = 0) -> ControllerMoved:
    return ControllerMoved(
        time_s=1.0, revision=revision, controller=20, value=64, turns=turns, to=to, pad=PAD
    )


def edit(revision: int, **changes) -> EditPads:
    return EditPads(revision, {PAD: changes})


def follow(state: State, *messages) -> State:
    for message in messages:
        state = apply(state, message)
    return state


@pytest.fixture
def state() -> State:
    return State(Setup())


def tau(state: State) -> float:
    return state.kit.pads[PAD].theta.tau


def test_an_answer_sets_the_drum_of_its_pad(state):
    assert tau(apply(state, answer(1))) == 0.1


def test_an_answer_to_an_older_hit_is_late(state):
    state = follow(state, answer(1, tau=0.1), answer(2, tau=0.2))
    assert apply(state, answer(1, tau=0.3)) is state
    assert tau(apply(state, answer(2, tau=0.4))) == 0.4


def test_an_answer_to_a_hit_before_its_drum_was_edited_is_late(state):
    state = follow(state, answer(1), edit(1, drum=None))
    assert apply(state, answer(1)) is state  # undone or cleared
    assert tau(apply(state, answer(2, revision=1, tau=0.2))) == 0.2


def test_an_answer_for_another_kit_is_late(state):
    state = follow(state, answer(1), ReplaceKit(1, Kit("Another")))
    assert apply(state, answer(1)) is state
    assert state.kit == Kit("Another")


def test_an_edit_of_other_fields_does_not_make_answers_late(state):
    state = follow(state, answer(1), edit(1, gain_db=-6.0, name="Tom"), answer(1, tau=0.7))
    assert tau(state) == 0.7
    assert state.kit.pads[PAD].gain_db == -6.0


def test_a_controller_makes_later_answers_to_the_same_hit_late(state):
    state = follow(state, answer(1), moved("tau", 0.9))
    assert apply(state, answer(1)) is state
    assert tau(apply(state, answer(2, tau=0.2))) == 0.2
    state = follow(state, answer(2), moved("pan", 0.5))  # which is no parameter of the drum
    assert tau(apply(state, answer(2, tau=0.4))) == 0.4


def test_a_controller_makes_one_hit_late_however_often_it_moves(state):
    sweep = [moved("tau", 0.1 * i) for i in range(1, 11)]
    state = follow(state, answer(1), *sweep)
    assert apply(state, answer(1)) is state
    assert tau(state) == pytest.approx(1.0)
    assert tau(apply(state, answer(2, tau=0.3))) == 0.3


def test_a_controller_before_the_first_hit_makes_no_answer_late(state):
    state = apply(state, edit(1, drum=Drum(TOM)))
    sweep = [moved("tau", 0.1 * i, revision=1) for i in range(1, 6)]
    assert tau(follow(state, *sweep, answer(1, revision=1, tau=0.7))) == 0.7


def test_a_strike_of_a_pad_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="pad is 16, allowed is 0 to 15"):
        Strike(16, 1.0)


def test_answers_and_controllers_change_a_muted_pad(state):
    state = apply(state, ChangeSetup(1, {"solo": frozenset({0})}))
    state = apply(state, answer(1, revision=1))
    assert tau(state) == 0.1
    assert state.sound(PAD)[0] is None  # the pad is silent
    state = apply(state, moved("tau", 0.8, revision=1))
    assert tau(state) == 0.8


def crossings() -> list:
    """Pairs of an event of the engine and a client's edit that cross on their way."""
    theta = TOM._replace(tau=0.33)
    return [
        (moved("tau", 0.5), edit(1, drum=Drum(theta))),
        (moved("tau", 0.5), edit(1, gain_db=-3.0)),
        (moved("gain_db", -9.0), edit(1, gain_db=-3.0)),
        (moved("attack_mix", 0.2), edit(1, attack_mix=0.7)),
        (moved("as_recorded", 0.2), edit(1, as_recorded=0.7)),
        (moved("as_recorded", 0.2), edit(1, attack_mix=0.7)),
        (moved("as_recorded", 0.2), edit(1, drum=Drum(theta, partials=OWN))),
        (answer(2, tau=0.5), edit(1, as_recorded=0.7)),
        (learned("as_recorded", 7), ChangeSetup(1, {"controllers": {7: "tau"}})),
        (answer(2, tau=0.5), edit(1, drum=Drum(theta))),
        (answer(2, tau=0.5), edit(1, pan=0.5)),
        (answer(2, tau=0.5), ReplaceKit(1, Kit("Another"))),
        (learned("pan", 7), ChangeSetup(1, {"controllers": {7: "tau"}})),
        (learned("pan", 7), ChangeSetup(1, {"input_gain_db": 3.0})),
        (calibrated(12.0), ChangeSetup(1, {"input_gain_db": 3.0})),
        (shown(SHOWN), ChangeSetup(1, {"places": None})),
        (shown(SHOWN), ChangeSetup(1, {"input_gain_db": 3.0})),
        (shown(None), ChangeSetup(1, {"places": SHOWN})),
        (kept(SHOWN), ChangeSetup(1, {"places": None})),
        (kept(None), ChangeSetup(1, {"places": SHOWN})),
        (kept(SHOWN), ChangeSetup(1, {"input_gain_db": 3.0})),
    ]


def learned(what: str, number: int) -> Learned:
    return Learned(time_s=1.0, revision=0, what=what, number=number, pad=PAD)


SHOWN = Shown(48000.0, (b"middle",), (b"rim",))


def shown(places: Shown | None) -> PlaceShown:
    return PlaceShown(time_s=1.0, revision=0, middle=8, rim=3, needed=8, places=places)


def kept(places: Shown | None) -> PlacesKept:
    return PlacesKept(time_s=1.0, revision=0, input="mic, channel 1", places=places)


def calibrated(gain_db: float) -> Calibrated:
    return Calibrated(time_s=1.0, revision=0, hits=4, gain_db=gain_db, clipped=False,
                      settings=Settings(threshold_db=-30.0))  # fmt: skip


@pytest.mark.parametrize(("event", "command"), crossings(), ids=str)
def test_engine_and_client_end_in_the_same_state(state, event, command):
    state = apply(state, answer(1))
    in_the_process, in_the_client = follow(state, event, command), follow(state, command, event)
    assert in_the_process.kit == in_the_client.kit
    assert in_the_process.setup == in_the_client.setup


def test_a_learned_note_is_swapped_and_a_parameter_has_one_controller(state):
    state = follow(state, learned(NOTE, 36), learned("pan", 7), learned("pan", 8))
    assert (state.kit.pads[PAD].note, state.kit.pads[0].note) == (36, 39)
    assert state.setup.controllers == {8: "pan"}


def test_other_messages_change_nothing(state):
    for message in (Strike(0, 1.0), Failed(time_s=0.0, message="x"), "started"):
        assert apply(state, message) is state


def test_a_state_that_is_not_allowed_is_refused(state):
    with pytest.raises(ValueError, match="gain_db is 99"):
        apply(state, edit(1, gain_db=99.0))
    with pytest.raises(ValueError, match="note 36 is on two pads"):
        apply(state, edit(1, note=36))


@pytest.mark.parametrize("name", ["attack_mix", "as_recorded"])
def test_what_a_pad_makes_of_its_drum_sounds_and_makes_no_answer_late(state, name):
    state = follow(state, answer(1), moved(name, 0.4))
    assert getattr(state.sound(PAD), name) == 0.4
    assert tau(apply(state, answer(1, tau=0.7))) == 0.7
    state = apply(state, edit(1, **{name: 0.6}))
    assert apply(state, moved(name, 0.2)) is state  # it crossed the edit
    assert getattr(apply(state, moved(name, 0.2, revision=1)).sound(PAD), name) == 0.2


def test_partials_reach_what_sounds_and_wrong_ones_are_refused(state):
    state = apply(state, edit(1, drum=Drum(TOM, partials=OWN, glide_s=0.2), as_recorded=0.5))
    assert state.sound(PAD) == Sound(Drum(TOM, partials=OWN, glide_s=0.2), 1.0, 0.5)
    with pytest.raises(ValueError, match="m of a partial is 11, allowed is 1 to 10"):
        apply(state, edit(2, drum=Drum(TOM, partials=(OWN[0]._replace(m=11),))))
    with pytest.raises(ValueError, match="as_recorded is 2, allowed is 0 to 1"):
        apply(state, edit(2, as_recorded=2.0))


POWERS = ((0.25,) * 7,) * 14
JSON = [  # what `live --json` prints; what a version printed stays, more may come
    (
        Ready(time_s=0.5, sample_rate=48000.0, block=64, input=None, output="Speaker",
              input_latency_s=None, output_latency_s=0.01),
        {"event": "ready", "time_s": 0.5, "sample_rate": 48000.0, "block": 64, "input": None,
         "output": "Speaker", "input_latency_s": None, "output_latency_s": 0.01},
    ),
    (
        DeviceChanged(time_s=0.1234567, system="midi", state="missing", name="no MIDI"),
        {"event": "device", "time_s": 0.123457, "of": "midi", "state": "missing",
         "name": "no MIDI"},
    ),
    (
        HitDetected(time_s=1.0, onset_s=1.0, velocity=90, pad=0, drum=0.97, place=64),
        {"event": "hit", "time_s": 1.0, "onset_s": 1.0, "velocity": 90, "pad": 1, "drum": 0.97,
         "place": 64},
    ),
    (
        HitIgnored(time_s=1.0, reason="mask time"),
        {"event": "ignored", "time_s": 1.0, "reason": "mask time"},
    ),
    (
        replace(answer(7), drum=Drum(TOM, (0.3, 0.45), 900.0, 0.2, POWERS, OWN, 0.15),
                stage="attack", distance=0.25, spread=(0.1,) * 5, no_drum_reason="x"),
        {"event": "theta", "time_s": 1.0, "stage": "full", "by": "attack", "pad": PAD + 1,
         "theta": TOM._asdict(), "levels": [list(row) for row in POWERS], "x1": 0.3, "x2": 0.45,
         "mallet_hz": 900.0, "tension": 0.2, "partials": [[2, 1, -30.5, 1.2, -6.0, 0.3]],
         "glide_s": 0.15, "wires_s": 10.0,
         "distance": 0.25, "spread": [0.1] * 5, "doubt": "x", "same_drum": None,
         "observed_s": 0.01, "latency_ms": 1.0},
    ),
    (
        NotePlayed(time_s=1.0, note=36, velocity=100, pad=None),
        {"event": "note", "time_s": 1.0, "note": 36, "velocity": 100, "pad": None},
    ),
    (
        moved("as_recorded", 0.5),
        {"event": "control", "time_s": 1.0, "controller": 20, "value": 64, "turns": "as_recorded",
         "to": 0.5, "pad": PAD + 1},
    ),
    (
        moved("attack_mix", 0.5),
        {"event": "control", "time_s": 1.0, "controller": 20, "value": 64, "turns": "attack",
         "to": 0.5, "pad": PAD + 1},
    ),
    (
        learned(NOTE, 40),
        {"event": "learned", "time_s": 1.0, "what": "note", "number": 40, "pad": PAD + 1},
    ),
    (
        calibrated(12.0),
        {"event": "listened", "time_s": 1.0, "hits": 4, "gain_db": 12.0, "clipped": False,
         "threshold_db": -30.0, "sensitivity": 0.6, "scan_ms": 3.0, "mask_ms": 20.0,
         "cancel": 0.1, "leak_db": -10.5, "drums_only": False},
    ),
    (
        replace(shown(SHOWN), told_apart=0.97),
        {"event": "place", "time_s": 1.0, "middle": 8, "rim": 3, "needed": 8, "told_apart": 0.97},
    ),
    (
        kept(SHOWN._replace(date="2026-11-30")),
        {"event": "kept place", "time_s": 1.0, "input": "mic, channel 1", "date": "2026-11-30"},
    ),
    (
        kept(None),
        {"event": "kept place", "time_s": 1.0, "input": "mic, channel 1", "date": None},
    ),
    (ModelLoaded(time_s=1.0, path="a.onnx"), {"event": "model", "time_s": 1.0, "path": "a.onnx"}),
    (Failed(time_s=1.0, message="x"), {"event": "error", "time_s": 1.0, "message": "x"}),
]  # fmt: skip


@pytest.mark.parametrize(("event", "printed"), JSON, ids=lambda value: getattr(value, "kind", ""))
def test_events_are_printed_unchanged(event, printed):
    assert list(event.to_json()) == list(printed)  # in this order
    assert json.loads(json.dumps(event.to_json())) == printed
