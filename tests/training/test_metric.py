import os
import random
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch

from matcher.physics.theta import PRESETS
from training import jobs, metric, workers
from training.dataset import SHARD
from training.jtfs import Phi, shared_phi
from training.metric import Metric, factor, jacobian, load_table, make_table, secants
from training.synth import render

COUNT = 8  # sounds, in shards of two
SCRIPT = (
    "import sys; from training import jobs, metric; jobs.ROWS = 2;"
    "sys.exit(metric.main(sys.argv[1:])) if __name__ == '__main__' else None"
)


@pytest.fixture(scope="module")
def phi64():
    return Phi().double()


def draw(count, seed):
    return torch.from_numpy(np.random.default_rng(seed).uniform(-1, 1, (count, 5)))


def make(folder, *more, wait=True):
    """A small table through the command line, in shards of two."""
    arguments = ["--preset", "paper", "--count", str(COUNT), "--validation", "2"]
    arguments += ["--F", "2", "--workers", "1"]
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, *arguments, "-o", str(folder / "table.npz"), *more],
        env=os.environ | {"DRUM_MATCHER_CACHE": str(folder)},
        start_new_session=True,
    )
    if wait:
        assert process.wait() == 0
    return process


def shards(folder) -> dict:
    """Shards that are kept, with the times at which they were written."""
    return {path: path.stat().st_mtime_ns for path in (folder / "jobs").rglob("*.npy")}


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("metric")
    make(folder)
    return folder


def table_of(folder) -> bytes:
    return (folder / "table.npz").read_bytes()


@pytest.mark.slow
def test_killed_some_times_the_table_is_the_same(uninterrupted, tmp_path, kills):
    dice, kept = random.Random(3), {}
    for _ in range(kills):
        process = make(tmp_path, wait=False)
        while process.poll() is None and len(shards(tmp_path)) <= len(kept):
            time.sleep(0.05)
        time.sleep(dice.uniform(0, 0.5))  # somewhere inside the next one
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert all(shards(tmp_path)[path] == time for path, time in kept.items())  # not made again
        kept = shards(tmp_path)
    make(tmp_path)
    assert table_of(tmp_path) == table_of(uninterrupted)


@pytest.mark.long  # what a cluster does is in test_jobs.py
def test_on_a_cluster_that_loses_a_worker_it_is_the_same(uninterrupted, tmp_path):
    from dask.distributed import LocalCluster

    with LocalCluster(2, threads_per_worker=1, dashboard_address=None) as cluster:
        process = make(tmp_path, "--scheduler", cluster.scheduler_address, wait=False)
        while not shards(tmp_path):
            time.sleep(0.1)
            assert process.poll() is None
        os.kill(next(iter(cluster.workers.values())).pid, signal.SIGKILL)
        assert process.wait() == 0
    assert table_of(tmp_path) == table_of(uninterrupted)


@pytest.mark.slow
def test_a_damaged_shard_is_made_again_and_no_other(uninterrupted, tmp_path):
    shutil.copytree(uninterrupted / "jobs", tmp_path / "jobs")
    before = shards(tmp_path)
    damaged = sorted(before)[1]
    damaged.write_bytes(damaged.read_bytes()[:50])
    make(tmp_path)
    after = shards(tmp_path)
    assert {path for path in before if after[path] != before[path]} == {damaged}
    assert table_of(tmp_path) == table_of(uninterrupted)


@pytest.mark.parametrize("count", [2, pytest.param(20, marks=pytest.mark.long)])
def test_m_is_that_of_differences(phi64, count):
    preset, worst = PRESETS["paper"], 0.0
    for nu in draw(count, seed=70):
        nu = nu[None]
        M = _gram(factor(jacobian(nu.float(), preset, shared_phi())[1]))[0]
        columns = []
        for direction in torch.eye(5, dtype=torch.float64):
            for step in (1e-7, 1e-4):  # the long one where the slope drowns in rounding
                ends = [phi64(render(nu + s * direction, preset))[0] for s in (step, -step)]
                slope = (ends[0] - ends[1]) / (2 * step)
                if slope.norm() > 1e-2:
                    break
            columns.append(slope)
        independent = _gram(torch.stack(columns, dim=1)[None])[0]
        worst = max(worst, (torch.linalg.norm(M - independent) / independent.norm()).item())
    print(f"largest relative error of M {worst:.1e}")
    assert worst <= 1e-2


def _gram(J):
    return J.transpose(1, 2) @ J


def test_the_factor_is_triangular_and_keeps_what_squares_lose():
    J = torch.from_numpy(np.random.default_rng(71).standard_normal((3, 40, 5)))
    J[:, :, 4] = J[:, :, 3] * (1 + 1e-9) + 1e-9 * J[:, :, 4]  # M has a singular value of 1e-18
    R = factor(J)
    torch.testing.assert_close(_gram(R), _gram(J))
    assert (R.triu() == R).all()
    assert (R.diagonal(dim1=1, dim2=2) >= 0).all()
    smallest = torch.linalg.svdvals(J)[:, -1]
    torch.testing.assert_close(torch.linalg.svdvals(R)[:, -1], smallest, rtol=1e-4, atol=0)


def test_short_secants_are_tangents(phi64):
    nu, preset = draw(1, seed=72), PRESETS["live"]
    J = jacobian(nu, preset, phi64)[1]
    torch.testing.assert_close(secants(nu, preset, phi64, 1e-6), J, rtol=0.02, atol=1e-3)


def test_secants_stay_in_range(phi64):
    nu = torch.ones(1, 5, dtype=torch.float64)
    S = secants(nu, PRESETS["live"], phi64, 0.1)
    down = torch.tensor([[0.9, 1, 1, 1, 1]], dtype=torch.float64)
    rise = phi64(render(nu, PRESETS["live"])) - phi64(render(down, PRESETS["live"]))
    torch.testing.assert_close(S[..., 0], rise / 0.1)


@pytest.mark.parametrize("preset", PRESETS)
def test_the_shipped_tables(preset, phi64):
    job, nu, R, validation = load_table(preset)
    assert len(validation) == SHARD
    assert (job.preset, job.seed, job.step) == (preset, 0, 0)
    assert len(R) >= 4000
    assert np.isfinite(R).all()
    assert (np.diagonal(R, axis1=1, axis2=2) >= 0).all()
    for i in (0, len(R) - 1):
        J = jacobian(torch.from_numpy(nu[i])[None], PRESETS[preset], phi64)[1]
        M, kept = _gram(J)[0].numpy(), R[i].T @ R[i]
        assert np.linalg.norm(kept - M) <= 1e-2 * np.linalg.norm(M)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--count", "0"], "count is 0, allowed is 1 or more"),
        (["--workers", "0"], "workers is 0, allowed is 1 or more"),
        (["--step", "2"], "step is 2.0, allowed is 0 to 1"),
        (["--validation", "0"], "validation is 0, allowed is 1 or more"),
        (["--F", "0"], "F is 0, allowed is 1 or more"),
        (["-o", "none/table.npz"], "there is no folder none to write none/table.npz to"),
        (
            ["--scheduler", "tcp://127.0.0.1:9"],
            "no dask.distributed scheduler at tcp://127.0.0.1:9",
        ),
    ],
)
def test_wrong_arguments(arguments, sentence, capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("DRUM_MATCHER_CACHE", str(tmp_path))
    monkeypatch.setattr(workers, "CONNECT_S", 0.5)
    assert metric.main(["-o", str(tmp_path / "table.npz"), *arguments]) == 2
    assert f"training.metric: {sentence}" in capsys.readouterr().err


def test_what_is_no_table(tmp_path):
    path = tmp_path / "table.npz"
    with pytest.raises(ValueError, match=r"is not a table of .*, or is broken"):
        load_table(path)
    path.write_bytes(b"no")
    with pytest.raises(ValueError, match=r"is not a table of .*, or is broken"):
        load_table(path)


def test_a_table_keeps_its_width(tmp_path, monkeypatch):
    path, widths = tmp_path / "table.npz", []

    def rows(job, count, _):
        widths.append(job.phi().keys.shape)
        return np.zeros((count, 15), np.float32)

    monkeypatch.setattr(jobs, "run", rows)
    make_table(path, Metric("paper", F=2), 2, 2, None)
    assert load_table(path).job == Metric("paper", F=2)
    assert widths == [(5304, 3)] * 2
    assert Metric("paper", F=2).folder != Metric("paper").folder


def test_a_table_of_another_version_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "table.npz"
    monkeypatch.setattr(jobs, "run", lambda job, count, _: np.zeros((count, 15), np.float32))
    with monkeypatch.context() as older:
        older.setattr(Metric, "VERSION", 0)
        make_table(path, Metric("live"), 2, 2, None)
    with pytest.raises(ValueError, match="is of version 0, allowed is 1"):
        load_table(path)
