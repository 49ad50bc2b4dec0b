"""Sound files: read block by block, written atomically."""

import io
import os
import re
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import soundfile

from matcher.checks import check_range

BLOCK_SAMPLES = 2**21  # frames times channels that are read at once: 8 MB
RATES = (8000, 384000)  # Hz: allowed sample rates of written files
READABLE_RATES = (1000, 768000)  # Hz, of recordings: a header can claim any
MOST_CHANNELS = 256  # of recordings: more than any interface has
FORMATS = "WAV, FLAC, AIFF, OGG or MP3"
LONGEST_FILE_NAME = 64  # characters that file_name gives: systems allow 255 with all around it
# names that Windows keeps for devices, whatever their suffix
DEVICES = {"CON", "PRN", "AUX", "NUL"} | {f"{p}{i}" for p in ("COM", "LPT") for i in range(10)}


class Recording:
    """A sound file as a mono signal, the mean of its channels; a context manager.

    Args:
        path: path of the file.

    Raises:
        ValueError: in one sentence, if the file is missing or cannot be read, or its sample rate or
            number of channels is not allowed; when it is read, if it is broken or has NaN or
            infinite samples.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        if not self.path.exists():
            raise ValueError(f"{path} does not exist; give a {FORMATS} file")
        if not self.path.is_file():  # a pipe might never end
            what = "a folder" if self.path.is_dir() else "not a file"
            raise ValueError(f"{path} is {what}; give a {FORMATS} file")
        try:
            self._file = soundfile.SoundFile(self.path)
        except (OSError, soundfile.SoundFileError) as error:
            raise ValueError(
                f"{path} is not a sound file that can be read; give {FORMATS}"
            ) from error
        self.sample_rate = self._file.samplerate
        self.n_frames = self._file.frames
        try:
            check_range(f"the sample rate of {path}", self.sample_rate, *READABLE_RATES)
            check_range(f"the number of channels of {path}", self._file.channels, 1, MOST_CHANNELS)
        except ValueError:
            self._file.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._file.close()

    def blocks(self) -> Iterator[np.ndarray]:
        """Read the whole file in blocks (frames,) float32, from its start."""
        self._file.seek(0)
        while len(block := self._read(self._block)):
            yield block

    def read(self, start: int, stop: int) -> np.ndarray:
        """Read frames start to stop, (frames,) float32; fewer if the file ends before."""
        self._file.seek(start)
        blocks, left = [np.zeros(0, np.float32)], stop - start
        while left > 0 and len(block := self._read(min(left, self._block))):
            blocks.append(block)
            left -= len(block)
        return np.concatenate(blocks)

    @property
    def _block(self) -> int:
        """Frames that are read at once, however many a header promises."""
        return BLOCK_SAMPLES // self._file.channels

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
    save_atomically(path, lambda file: file.write(encode(x, sample_rate)))


def encode(x: np.ndarray, sample_rate: int, bits: int = 24, flac: bool = False) -> bytes:
    """A sound as the bytes of a WAV file, or of a FLAC file.

    Args:
        x: (samples,) or (samples, channels) in [-1, 1].
        sample_rate: Hz.
        bits: depth, 16 or 24.
        flac: FLAC instead of WAV.
    """
    file = io.BytesIO()
    soundfile.write(file, x, sample_rate, f"PCM_{bits}", format="FLAC" if flac else "WAV")
    return file.getvalue()


def file_name(text: str, otherwise: str) -> str:
    """A name for files that all systems and samplers take: letters, digits and hyphens.

    Args:
        text: what it is made from; accents are dropped, and what is too long.
        otherwise: the name where nothing is left.
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    name = re.sub(r"[^A-Za-z0-9]+", "-", plain)[:LONGEST_FILE_NAME].strip("-") or otherwise
    return f"{name}-" if name.upper() in DEVICES else name


@contextmanager
def errors_name(path: Path, temporary: Path) -> Iterator[None]:
    """Let errors of the system name the path that was asked for, not where it is prepared."""
    try:
        yield
    except OSError as error:
        asked = error.filename is not None and not str(error.filename).startswith(str(temporary))
        if error.errno is not None and not asked:
            error.filename, error.filename2 = str(path), None
        raise


def save_atomically(path: str | Path, write) -> None:
    """Write a file under a temporary name, then rename it: it is replaced as a whole or not at all.

    Args:
        path: path of the file.
        write: called with the open temporary file.

    Raises:
        OSError: if the file cannot be written; it names the path.
        ValueError: if its folder does not exist.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise ValueError(f"{path.parent} is not a folder; {path.name} needs one that exists")
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with errors_name(path, temporary):
            with open(temporary, "wb") as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
