"""Sound files: read block by block, written atomically."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile

BLOCK_FRAMES = 2**18  # frames: reading an hour of 8 channels at 192 kHz takes about 20 MB
RATES = (8000, 384000)  # Hz: allowed sample rates of written files
FORMATS = "WAV, FLAC, AIFF, OGG or MP3"


class Recording:
    """A sound file as a mono signal, the mean of its channels; a context manager.

    Args:
        path: path of the file.

    Raises:
        ValueError: in one sentence, if the file is missing or cannot be read; when it is read, if
            it is broken or has NaN or infinite samples.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        if not self.path.exists():
            raise ValueError(f"{path} does not exist; give a {FORMATS} file")
        if self.path.is_dir():
            raise ValueError(f"{path} is a folder; give a {FORMATS} file")
        try:
            self._file = soundfile.SoundFile(self.path)
        except (OSError, soundfile.SoundFileError) as error:
            raise ValueError(
                f"{path} is not a sound file that can be read; give {FORMATS}"
            ) from error
        self.sample_rate = self._file.samplerate
        self.n_frames = self._file.frames

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._file.close()

    def blocks(self) -> Iterator[np.ndarray]:
        """Read the whole file in blocks (frames,) float32, from its start."""
        self._file.seek(0)
        while len(block := self._read(BLOCK_FRAMES)):
            yield block

    def read(self, start: int, stop: int) -> np.ndarray:
        """Read frames start to stop, (frames,) float32; fewer if the file ends before."""
        self._file.seek(start)
        return self._read(stop - start)

    def _read(self, n_frames: int) -> np.ndarray:
        try:
            frames = self._file.read(n_frames, dtype="float32", always_2d=True)
        except (OSError, soundfile.SoundFileError) as error:
            raise ValueError(f"{self.path} is broken: it cannot be read to its end") from error
        mono = frames.mean(axis=1)  # (frames,)
        if not np.isfinite(mono).all():
            raise ValueError(
                f"{self.path} holds NaN or infinite samples; only finite ones are allowed"
            )
        return mono


def write_wav(path: str | Path, x: np.ndarray, sample_rate: int) -> None:
    """Write a 24-bit mono WAV file atomically.

    Args:
        path: path of the file.
        x: (samples,) in [-1, 1].
        sample_rate: Hz.

    Raises:
        OSError: if the file cannot be written.
        ValueError: if its folder does not exist.
    """
    save_atomically(
        path, lambda file: soundfile.write(file, x, sample_rate, "PCM_24", format="WAV")
    )


def save_atomically(path: str | Path, write) -> None:
    """Write a file under a temporary name, then rename it: it is replaced as a whole or not at all.

    Args:
        path: path of the file.
        write: called with the open temporary file.

    Raises:
        OSError: if the file cannot be written.
        ValueError: if its folder does not exist.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise ValueError(f"{path.parent} is not a folder; {path.name} needs one that exists")
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
