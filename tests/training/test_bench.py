from functools import partial

import pytest
import torch

from training import bench, dataset


def test_every_loss_without_a_spectrum_has_a_pace(monkeypatch, tmp_path):
    monkeypatch.setenv("DRUM_MATCHER_CACHE", str(tmp_path))
    monkeypatch.setattr(bench, "LOSSES", ("p", "pnp", "proxy"))
    monkeypatch.setattr(dataset, "SHARD", 64)  # sounds; one batch
    once = partial(bench.seconds_per_sound, repeats=1)
    monkeypatch.setattr(bench, "seconds_per_sound", once)
    seconds = bench.loss_seconds()
    assert list(seconds) == ["p", "pnp", "proxy"]
    assert all(value > 0 for value in seconds.values())


def test_it_takes_no_other_arguments(capsys):
    with pytest.raises(SystemExit) as stop:
        bench.main(["--fast"])
    assert stop.value.code == 2


@pytest.mark.skipif(torch.cuda.is_available(), reason="CUDA here")
def test_without_a_gpu_it_says_so(capsys):
    assert bench.main(["--device", "cuda"]) == 2
    assert capsys.readouterr().err == (
        "training.bench: device is cuda, but torch finds no GPU here; allowed is cpu\n"
    )
