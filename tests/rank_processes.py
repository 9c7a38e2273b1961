"""Processes that train together, started for a test: what torchrun does, without its start-up time."""

from __future__ import annotations

import multiprocessing
import os
import socket
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import torch

from tonada.joining import joined

SIZE = 2


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _work(
    rank: int, size: int, port: int, answer: Connection, task: Callable[..., Any], arguments: tuple[Any, ...]
) -> None:
    torch.set_num_threads(1)
    place = {"RANK": rank, "WORLD_SIZE": size, "LOCAL_RANK": rank, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    os.environ.update({name: str(value) for name, value in place.items()})
    try:
        with joined("cpu") as ranks:
            answer.send(task(ranks, *arguments))
    except Exception as error:  # is what the test looks at
        answer.send(f"{type(error).__name__}: {error}")


def run_ranks(task: Callable[..., Any], *arguments: Any, size: int = SIZE) -> list[Any]:
    """Call ``task(ranks, *arguments)`` in so many processes and give what each one answers.

    An error is answered as text; a process that dies without a word answers None.
    """
    processes = multiprocessing.get_context("forkserver")  # imports torch once; the processes begin at once
    processes.set_forkserver_preload([task.__module__, "torch.distributed.fsdp"])
    port, started = free_port(), []
    for rank in range(size):
        receiver, sender = processes.Pipe(duplex=False)
        process = processes.Process(target=_work, args=(rank, size, port, sender, task, arguments))
        process.start()
        sender.close()
        started.append((process, receiver))
    answers = []
    for process, receiver in started:
        try:
            answers.append(receiver.recv())
        except EOFError:
            answers.append(None)
        process.join()
    return answers
