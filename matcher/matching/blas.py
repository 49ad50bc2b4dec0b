"""One BLAS thread while a hit is matched: with more, sums are added in another order.

Small products gain nothing by more: the threads only wait for each other.
"""

import threading
from contextlib import ContextDecorator

from threadpoolctl import threadpool_limits


class _OneThread(ContextDecorator):
    """Limits BLAS to one thread as long as at least one thread is inside."""

    def __init__(self):
        self._lock, self._inside, self._limits = threading.Lock(), 0, None

    def __enter__(self):
        with self._lock:
            if self._inside == 0:
                self._limits = threadpool_limits(1)
            self._inside += 1

    def __exit__(self, *_):
        with self._lock:
            self._inside -= 1
            if self._inside == 0:  # the first one out would give the others their threads back
                self._limits.restore_original_limits()


one_blas_thread = _OneThread()
