"""One BLAS thread while a hit is matched: with more, sums are added in another order.

Small products gain nothing by more: the threads only wait for each other.
"""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ContextDecorator
from threading import Lock

from threadpoolctl import threadpool_limits


class _OneThread(ContextDecorator):
    """Limits BLAS to one thread, for all threads, until the last that entered has left."""

    def __init__(self):
        self._lock, self._inside, self._limits = Lock(), 0, None

    def __enter__(self):
        with self._lock:
            if self._inside == 0:
                self._limits = _in_a_thread(lambda: threadpool_limits(1))
            self._inside += 1

    def __exit__(self, *_):
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                _in_a_thread(self._limits.restore_original_limits)


def _in_a_thread(function):
    """Call a function in a thread that ends with it.

    As long as the thread lives that set a limit, threadpoolctl ignores all others; but the first
    that entered may not be the last that leaves.
    """
    with ThreadPoolExecutor(1) as executor:
        return executor.submit(function).result()


one_blas_thread = _OneThread()
