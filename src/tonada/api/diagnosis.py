"""``doctor``: what this machine has for Tonada, and the line that mends what it lacks."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from re import match
from typing import Literal

FREE_BYTES = 2 * 2**30
"""Less free disk than this is worth a word: a training run keeps three copies of its weights."""

DEVELOPERS = ("dev", "bench")
"""Extras for those who work on Tonada itself."""

State = Literal["ok", "note", "problem"]


@dataclass(frozen=True, kw_only=True)
class Check:
    """One thing that was looked at.

    Attributes
    ----------
    name
        What it is.
    value
        What was found.
    state
        "ok"; "note" where something could be better; "problem" where something does not work.
    remedy
        What to do about it; empty when it is ok.
    """

    name: str
    value: str
    state: State = "ok"
    remedy: str = ""


def doctor() -> list[Check]:
    """Look at Python, torch, device, threads, bf16, packages, disk and models."""
    return [*_python(), *_packages(), *_torch(), *_disk(), *_models()]


def _python() -> Iterator[Check]:
    yield Check(name="tonada", value=version("tonada"))
    yield Check(name="python", value=f"{platform.python_version()}, {platform.system()} {platform.machine()}")


def _packages() -> Iterator[Check]:
    """Look at what Tonada needs, then at its extras."""
    for requirement in requires("tonada") or []:
        name, extra = _parsed(requirement)
        if extra in DEVELOPERS:
            continue
        try:
            yield Check(name=f"{name} ({extra})" if extra else name, value=version(name))
        except PackageNotFoundError:
            if extra:
                remedy = f"python -m pip install 'tonada[{extra}]'"
                yield Check(name=f"{name} ({extra})", value="not installed", state="note", remedy=remedy)
            else:
                remedy = f"python -m pip install '{requirement}'"
                yield Check(name=name, value="not installed", state="problem", remedy=remedy)


def _parsed(requirement: str) -> tuple[str, str]:
    """Give the package and the extra of a line such as ``pytest>=9; extra == "dev"``."""
    package, _, marker = requirement.partition(";")
    name = match(r"[\w.-]+", package.strip())
    extra = match(r""".*extra\s*==\s*["']([\w-]+)["']""", marker)
    return name[0] if name else package, extra[1] if extra else ""


def _torch() -> Iterator[Check]:
    try:
        import torch
    except (ImportError, OSError) as error:  # a broken library raises OSError
        remedy = "python -m pip install --force-reinstall torch"
        yield Check(name="import torch", value=str(error).splitlines()[0], state="problem", remedy=remedy)
        return
    from tonada.api.devices import find_device
    from tonada.training import precision_of

    device = find_device("auto")
    described = torch.cuda.get_device_name() if device == "cuda" else platform.processor() or platform.machine()
    if device == "cpu" and shutil.which("nvidia-smi"):
        remedy = "install a CUDA build of torch: TORCH_INDEX in the README says how"
        yield Check(name="device", value="cpu, though there is an NVIDIA driver", state="note", remedy=remedy)
    else:
        yield Check(name="device", value=f"{device} ({described})")
    yield Check(name="threads", value=f"{torch.get_num_threads()} of {os.cpu_count()} cores")
    policy = os.environ.get("OMP_WAIT_POLICY", "")
    if policy.upper() == "PASSIVE":
        yield Check(name="OMP_WAIT_POLICY", value=policy)
    else:
        remedy = "unset OMP_WAIT_POLICY, else composing is many times slower on busy cores"
        yield Check(name="OMP_WAIT_POLICY", value=policy, state="note", remedy=remedy)
    bf16 = precision_of("auto", device) is torch.bfloat16
    yield Check(name="bf16", value="yes" if bf16 else "no: this hardware computes in fp32")


def _disk() -> Iterator[Check]:
    free = shutil.disk_usage(Path.cwd()).free
    value = f"{free / 2**30:.1f} GiB free here"
    if free < FREE_BYTES:
        yield Check(name="disk", value=value, state="note", remedy="free some space, or write elsewhere with -o")
    else:
        yield Check(name="disk", value=value)
    if not os.access(Path.cwd(), os.W_OK):
        yield Check(name="folder", value="not writable here", state="note", remedy="write elsewhere with -o")


def _models() -> Iterator[Check]:
    if "torch" not in sys.modules:
        return  # it cannot be imported, which has been said
    from tonada.runs import pretrained_names

    names = pretrained_names()
    if names:
        yield Check(name="models", value=", ".join(names))
    else:
        remedy = "python -m pip install --force-reinstall tonada, or compose with --model RUN of your own"
        yield Check(name="models", value="none", state="problem", remedy=remedy)
