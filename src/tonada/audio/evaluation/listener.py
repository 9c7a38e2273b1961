"""The listener: a small network that tells genres apart, and whose inner features are an embedding of sound.

It also tells genres from static, scrambled time and drones that are made of real clips, since one that has never heard
noise finds it unremarkable. It is an instrument for judging, trained once, on training tracks, by
``tools/train_listener.py``; on what, and how well it does on other tracks, stands in ``listener.json``. The weights are
not under the licence of the code but under the one named there; ``listener-ATTRIBUTION.csv`` names who made the tracks.
"""

from __future__ import annotations

import math
from functools import cache
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn

from tonada.audio.metrics import MEL_FLOOR
from tonada.checkpoint import load_into, load_tensors
from tonada.statistics.intervals import Floats

WEIGHTS = Path(__file__).with_name("listener.safetensors")
WIDTHS = (16, 24, 32, 48, 64)
FEATURES = 2 * WIDTHS[-1] * (128 >> len(WIDTHS))
_LEAST_FRAMES = 32
_CENTRE, _SCALE = -3.0, 3.0  # of log-mel magnitudes, roughly


class Listener(nn.Module):
    """A convolutional classifier of log-mel spectra: halved five times, mean and deviation over time, a linear layer.

    Parameters
    ----------
    labels
        How many it tells apart.
    """

    def __init__(self, labels: int) -> None:
        super().__init__()
        stages: list[nn.Module] = []
        for before, after in pairwise((1, *WIDTHS)):
            stages += [nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(after), nn.SiLU()]
        self.stages = nn.Sequential(*stages)
        self.dropout = nn.Dropout(0.3)
        self.outer = nn.Linear(FEATURES, labels)

    def features(self, spectra: Tensor) -> Tensor:
        """Give mean and deviation over time of the last stage's activities, float32 [B, 128, L] → [B, ``FEATURES``]."""
        missing = max(0, _LEAST_FRAMES - spectra.shape[2])
        spectra = nn.functional.pad(spectra, (0, missing), value=math.log(MEL_FLOOR))
        grid = self.stages(((spectra - _CENTRE) / _SCALE)[:, None]).flatten(1, 2)
        return torch.cat([grid.mean(dim=2), grid.std(dim=2, correction=0)], dim=1)

    def forward(self, spectra: Tensor) -> Tensor:
        """Give the logits of the labels, [B, 128, L] → [B, labels]."""
        logits: Tensor = self.outer(self.dropout(self.features(spectra)))
        return logits


@cache
def load_listener() -> Listener:
    """Load the listener that comes with Tonada, in evaluation mode.

    Raises
    ------
    CheckpointError
        Its file is missing or damaged.
    """
    tensors, texts = load_tensors(WEIGHTS)
    listener = Listener(len(texts["labels"].splitlines()))
    load_into(listener, tensors, WEIGHTS)
    return listener.eval()


@torch.no_grad()
def listen(spectrum: Tensor) -> Floats:
    """Embed a clip: the listener's features of its log-mel spectrum, [128, L] → float64 [``FEATURES``].

    Parameters
    ----------
    spectrum
        From ``embeddings.hear``.
    """
    features: Floats = load_listener().features(spectrum[None])[0].double().numpy()
    return features
