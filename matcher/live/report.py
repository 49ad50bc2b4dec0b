"""The engine's events as sentences, for the command line and the window."""

from matcher.live.protocol import (
    POSITION,
    Answered,
    Calibrated,
    ControllerMoved,
    Counted,
    DeviceChanged,
    Event,
    HitDetected,
    HitIgnored,
    Learned,
    ModelLoaded,
    NotePlayed,
    PlaceShown,
    PlacesKept,
    ProgramChanged,
    Ready,
)
from matcher.physics.parameters import PARAMETERS
from matcher.physics.theta import describe

SAME_DRUM = "fitted together with earlier hits on this drum"
ANOTHER_DRUM = "another drum than before"
COUNTS = {  # fields of Counted in words
    "drop_outs": "drop-outs",
    "dropped": "lost reports",
    "bad_samples": "invalid samples",
    "clipped": "input samples clipped",
    "limited": "output samples limited",
}


def sentence(event: Event) -> str:
    """The line that `live` prints for an event."""
    return f"{event.time_s:8.3f} s  {_words(event)}"


def _words(event: Event) -> str:
    match event:
        case Ready():
            devices = f"{event.input or 'no input'} to {event.output}"
            return f"ready: {devices}, {event.sample_rate:g} Hz"
        case HitDetected():
            place = "" if event.place is None else f", place {event.place}"
            return f"hit, velocity {event.velocity}{place}"
        case HitIgnored():
            return f"ignored: {event.reason}"
        case Answered():
            values = ", ".join(value for _, value, _ in describe(event.drum.theta))
            how = f"{event.observed_part}, {event.stage}"
            if event.same_drum is not None:
                how += ", " + (SAME_DRUM if event.same_drum else ANOTHER_DRUM)
            return f"pad {event.pad + 1} ({how}): {values}"
        case NotePlayed():
            where = "no pad" if event.pad is None else f"pad {event.pad + 1}"
            return f"note {event.note}, velocity {event.velocity}: {where}"
        case ControllerMoved():
            return f"controller {event.controller}, {event.value}: {turned(event)}"
        case PlaceShown():
            return place_shown(event)
        case PlacesKept():
            return places_kept(event)
        case ProgramChanged():
            return f"program {event.number + 1}"
        case Learned():
            what = PARAMETERS[event.what].label if event.what in PARAMETERS else event.what
            return f"learned: {event.number} for {what} of pad {event.pad + 1}"
        case Calibrated():
            return calibrated(event)
        case DeviceChanged():
            return f"{event.state}: {event.name}"
        case Counted():
            return "so far " + counted(vars(event))
        case ModelLoaded():
            return f"model {event.path}"
    return event.message  # Failed


def counted(numbers: dict) -> str:
    """What went wrong in the audio callbacks in words; numbers: by the names of Counted."""
    return ", ".join(f"{numbers[name]:,} {word}" for name, word in COUNTS.items() if numbers[name])


def turned(event: ControllerMoved, pad_name: str = "") -> str:
    """What a controller did, in words; pad_name: what to call the pad, by default its number."""
    if event.turns == POSITION:
        return "strike position of the next note"
    if event.turns is None:
        return "no parameter"
    row = PARAMETERS[event.turns]
    if event.pad is None:
        return f"{row.label}: the pad is empty"
    return f"{row.label} of {pad_name or f'pad {event.pad + 1}'} {row.format(event.to)}"


def calibrated(event: Calibrated) -> str:
    """The result of a calibration in words."""
    settings = event.settings
    clipped = "; the input clips, turn it down at the device" if event.clipped else ""
    return (
        f"set by {event.hits} hits: gain {event.gain_db:+g} dB, threshold "
        f"{settings.threshold_db:g} dB, sensitivity {100 * settings.sensitivity:.0f} %, "
        f"mask time {settings.mask_ms:g} ms{clipped}"
    )


def place_shown(event: PlaceShown) -> str:
    """Which strokes are wanted, or how well those that were shown are told apart, in words."""
    if event.told_apart is not None:
        share = f"{100 * event.told_apart:.0f} % of the pairs of strokes"
        return f"the place of hits is told: {share} are told apart"
    if event.middle < event.needed:
        return f"hit the middle of the drum: {event.middle} of {event.needed}"
    return f"hit it at the rim: {event.rim} of {event.needed}"


def places_kept(event: PlacesKept) -> str:
    """Since when the place of hits is known at an input, in words."""
    if event.places is None:
        return f"the place of hits was not learned at {event.input}, so it is not told"
    return f"the place of hits is told as learned on {event.places.date} at {event.input}"
