"""How a process finds the others that it trains with, and what becomes of them when one fails."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

import torch

from tonada.distributed import Ranks
from tonada.errors import ConfigError, ResourceError, TonadaError

LONGEST_WAIT = timedelta(hours=1)
"""For each other: the first process validates and makes samples while the others wait."""
_FAILED, _CODE = "tonada/failed", "tonada/code"  # what processes tell each other where no collective is possible


class PeerError(TonadaError):
    """Another process failed first, and says why; this one ends with the same exit code, in silence.

    Parameters
    ----------
    code
        The exit code of the one that failed.
    """

    def __init__(self, code: int) -> None:
        self.code = code
        super().__init__(f"another process of this training failed with exit code {code}; it says why")


def environment() -> tuple[int, int, int]:
    """Read from the environment which process this is, of how many, and which one on its machine.

    Raises
    ------
    ConfigError
        A variable is no whole number.
    """
    try:
        rank, size = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
        return rank, size, int(os.environ.get("LOCAL_RANK", str(rank)))
    except ValueError as error:
        raise ConfigError(f"RANK, WORLD_SIZE or LOCAL_RANK in the environment is no whole number ({error})") from None


def is_first() -> bool:
    """Tell whether this is the first process, or the only one."""
    return environment()[0] == 0


def was_restarted() -> bool:
    """Tell whether ``torchrun`` started this process again after a failure."""
    return os.environ.get("TORCHELASTIC_RESTART_COUNT", "0") not in ("", "0")


@contextmanager
def joined(device: str) -> Iterator[Ranks]:
    """Join the other processes, and leave them at the end. When one fails, the others end, too, with its exit code.

    Parameters
    ----------
    device
        "cpu" (they talk through gloo), "cuda" (NCCL, or RCCL) or, for a process alone, "mps".

    Yields
    ------
    Ranks
        Alone, unless the environment says that there are others.

    Raises
    ------
    ConfigError
        The environment or the device does not serve several processes.
    ResourceError
        The others cannot be reached, or one of them died.
    PeerError
        Another process failed.
    """
    rank, size, local = environment()
    if size <= 1:
        yield Ranks(device=device)
        return
    from torch import distributed
    from torch.distributed.rendezvous import rendezvous

    ranks = Ranks(rank=rank, size=size, device=_own_device(device, local))
    try:
        store, _, _ = next(rendezvous("env://", timeout=LONGEST_WAIT))
        # Objects and flags go through gloo wherever the gradients are.
        backend = "gloo" if device == "cpu" else "cpu:gloo,cuda:nccl"
        distributed.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=LONGEST_WAIT)
    except (RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise ResourceError(f"process {rank} of {size} could not join the others: {reason}") from error
    try:
        yield ranks
    except BaseException as error:
        ours = _cause(error)
        with suppress(RuntimeError):  # whoever kept the store may be gone
            if store.add(_FAILED, 1) > 1:
                raise PeerError(int(store.get(_CODE))) from error
            store.set(_CODE, str(130 if isinstance(ours, KeyboardInterrupt) else getattr(ours, "exit_code", 1)))
        if ours is error:
            raise
        raise ours from error
    finally:
        distributed.destroy_process_group()


def _own_device(device: str, local: int) -> str:
    if device == "cpu":
        return device
    if device != "cuda":
        raise ConfigError(f"several processes train on cpu or cuda; got {device}. Give --device cpu")
    if local >= torch.cuda.device_count():
        raise ConfigError(
            f"process {local} of this machine has no GPU of its own: there are {torch.cuda.device_count()}. "
            "Start as many processes as there are GPUs (torchrun --nproc-per-node)"
        )
    torch.cuda.set_device(local)
    return f"cuda:{local}"


def _cause(error: BaseException) -> BaseException:
    """Turn the error of a lost connection into one of ours; others stay."""
    from torch.distributed import DistError

    if isinstance(error, DistError) or (isinstance(error, RuntimeError) and "gloo" in str(error)):
        return ResourceError("another process of this training died, most likely for want of memory")
    return error
