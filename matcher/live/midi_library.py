"""The library that speaks to MIDI ports beside JACK: whichever of two bindings is installed."""

from matcher.live.portmidi_library import PortMidi
from matcher.live.quiet_libraries import quiet_libraries
from matcher.live.rtmidi_library import RtMidi


def load() -> RtMidi | PortMidi:
    """The library. Raises ValueError where it is missing."""
    quiet_libraries()
    for binding in (RtMidi, PortMidi):
        try:
            return binding()
        except ImportError:
            continue
    raise ValueError(
        "neither of the packages python-rtmidi and pygame-ce is there, or can be loaded"
    )
