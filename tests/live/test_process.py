import queue
import threading
import time

import numpy as np
import pytest

from matcher.kits.kit import Kit
from matcher.live import events as callback_events
from matcher.live import kept_places, place_learning, programs
from matcher.live.callback import make_state
from matcher.live.events import HIT
from matcher.live.midi import Message
from matcher.live.midi_notes import PORTS
from matcher.live.midi_ring import CONTROL
from matcher.live.place_learning import Shown
from matcher.live.player import Player
from matcher.live.process import EngineProcess
from matcher.live.protocol import (
    Answered,
    ChangeSetup,
    EditPads,
    Event,
    Failed,
    PlaceShown,
    PlacesKept,
    ReplaceKit,
    Setup,
    ShowPlaces,
    State,
    apply,
)
from matcher.live.worker import Answer, Job
from matcher.matching.hear import Clip
from matcher.physics import drum
from matcher.physics.drum import Drum
from matcher.physics.partials import Partial
from tests.conftest import TOM
from tests.live.conftest import ONE

PAD = 3
MIC, OTHER_MIC = "a microphone (ALSA), channel 1", "another one (ALSA), channel 1"


@pytest.fixture
def process(silent, patient):
    """The engine inside its process, without a stream; `published` has its events."""
    published = queue.SimpleQueue()
    state = State(Setup(output="none of this name"))
    process = EngineProcess(state, published.put, time.monotonic())
    process.published = published
    yield process
    process.worker.close()


def answer(hit: int, tau: float, revision: int = 0) -> Answer:
    clip = Clip(np.ones(4800, np.float32), 48000, 0.1, False)
    job = Job(hit, PAD, revision, "full", clip, time.monotonic())
    return Answer(job, Drum(TOM._replace(tau=tau)), "network", None, None, "")


def stroke(process, hit: int) -> Answered:
    """A hit on one drum while the pad is as it is -> its refined answer."""
    on_pad, revision = process.state.kit.pads[PAD].drum, process.state.revision
    clip = Clip(drum.render(ONE, 48000, 1.2), 48000, 1.2, False)
    process.worker.submit(Job(hit, PAD, revision, "full", clip, time.monotonic(), on_pad))
    while True:
        event = process.published.get(timeout=60)
        if isinstance(event, Answered) and event.stage != "network":
            return event


def tau(process) -> float:
    return process.state.kit.pads[PAD].theta.tau


def events(process, kind) -> list:
    """The events of a class since the last call."""
    published = []
    while not process.published.empty():
        published.append(process.published.get())
    return [event for event in published if isinstance(event, kind)]


def test_a_late_answer_to_an_older_hit_does_not_overwrite_a_newer_one(process):
    assert process.put_answer(answer(1, 0.1))
    assert process.put_answer(answer(2, 0.2))
    assert not process.put_answer(answer(1, 0.3))
    assert tau(process) == 0.2
    assert process.put_answer(answer(2, 0.4))
    assert tau(process) == 0.4


def test_an_answer_is_published_with_the_number_of_its_hit(process):
    process.put_answer(answer(5, 0.1))
    process.put_answer(answer(6, 0.2))
    process.put_answer(answer(5, 0.3))
    assert [(e.hit, e.drum.theta.tau) for e in events(process, Answered)] == [(5, 0.1), (6, 0.2)]


def test_a_muted_pad_takes_answers_and_an_edited_one_does_not(process):
    assert process.put_answer(answer(1, 0.1))
    process.obey(ChangeSetup(1, {"solo": frozenset({0})}))
    assert process.put_answer(answer(1, 0.2))
    turned = Drum(TOM._replace(tau=0.7))
    process.obey(EditPads(2, {PAD: {"drum": turned}}))
    assert not process.put_answer(answer(1, 0.3))
    assert tau(process) == 0.7


def test_controllers_turn_a_muted_pad(process):
    process.obey(EditPads(1, {PAD: {"drum": Drum(TOM)}}))
    process.obey(ChangeSetup(2, {"solo": frozenset({0}), "armed": PAD, "controllers": {20: "tau"}}))
    process.midi._turn(20, 127)
    assert tau(process) == pytest.approx(3.0)


def test_a_controller_sets_how_far_a_pad_is_as_recorded(process):
    own = (Partial(2, 1, -30.5, 1.2, -6.0, 0.3),)
    process.obey(EditPads(1, {PAD: {"drum": Drum(TOM, partials=own)}}))
    process.obey(ChangeSetup(2, {"armed": PAD}))
    process.midi.learn("as_recorded")
    turn = [Message(PORTS, 0, 0, CONTROL, 0, 20, value) for value in (127, 0)]
    process.midi._do(turn)
    assert process.state.setup.controllers == {20: "as_recorded"}
    assert process.state.sound(PAD) == (Drum(TOM, partials=own), 1.0, 0.0)


def test_an_answer_for_a_kit_that_is_gone_is_dropped(process):
    process.obey(ReplaceKit(1, Kit("Another")))
    assert not process.put_answer(answer(1, 0.1))
    assert process.state.kit == Kit("Another")


def test_a_hit_that_cannot_be_matched_is_reported_and_the_next_one_is_matched(process):
    def nu(features, network=process.encoder.nu):
        process.encoder.nu = network  # only the first call fails
        return np.full((1, 5), np.nan), np.ones(1)

    process.encoder.nu = nu
    clip = Clip(np.sin(np.arange(9600) / 40).astype(np.float32), 48000, 0.2, True)
    for hit in (1, 2):
        process.worker.submit(Job(hit, PAD, 0, "full", clip, time.monotonic()))
    end = time.monotonic() + 60
    received = []
    while len(received) < 2 and time.monotonic() < end:
        received += events(process, (Failed, Answered))
        time.sleep(0.01)
    failed, answered = received
    assert "NaN" in failed.message
    assert answered.hit == 2


def test_hits_on_a_pad_keep_its_body_as_it_was_matched_and_as_it_was_turned(process):
    first = stroke(process, 1)
    matched = process.state.kit.pads[PAD].drum
    assert first.same_drum is None and first.drum == matched
    assert stroke(process, 2).same_drum
    assert process.state.kit.pads[PAD].theta == matched.theta
    turned = process.state.kit.pads[PAD].drum.with_value("tau", 1.2 * matched.theta.tau)
    process.obey(EditPads(1, {PAD: {"drum": turned}}))
    assert stroke(process, 3).same_drum
    assert process.state.kit.pads[PAD].theta == turned.theta


def test_events_are_published_in_the_order_in_which_they_are_applied(process):
    """A client that applies them in turn comes to the same kit."""
    process.obey(EditPads(1, {PAD: {"drum": Drum(TOM)}}))
    process.obey(ChangeSetup(2, {"armed": PAD, "controllers": {20: "tau"}}))
    client = process.state
    entered, put_pad = threading.Event(), process.player.put_pad

    def slow_put_pad(i, program=True):  # as while an earlier program is on its way
        entered.set()
        time.sleep(0.05)
        put_pad(i, program)

    process.player.put_pad = slow_put_pad
    worker = threading.Thread(target=process.put_answer, args=(answer(1, 0.1, revision=2),))
    worker.start()
    entered.wait(60)
    process.midi._turn(20, 100)
    worker.join()
    for event in events(process, Event):
        client = apply(client, event)
    assert client.kit == process.state.kit
    assert tau(process) > 0.5  # the controller was moved last


def test_a_stream_that_closes_while_a_drum_is_put_on_its_pad(process):
    """Its record is taken once; nothing of the answer is lost."""

    class Streams:
        state, sample_rate, input_rate, input = make_state(48000, 0, 2), 48000.0, 48000.0, None

    process.player._audio.streams = Streams()
    write_program = programs.write_program

    def close_meanwhile(*arguments):
        process.player._audio.streams = None  # as the main thread does it
        write_program(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(programs, "write_program", close_meanwhile)
        assert process.put_answer(answer(1, 0.1))
    assert [event.hit for event in events(process, Answered)] == [1]
    assert tau(process) == 0.1


def test_hits_leave_by_the_note_that_the_armed_pad_has_now(process, monkeypatch):
    notes, opened = [], []
    monkeypatch.setattr(
        process.player, "configure", lambda: notes.append(process.state.kit.pads[0].note)
    )
    monkeypatch.setattr(process.midi, "rescan", lambda: opened.append(process.state.setup.midi_out))
    process.obey(ChangeSetup(1, {"midi_out": True}))
    assert opened == [True]
    process.obey(EditPads(2, {0: {"note": 60}}))
    assert notes[-1] == 60


def test_places_are_shown_at_an_input(process):
    with pytest.raises(ValueError, match="no input to show places at"):
        process.obey(ShowPlaces())


def test_an_edit_of_places_ends_showing_them(process, monkeypatch):
    capture = make_state(48000, 1, 2)[0]["capture"]
    capture["time"] = 9600  # frames of silence have come
    for name, value in (("has_input", True), ("input_rate", 48000.0), ("input_name", MIC),
                        ("capture", capture),
                        ("input_time_of", lambda player, frame: frame / 48000)):  # fmt: skip
        monkeypatch.setattr(Player, name, value)
    process.obey(ChangeSetup(1, {"mode": "trigger"}))

    def strike(n: int) -> list[tuple[int, int]]:
        """How many strokes have come in the middle and at the rim, each time that it is said."""
        for i in range(n):
            process._report(callback_events.Event(1000 * (i + 1), HIT, PAD, 98, 0.5, -1))
        process._follow_shown_places()
        return [(event.middle, event.rim) for event in events(process, PlaceShown)]

    process.obey(ShowPlaces())
    assert strike(3) == [(0, 0), (3, 0)]
    process.obey(ChangeSetup(2, {"input_gain_db": 1.0}))
    assert strike(6) == [(8, 1)]
    process.obey(ChangeSetup(3, {"places": None}))
    assert strike(6) == []  # one less than are needed
    process.obey(ShowPlaces())
    assert strike(1) == [(0, 0), (1, 0)]


def strokes_of(hz: float) -> tuple[bytes, ...]:
    """Eight strokes as Shown keeps them, louder and louder."""
    tone = np.float32(np.sin(2 * np.pi * hz * np.arange(480) / 48000))
    return tuple(place_learning.cut(rise * tone, 96, 48000) for rise in np.linspace(0.1, 1, 8))


@pytest.fixture
def open_input(process, tmp_path, monkeypatch):
    """Call it with the name of an input that is opened; hits are sent, places are kept."""
    process.obey(ChangeSetup(1, {"places_folder": tmp_path, "midi_out": True}))
    for name, value in (("has_input", True), ("input_rate", 48000.0), ("capture", None)):
        monkeypatch.setattr(Player, name, value)

    def open_(name: str) -> list[PlacesKept]:
        monkeypatch.setattr(Player, "input_name", name)
        process._begin_stream("input")
        return events(process, PlacesKept)

    return open_


def show_strokes(process) -> Shown:
    """Have strokes shown at the open input, as they come; what is told by them."""
    process.obey(ShowPlaces())
    process._shown_places._strokes = [*strokes_of(200), *strokes_of(2000)]
    process._shown_places.receive = lambda record: True
    process._follow_shown_places()
    return process.state.setup.places


def test_what_was_learned_at_an_input_is_used_when_it_is_opened_again(
    process, open_input, tmp_path
):
    assert open_input(MIC) == []  # nothing was learned yet
    learned = show_strokes(process)
    assert learned.input == MIC
    assert open_input(MIC) == []  # it is used already
    (other,) = open_input(OTHER_MIC)
    assert (other.input, other.places, process.state.setup.places) == (OTHER_MIC, None, None)
    process.obey(ShowPlaces(anew=False))
    assert process._shown_places is not None
    (again,) = open_input(MIC)
    assert again.places == process.state.setup.places == learned
    assert again.to_json()["date"] == learned.date
    process.obey(ShowPlaces(anew=False))
    assert process._shown_places is None
    process.obey(ChangeSetup(2, {"places": None}))  # it is forgotten
    assert open_input(OTHER_MIC) == open_input(MIC) == []
    assert list(tmp_path.iterdir()) == []


def test_an_edit_that_crosses_what_was_learned_brings_back_what_was_kept(
    process, open_input, tmp_path
):
    open_input(MIC)
    first = show_strokes(process)._replace(date="2020-01-01")
    process.obey(ChangeSetup(2, {"places": first}))
    show_strokes(process)
    assert kept_places.load(tmp_path, MIC) != first
    process.obey(ChangeSetup(3, {"places": first}))  # the client ended learning meanwhile
    assert kept_places.load(tmp_path, MIC) == first


def test_places_that_were_kept_are_for_hits_that_are_sent(process, open_input, tmp_path):
    kept = Shown(48000.0, strokes_of(200), strokes_of(2000), MIC, "2026-11-30")
    kept_places.save(tmp_path, kept)
    process.obey(ChangeSetup(2, {"midi_out": False}))
    assert open_input(MIC) == []
    assert process.state.setup.places is None
    process.obey(ChangeSetup(3, {"midi_out": True}))
    assert process.state.setup.places == kept


def test_a_broken_file_of_places_is_a_sentence_and_the_engine_goes_on(
    process, open_input, tmp_path, monkeypatch
):
    kept_places.save(tmp_path, Shown(48000.0, (), (), MIC, "2026-11-30"))
    monkeypatch.setattr(Player, "input_name", MIC)
    process._begin_stream("input")
    (failed,) = events(process, Failed)
    assert "the place of hits is not told until it is learned again" in failed.message
    assert process.state.setup.places is None
    learned = show_strokes(process)
    assert kept_places.load(tmp_path, MIC) == learned


def test_places_that_cannot_be_kept_are_told_all_the_same(process, open_input, tmp_path):
    open_input(MIC)
    (tmp_path / "file").write_text("")
    process.obey(ChangeSetup(2, {"places_folder": tmp_path / "file" / "places"}))
    assert show_strokes(process) is not None
    (failed,) = events(process, Failed)
    assert "the place of hits is not kept for the next start: " in failed.message


def test_places_that_cannot_be_told_are_reported_once(process):
    low, high = strokes_of(200), strokes_of(2000)
    places = process.player._learned_places
    process.obey(ChangeSetup(1, {"places": Shown(48000.0, low, low)}))
    assert places(48000.0) is None  # hits are not sent
    process.obey(ChangeSetup(2, {"midi_out": True}))
    assert places(48000.0) is None and places(48000.0) is None
    (failed,) = events(process, Failed)
    assert "sound too much alike" in failed.message
    process.obey(ChangeSetup(3, {"places": Shown(48000.0, low, high)}))
    assert places(48000.0)["n"] == 144
    assert places(96000.0)["n"] == 144 and places(96000.0)["stride"] == 2
    assert not events(process, Failed)
