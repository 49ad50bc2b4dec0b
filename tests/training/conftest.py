from concurrent.futures import Future
from contextlib import nullcontext

import pytest
import torch

from training import jobs

# Threads of small operations spin while they wait for each other: beside another busy process two
# take ten times as long as one.
torch.set_num_threads(1)


class InProcess:
    """A pool that does each task when it is submitted."""

    ahead, lost = 1, ()

    @staticmethod
    def submit(work, task) -> Future:
        future = Future()
        future.set_result(work(task))
        return future


@pytest.fixture
def in_process(monkeypatch):
    """Tasks of jobs.executor are done here: worker processes take seconds to start."""
    threads = torch.get_num_threads()
    monkeypatch.setattr(jobs, "executor", lambda *arguments: nullcontext(InProcess))
    yield
    torch.set_num_threads(threads)
