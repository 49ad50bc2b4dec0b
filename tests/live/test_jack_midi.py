"""The JACK client without a server: a library that stands in for JACK's."""

import gc
import threading
import time
import weakref
from types import SimpleNamespace

import numpy as np

from matcher.live import jack_midi


def make_source(may_close: threading.Event) -> jack_midi.Source:
    """A source whose client takes until `may_close` to close."""
    source = jack_midi.Source.__new__(jack_midi.Source)
    source._both = np.zeros(1, jack_midi.JACK)
    source.state = source._both["messages"]
    source._client = 1
    source._jack = SimpleNamespace(jack_client_close=lambda client: may_close.wait(10))
    return source


def test_what_jack_writes_to_is_kept_until_its_client_is_closed(monkeypatch):
    monkeypatch.setattr(jack_midi, "CLOSE_S", 0.01)
    may_close = threading.Event()
    source = make_source(may_close)
    state = weakref.ref(source.state)
    source.close()  # gives up waiting
    del source
    gc.collect()
    assert state() is not None
    may_close.set()
    end = time.monotonic() + 60
    while state() is not None and time.monotonic() < end:
        time.sleep(0.01)
        gc.collect()
    assert state() is None
