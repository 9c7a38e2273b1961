"""What every audio autoencoder promises: sound to latents and back, any length in, the same length out."""

from __future__ import annotations

from abc import abstractmethod

from torch import Tensor

from tonada.model import Model


class AudioAutoencoder(Model):
    """A network that turns a waveform into a shorter row of latents, and latents into a waveform.

    It is convolutional in time: latent frame ``l`` is centred near sample ``l · hop``, a shift of the input by ``hop``
    samples shifts the latents by one frame (borders aside), and nothing farther away than ``reach`` samples matters.
    So a long file can be encoded and decoded in overlapping chunks, with the same result.
    """

    hop: int
    """Samples per latent frame."""
    reach: int
    """Samples: what lies farther away than this has no influence, neither on a latent nor on a decoded sample."""
    latent_channels: int
    """Values per latent frame, Z."""

    @property
    def sample_rate(self) -> int:
        """Of the sound that it was built for, in Hz."""
        return int(self.config.sample_rate)

    @property
    def values_per_second(self) -> float:
        """Latent values that a second of sound becomes."""
        return self.latent_channels * self.sample_rate / self.hop

    @abstractmethod
    def frames(self, samples: int) -> int:
        """Tell how many latent frames so many samples become."""

    @abstractmethod
    def encode(self, waveform: Tensor) -> Tensor:
        """Turn sound into latents (of a variational model: their means).

        Parameters
        ----------
        waveform
            float32 [B, S], S at least 1, full scale −1 to 1.

        Returns
        -------
        Tensor
            float32 [B, Z, L] with L = ``frames(S)``.
        """

    @abstractmethod
    def decode(self, latents: Tensor, samples: int) -> Tensor:
        """Turn latents into sound.

        Parameters
        ----------
        latents
            float32 [B, Z, L].
        samples
            Length of the sound, S, with L = ``frames(S)``.

        Returns
        -------
        Tensor
            float32 [B, S].

        Raises
        ------
        ValueError
            The latents are not of this model, or not of so many samples.
        """

    def check_latents(self, latents: Tensor, samples: int) -> None:
        """Make sure that latents are [B, Z, ``frames(samples)``]; every ``decode`` begins with it.

        Raises
        ------
        ValueError
            They are not.
        """
        wanted = (self.latent_channels, self.frames(samples))
        if latents.ndim != 3 or tuple(latents.shape[1:]) != wanted:
            found = "×".join(str(size) for size in latents.shape)
            raise ValueError(
                f"{samples} samples have latents of B×{wanted[0]}×{wanted[1]} (channels, frames); got {found}"
            )

    def forward(self, waveform: Tensor) -> Tensor:
        """Encode and decode: float32 [B, S] → [B, S]."""
        return self.decode(self.encode(waveform), waveform.shape[-1])
