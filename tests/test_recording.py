"""Damaged and hostile sound files: each is refused in a sentence, before memory is taken for it."""

import os
import resource
import struct
import tracemalloc

import numpy as np
import pytest
import soundfile

from matcher.matching.match import match
from matcher.recording import (
    BLOCK_SAMPLES,
    LONGEST_FILE_NAME,
    MOST_CHANNELS,
    Recording,
    file_name,
    save_atomically,
    write_wav,
)


def wav(channels=1, rate=48000, bits=16, data_bytes=4, body=b"\0\0\0\0") -> bytes:
    """A WAV file whose header says this; body: what really follows."""
    align = channels * bits // 8 & 0xFFFF
    head = struct.pack("<HHIIHH", 1, channels, rate, rate * align & 0xFFFFFFFF, align, bits)
    chunks = b"fmt " + struct.pack("<I", 16) + head + b"data" + struct.pack("<I", data_bytes) + body
    return b"RIFF" + struct.pack("<I", 4 + len(chunks) & 0xFFFFFFFF) + b"WAVE" + chunks


def read(path) -> int:
    """Frames that a file really has."""
    with Recording(path) as recording:
        return sum(map(len, recording.blocks()))


@pytest.mark.parametrize(
    ("header", "sentence"),
    [
        ({"rate": 10**9}, r"the sample rate of .* is 1e\+09, allowed is 1000 to 768000"),
        ({"rate": 1}, r"the sample rate of .* is 1, allowed is"),
        ({"rate": 0}, r"sound file that can be read|sample rate"),
        ({"channels": 65535}, r"sound file that can be read|number of channels .*, allowed is"),
        ({"channels": 1000}, rf"number of channels of .* is 1000, allowed is 1 to {MOST_CHANNELS}"),
        ({"channels": 0}, r"sound file that can be read|number of channels"),
    ],
)
def test_a_header_that_claims_too_much_is_refused(tmp_path, header, sentence):
    (tmp_path / "x.wav").write_bytes(wav(**header))
    tracemalloc.start()
    with pytest.raises(ValueError, match=sentence) as refused:
        read(tmp_path / "x.wav")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert "\n" not in str(refused.value)
    print(f"{header}: {peak / 1e6:.2f} MB; {refused.value}")
    assert peak < 1e6


def test_frames_that_are_only_promised_take_no_memory(tmp_path):
    body = np.full(1000, 99, np.int16).tobytes()
    (tmp_path / "x.wav").write_bytes(wav(data_bytes=0xFFFFFFFC, body=body))  # 2^31 frames
    tracemalloc.start()
    assert read(tmp_path / "x.wav") <= 1000
    with Recording(tmp_path / "x.wav") as recording:
        assert len(recording.read(0, 2**31)) <= 1000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    print(f"2^31 frames promised: {peak / 1e6:.1f} MB")
    assert peak < 3 * 4 * BLOCK_SAMPLES


def test_many_channels_are_read_in_blocks_of_one_size(tmp_path):
    x = np.random.default_rng(0).uniform(-0.5, 0.5, (20_000, MOST_CHANNELS))
    soundfile.write(tmp_path / "x.wav", x, 48000, "FLOAT", format="RF64")
    with Recording(tmp_path / "x.wav") as recording:
        blocks = list(recording.blocks())
        part = recording.read(100, 19_000)
    assert max(map(len, blocks)) * MOST_CHANNELS <= BLOCK_SAMPLES
    np.testing.assert_allclose(np.concatenate(blocks), x.mean(axis=1), atol=1e-6)
    np.testing.assert_allclose(part, x.mean(axis=1)[100:19_000], atol=1e-6)


def test_what_is_no_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe.wav")
    with pytest.raises(ValueError, match=r"pipe\.wav is not a file; give a WAV"):
        Recording(tmp_path / "pipe.wav")  # opening it would wait for ever
    with pytest.raises(ValueError, match="is a folder"):
        Recording(tmp_path)


@pytest.mark.parametrize("rate", [0, 10**9, -1])
def test_a_sample_rate_in_memory_is_checked_first(rate):
    with pytest.raises(ValueError, match=r"sample_rate is .*, allowed is 1000 to 768000"):
        match(np.ones(1000, np.float32), rate)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Täst & Kit!", "Tast-Kit"), ("../..", "kit"), ("", "kit"), ("a/b\n'c\"", "a-b-c"),
        ("Барабан", "kit"), ("aux", "aux-"), ("COM1", "COM1-"),
        ("x" * 300, "x" * LONGEST_FILE_NAME),
        ("\N{SQUARE AM}" * 64, ("a-m-" * 64)[: LONGEST_FILE_NAME - 1]),  # four letters each
    ],
)  # fmt: skip
def test_names_of_files(text, name):
    assert file_name(text, "kit") == name


@pytest.fixture
def small_disk():
    """Files may have 2,000 bytes at most, as on a disk that is nearly full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_an_error_that_names_the_file(tmp_path, small_disk):
    path = tmp_path / "x.wav"
    for write in (
        lambda: write_wav(path, np.zeros(48000, np.float32), 48000),
        lambda: save_atomically(path, lambda file: file.write(bytes(10_000))),
    ):
        with pytest.raises(OSError) as error:
            write()
        assert error.value.filename == str(path)
        assert list(tmp_path.iterdir()) == []


def test_a_folder_in_the_way_is_an_error_that_names_it(tmp_path):
    (tmp_path / "x").mkdir()
    with pytest.raises(OSError) as error:
        save_atomically(tmp_path / "x", lambda file: file.write(b"x"))
    assert error.value.filename == str(tmp_path / "x")
    assert [path.name for path in tmp_path.iterdir()] == ["x"]
