"""Where to compute."""

from __future__ import annotations

from tonada.errors import ConfigError, UnknownNameError

DEVICES = ("auto", "cpu", "cuda", "mps")


def find_device(name: str) -> str:
    """Resolve "auto": the GPU where there is one, else the CPU.

    Parameters
    ----------
    name
        "auto", "cpu", "cuda" (NVIDIA, and AMD through ROCm) or "mps" (Apple).

    Raises
    ------
    UnknownNameError
        There is no such name.
    ConfigError
        The device is not there.
    """
    if name not in DEVICES:
        raise UnknownNameError("device", name, DEVICES)
    import torch

    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        return next(device for device in ("cuda", "mps", "cpu") if there[device])
    if not there[name]:
        kind = {"cuda": "CUDA or ROCm device", "mps": "Apple GPU"}[name]
        raise ConfigError(f"this torch sees no {kind}. Leave --device out to use the CPU")
    return name
