"""The place of hits, learned by one `live`, is told by the next one, or learned anew."""

import datetime

import pytest

from tests.e2e.test_midi_out import struck

pytest.importorskip("jack")
NEEDED = 8  # strokes at each place


@pytest.mark.slow
def test_places_are_told_at_the_next_start_and_learned_anew_where_that_is_asked_for(
    stack, tmp_path, monkeypatch
):
    from tests.e2e.rig import App, Cables, Server

    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    stack.callback(Server(128).stop)

    def start(*more):
        """The app, once its microphone is connected, and the cables."""
        app = App("--mode", "trigger", "--pad", 16, "--midi-out", "--midi-out-place", *more)
        stack.callback(app.stop)
        app.wait_for("ready", 180)
        cables = Cables()
        cables.wire()
        return app, cables

    def told(app, cables) -> list[int | None]:
        """Places of hits in the middle and at the rim, in turns."""
        app.forget()
        cables.play(struck([0.0, 1.0] * 3, seed=1))
        return [event["place"] for event in app.drain(2) if event["event"] == "hit"]

    def end(app, cables):
        cables.close()
        app.stop()

    days = [datetime.date.today().isoformat()]
    app, cables = start()
    app.wait_for("place", middle=0, needed=NEEDED)
    assert told(app, cables) == [None] * 6
    end(app, cables)
    app, cables = start()  # what was begun and not finished is not kept
    app.wait_for("place", middle=0)
    cables.play(struck([0.1] * NEEDED + [0.9] * NEEDED))
    app.wait_for("place", middle=NEEDED, rim=NEEDED)
    end(app, cables)

    app, cables = start()
    kept = app.wait_for("kept place")
    assert kept["date"] in [*days, datetime.date.today().isoformat()]
    places = told(app, cables)
    assert max(places[::2]) < 40 and min(places[1::2]) > 87
    assert not [event for event in app.seen if event["event"] == "place"]
    end(app, cables)

    app, cables = start("--midi-out-place-anew")
    app.wait_for("kept place")  # it is told until it is learned
    app.wait_for("place", middle=0)
    end(app, cables)
