"""The log-mel spectra of all recordings of a part, among which a twin is looked for."""

import hashlib
import json
from functools import cache, partial
from pathlib import Path

import numpy as np

from matcher.recording import save_atomically
from training import jobs, mel
from training.cached_rows import code_digest, file_digest
from training.dataset import cache_folder
from training.judges import Sound, sound_of

CHUNK = 32  # recordings compared at once: some 4 MB


def build(paths: list[Path], workers: int) -> Path:
    """The log-mel spectra of recordings, kept in the cache folder.

    Args:
        paths: Of the recordings.
        workers: Processes.

    Returns:
        A file with (recordings, mel.N_MELS, mel.N_FRAMES) float16, dB.
    """
    key = json.dumps([code_digest("yardsticks"), *(file_digest(path) for path in paths)])
    file = cache_folder() / "gallery" / f"{hashlib.sha256(key.encode()).hexdigest()[:16]}.npy"
    if not file.is_file():
        spectra = np.array(jobs.each(_spectrum, paths, workers, "spectra"), np.float16)
        file.parent.mkdir(parents=True, exist_ok=True)
        save_atomically(file, partial(np.save, arr=spectra))
    return file


def nearest(twin: Sound, reference: Sound, file: Path) -> int:
    """The number of the recording that is nearest to a twin by log-mel spectra.

    Args:
        twin: The twin, as long as its recording.
        reference: Its recording: all are compared for as long as this lasts if it was cut off.
        file: As `build` gives it.
    """
    frames = 1 + len(reference.x) // mel.HOP if reference.ended else mel.N_FRAMES
    spectrum, others = twin.log_mel[:, :frames], _read(file)[:, :, :frames]
    chunks = (others[i : i + CHUNK].astype(np.float32) for i in range(0, len(others), CHUNK))
    return int(np.argmin(np.concatenate([mel.log_mel_distance(spectrum, c) for c in chunks])))


@cache
def _read(file: Path) -> np.ndarray:
    return np.load(file)


def _spectrum(path: Path) -> np.ndarray:
    return sound_of(path).log_mel
