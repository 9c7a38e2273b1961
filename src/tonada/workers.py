"""Reading many files, in one process or several, with the results in the order of the files."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, Protocol, TypeVar

from tonada.errors import ConfigError, ResourceError

BATCH = 8
"""Files that a worker takes at a time."""
POOL_FROM = 4 * BATCH
"""With fewer files, starting processes takes longer than it saves."""

Task = TypeVar("Task", contravariant=True)
Result = TypeVar("Result", covariant=True)


class Reader(Protocol[Task, Result]):
    """Turns one task after another into results; every process has its own."""

    def read(self, task: Task, /) -> Result:
        """Do one task."""
        ...

    def close(self) -> None:
        """Let go of what is open."""
        ...


def check_jobs(jobs: int | None) -> None:
    """Check a number of processes; None is as many as there are cores.

    Raises
    ------
    ConfigError
        It is below 1.
    """
    if jobs is not None and jobs < 1:
        raise ConfigError(f"jobs must be at least 1; got {jobs}")


def available_cores() -> int:
    """Count the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def read_in_order(
    tasks: Sequence[Task],
    make_reader: Callable[..., Reader[Task, Result]],
    arguments: tuple[Any, ...],
    *,
    jobs: int,
    pool_from: int = POOL_FROM,
    progress: Callable[[int, int], None] | None = None,
) -> Generator[Result]:
    """Do tasks, with at most a few batches of results per process waiting.

    Parameters
    ----------
    tasks
        What to read; they are sent to the processes.
    make_reader, arguments
        Called in every process: a class or function of a module, and what it needs.
    jobs
        Number of processes; 1 reads in this one.
    pool_from
        With fewer tasks, this process does them.
    progress
        Called with the number of tasks done and of all tasks.

    Yields
    ------
    Result
        One per task, in their order.

    Raises
    ------
    ResourceError
        A process died, most likely for want of memory.
    """
    if jobs <= 1 or len(tasks) < pool_from:
        reader = make_reader(*arguments)
        try:
            for done, task in enumerate(tasks, start=1):
                yield reader.read(task)
                if progress:
                    progress(done, len(tasks))
        finally:
            reader.close()
        return
    size = min(BATCH, -(-len(tasks) // jobs))
    batches = [tasks[start : start + size] for start in range(0, len(tasks), size)]
    pool = ProcessPoolExecutor(
        min(jobs, len(batches)),
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_start_worker,
        initargs=(make_reader, arguments),
    )
    waiting: deque[Future[list[Result]]] = deque()
    done = 0
    try:
        for batch in batches:
            waiting.append(pool.submit(_read_batch, batch))
            if len(waiting) > 2 * jobs:
                for result in waiting.popleft().result():
                    yield result
                    done += 1
                if progress:
                    progress(done, len(tasks))
        while waiting:
            for result in waiting.popleft().result():
                yield result
                done += 1
            if progress:
                progress(done, len(tasks))
    except BrokenProcessPool as error:
        raise ResourceError("a reading process died, most likely for want of memory. Try --jobs 1") from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


_reader: Reader[Any, Any] | None = None


def _start_worker(make_reader: Callable[..., Reader[Any, Any]], arguments: tuple[Any, ...]) -> None:
    global _reader
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent stops the workers; theirs would be a second traceback
    _reader = make_reader(*arguments)


def _read_batch(tasks: Sequence[Any]) -> list[Any]:
    if _reader is None:
        raise RuntimeError("the worker was not started by read_in_order")
    return [_reader.read(task) for task in tasks]
