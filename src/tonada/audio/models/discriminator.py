"""The opponent of an autoencoder's second stage: it tells decoded spectra from real ones, at three resolutions.

Axes: B batch · S samples · F frequency bins · L frames.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from torch import Tensor, nn

from tonada.audio.spectral import stft

WINDOWS = (1024, 512, 256)
FEATURE_WEIGHT = 10.0
"""Of feature matching, beside the adversarial term with weight 1 (both times the config's weight)."""


class SpectrumDiscriminator(nn.Module):
    """Two-dimensional convolutions over complex spectra, one stack a resolution (Défossez et al. 2022, section 3.4).

    Parameters
    ----------
    filters
        Channels of every layer.
    windows
        Lengths of the transforms, in samples; each hop is a quarter.
    """

    def __init__(self, filters: int = 16, windows: tuple[int, ...] = WINDOWS) -> None:
        super().__init__()
        self.windows = windows
        self.stacks = nn.ModuleList(_stack(filters) for _ in windows)

    def forward(self, waveform: Tensor) -> list[list[Tensor]]:
        """Give the outputs of every layer, the last one's as logits, for each resolution.

        Parameters
        ----------
        waveform
            float32 [B, S].

        Returns
        -------
        list
            For each window a list of tensors [B, channels, L', F'].
        """
        outputs = []
        for n_fft, stack in zip(self.windows, self.stacks, strict=True):
            with torch.autocast(waveform.device.type, enabled=False):
                spectrum = stft(waveform, n_fft, n_fft // 4) * n_fft**-0.5
            x = torch.stack((spectrum.real, spectrum.imag), dim=1).transpose(2, 3)
            layers = []
            assert isinstance(stack, nn.ModuleList)  # says so to the type checker
            for layer in stack:
                x = layer(x)
                layers.append(x)
                x = F.leaky_relu(x, 0.2)
            outputs.append(layers)
        return outputs


def _stack(filters: int) -> nn.ModuleList:
    norm = nn.utils.parametrizations.weight_norm
    middle = [
        norm(nn.Conv2d(filters, filters, (3, 9), stride=(1, 2), dilation=(dilation, 1), padding=(dilation, 4)))
        for dilation in (1, 2, 4)
    ]
    first = norm(nn.Conv2d(2, filters, (3, 9), padding=(1, 4)))
    return nn.ModuleList([first, *middle, norm(nn.Conv2d(filters, 1, 3, padding=1))])


def discriminator_terms(discriminator: SpectrumDiscriminator, real: Tensor, decoded: Tensor) -> dict[str, Tensor]:
    """Give the hinge losses of a discriminator (Lim and Ye 2017), means over resolutions.

    Parameters
    ----------
    discriminator
        The opponent.
    real, decoded
        float32 [B, S]; no gradient passes to ``decoded`` if it is detached.
    """
    for_real = [F.relu(1 - layers[-1].float()).mean() for layers in discriminator(real)]
    for_decoded = [F.relu(1 + layers[-1].float()).mean() for layers in discriminator(decoded)]
    return {"real": torch.stack(for_real).mean(), "decoded": torch.stack(for_decoded).mean()}


def adversarial_terms(
    discriminator: SpectrumDiscriminator, real: Tensor, decoded: Tensor, weight: float
) -> dict[str, Tensor]:
    """Give what a decoder learns from its opponent: to be taken for real, and to excite it as the original does.

    Parameters
    ----------
    discriminator
        The opponent.
    real, decoded
        float32 [B, S].
    weight
        Of both terms.
    """
    with torch.no_grad():
        wanted = discriminator(real)
    found = discriminator(decoded)
    fooled = torch.stack([-layers[-1].float().mean() for layers in found]).mean()
    matches = [
        (one.float() - other.float()).abs().mean() / other.float().abs().mean().clamp(min=1e-5)
        for ours, theirs in zip(found, wanted, strict=True)
        for one, other in zip(ours[:-1], theirs[:-1], strict=True)
    ]
    return {"adversarial": weight * fooled, "features": weight * FEATURE_WEIGHT * torch.stack(matches).mean()}
