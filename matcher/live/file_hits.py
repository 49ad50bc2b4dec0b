"""The hits of a recording: as the live detector finds them, or with the look-ahead of matching."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from matcher.live.detector import NO_DRUM, REASONS, Settings, detect, make_detector
from matcher.matching import onset
from matcher.recording import Recording

BEFORE_S = 0.05  # s of silence before the recording, which may begin with a hit
MARGIN_S = 0.1  # s of the recording before a hit, in which its onset is looked for
LIKELY = 0.5  # probability of a drum, below which "drums only" ignores a hit
DETECTOR_RATES = (8000, 384000)  # Hz: of recordings in which hits can be found


@dataclass(frozen=True)
class FileHit:
    """A hit of a recording, or a stroke that was ignored."""

    onset_s: float
    velocity: int  # 1 to 127, by the peak of its scan time; 127 is full scale
    drum: float  # probability that it is a drum's
    reason: str  # why it was ignored; empty for a hit


def find(path: str | Path, settings: Settings, look_ahead: bool = False) -> list[FileHit]:
    """Find the hits of a recording.

    Args:
        path: the sound file.
        settings: of the detector; with look-ahead only scan time and "drums only" matter.
        look_ahead: find them as matching does, with the recording at hand, instead of as live.

    Raises:
        ValueError: in one sentence, if the file cannot be read or its sample rate is not allowed.
    """
    with Recording(path) as recording:
        low, high = DETECTOR_RATES
        if not low <= recording.sample_rate <= high:
            raise ValueError(
                f"{path} has a sample rate of {recording.sample_rate} Hz, allowed is {low} to "
                f"{high} Hz"
            )
        return (_with_look_ahead if look_ahead else _as_live)(recording, settings)


def _as_live(recording: Recording, settings: Settings) -> list[FileHit]:
    rate = recording.sample_rate
    record, before = make_detector(settings, rate)[0], round(BEFORE_S * rate)
    found = detect(record, np.zeros(before))
    for block in recording.blocks():
        found += detect(record, block)
    found += detect(record, np.zeros(int(record["scanning"])))  # a hit that is not judged yet
    return [
        FileHit(max(0, f.onset - before) / rate, _velocity(f.peak), f.drum, f.reason) for f in found
    ]


def _with_look_ahead(recording: Recording, settings: Settings) -> list[FileHit]:
    rate = recording.sample_rate
    margin, scan = round(MARGIN_S * rate), round(settings.scan_ms / 1e3 * rate)
    measured = onset.measure(recording.blocks(), rate)
    if measured.peak <= onset.SILENCE:
        return []
    rows = []
    for hit in onset.find_hits(measured, rate):
        first = max(0, hit.onset - margin)
        x = recording.read(first, hit.onset + margin)
        at = onset.refine(x, hit.onset - first, rate)
        peak = float(np.abs(x[at : at + scan]).max(initial=0))
        ignored = settings.drums_only and hit.drum < LIKELY
        reason = REASONS[NO_DRUM] if ignored else ""
        rows.append(FileHit((first + at) / rate, _velocity(peak), hit.drum, reason))
    return rows


def _velocity(peak: float) -> int:
    return int(np.clip(round(127 * peak), 1, 127))
