"""Batches that are ready when they are asked for: a thread makes the next ones while the model learns from this one."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Protocol, Self

from tonada.model import Batch


class BatchSource(Protocol):
    """Where batches come from: batch n of size b holds the examples n · b … n · b + b − 1 of one endless row."""

    def batch(self, step: int) -> Batch:
        """Give the batch of a running number, a function of it alone."""
        ...


class Prefetched:
    """The batches of a source, the next ones made ahead; use it with ``with``, which ends the thread.

    The numbers are expected to go on at the distance of the last two; another one is just not ready yet. The source is
    asked by one thread alone. An error is raised where its batch is asked for.

    Parameters
    ----------
    source
        Of the batches.
    ahead
        How many are made in advance; as many as a step takes keep it from waiting.

    Attributes
    ----------
    waited_s
        Seconds for which batches were waited for, so far.
    """

    def __init__(self, source: BatchSource, *, ahead: int = 1) -> None:
        self._source, self._ahead = source, ahead
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="batches")
        self._coming: dict[int, Future[Batch]] = {}
        self._last: int | None = None
        self.waited_s = 0.0

    def batch(self, step: int) -> Batch:
        """Give the batch of a running number, and have the next ones made."""
        distance = step - self._last if self._last is not None and step > self._last else 1
        self._last = step
        wanted = [step + distance * place for place in range(self._ahead + 1)]
        for number in set(self._coming) - set(wanted):
            self._coming.pop(number).cancel()
        for number in wanted:
            if number not in self._coming:
                self._coming[number] = self._pool.submit(self._source.batch, number)
        started = time.perf_counter()
        try:
            return self._coming.pop(step).result()
        finally:
            self.waited_s += time.perf_counter() - started

    def __enter__(self) -> Self:
        """Give itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the thread; what was made ahead is dropped.

        Parameters
        ----------
        kind, error, trace
            What ended the block, if an error did; it goes on its way.
        """
        self._pool.shutdown(cancel_futures=True)
        self._coming.clear()
