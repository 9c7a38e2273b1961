"""``generate``: new sound from latents that are drawn at random."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tonada.api.autoencoders import LoadedAutoencoder, Progress, begun, decoded, encoded, load_autoencoder, read_blocks
from tonada.api.inputs import Batch, Failure, check_output, find_inputs
from tonada.api.latent_settings import GenerateSettings
from tonada.api.settings import SOUND_MODEL, check_formats
from tonada.api.sidecars import relative_path
from tonada.api.sound_files import DECODED_FORMATS, sibling, write_sound
from tonada.api.writing import all_or_none
from tonada.config import to_mapping
from tonada.errors import ConfigError, DataError
from tonada.files import write_text
from tonada.hashing import file_sha256
from tonada.jsontext import to_json

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tonada.audio.latents.priors import Prior

GENERATED_FORMATS = (*DECODED_FORMATS, "npy")
"""What is generated can be written as; npy is its latents."""
FORMAT = 1
"""Of the json."""
FITTED_CLIP_S = 5.0
"""Songs are cut into clips of so many seconds, which a prior is fitted to."""


@dataclass(frozen=True, kw_only=True)
class Generation:
    """A clip that was generated.

    Attributes
    ----------
    variation
        Its number, from 1.
    prior
        "uniform", "normal" or "fitted".
    seconds
        Its length.
    remarks
        What should be known, a line each.
    files
        What was written, with the first clip the prior, too, where it was saved; the last is a json that says how the
        clip was made.
    """

    variation: int
    prior: str
    seconds: float
    remarks: tuple[str, ...]
    files: tuple[Path, ...]


def generate(
    *songs: str | Path,
    model: str | Path = SOUND_MODEL,
    output: str | Path = ".",
    variations: int = GenerateSettings.variations,
    seconds: float = GenerateSettings.seconds,
    prior: str = GenerateSettings.prior,
    seed: int = GenerateSettings.seed,
    save_prior: str | Path | None = None,
    formats: Sequence[str] = ("wav",),
    device: str = "auto",
    progress: Progress | None = None,
) -> Batch[Generation]:
    """Make new sound from random latents; files are named MODEL_PRIOR_NUMBER.

    Parameters
    ----------
    *songs
        Sound files, folders, patterns: a prior is fitted to their latents. Without any, the fitted prior is the one in
        the model's folder.
    model
        Name of an autoencoder that Tonada brings, or path of a model or run folder.
    output
        Folder of the files.
    variations, seconds, prior, seed
        As `GenerateSettings` says.
    save_prior
        Where to write the prior that was fitted: ``prior.safetensors`` in the model's folder is found again.
    formats
        "wav", "flac", "ogg", "opus", "mp3", "svg" (a spectrogram), "npy" (the latents).
    device
        "auto", "cpu", "cuda" or "mps".
    progress
        Called as it goes on, with how much is done, of how much, and a name.

    Raises
    ------
    DataError
        No song can be used, or the folder cannot be written.
    UnknownNameError
        There is no such format or prior.
    ConfigError
        A setting cannot be, the model is no autoencoder, or the device is not there.
    CheckpointError
        There is no such model or prior, or it cannot be loaded.
    ResourceError
        The disk is full.
    """
    settings = GenerateSettings(variations=variations, seconds=seconds, prior=prior, seed=seed)
    return Batch.collect(
        generate_each(
            songs,
            model=model,
            output=output,
            settings=settings,
            save_prior=save_prior,
            formats=formats,
            device=device,
            progress=progress,
        )
    )


def generate_each(
    songs: Sequence[str | Path],
    *,
    model: str | Path,
    output: str | Path = ".",
    settings: GenerateSettings,
    save_prior: str | Path | None = None,
    formats: Sequence[str] = ("wav",),
    device: str = "auto",
    progress: Progress | None = None,
) -> Iterator[Generation | Failure]:
    """Generate clip by clip, as `generate` does, and give each result when it is there.

    Parameters
    ----------
    songs, model, output, save_prior, formats, device, progress
        As for `generate`.
    settings
        What is generated.

    Yields
    ------
    Generation or Failure
        One for each clip, and one for each song that cannot be used.
    """
    from tonada.audio.latents.prior_files import FILE_NAME, KINDS, make_prior
    from tonada.errors import UnknownNameError

    check_formats(tuple(formats), GENERATED_FORMATS)
    kind = settings.prior
    if kind not in ("auto", *KINDS):
        raise UnknownNameError("prior", kind, ("auto", *KINDS))
    if (songs or save_prior is not None) and kind not in ("auto", "fitted"):
        raise ConfigError(f"the prior {kind} is fitted to nothing: leave the songs out, or take --prior fitted")
    if save_prior is not None and not songs:
        raise ConfigError("there is no prior to save: name the songs that it is fitted to")
    folder = Path(output)
    check_output(folder)
    loaded = load_autoencoder(model, device=device)
    stored = loaded.folder / FILE_NAME
    if kind == "auto":
        kind = "fitted" if songs or stored.is_file() else "normal"
    remarks: list[str] = []
    sources: list[Path] = []
    if songs:
        clips: list[NDArray[np.float32]] = []
        for result in _encoded_clips(songs, loaded, remarks, progress):
            if isinstance(result, Failure):
                yield result
            else:
                sources.append(result[0])
                clips.extend(result[1])
        if not clips:
            return
        drawn_from: Prior = _fit(clips, loaded, save_prior)
    else:
        drawn_from = make_prior(kind, loaded.model.latent_channels, path=stored, weights_sha256=loaded.weights_sha256)
    saved = () if save_prior is None else (Path(save_prior),)
    prior_file = saved[0] if saved else None if songs else stored
    facts = {
        "prior_sha256": None if kind != "fitted" or prior_file is None else file_sha256(prior_file),
        "songs": [{"name": relative_path(song, folder), "sha256": file_sha256(song)} for song in sources],
    }
    for variation in range(1, settings.variations + 1):
        if progress is not None:
            progress(variation - 1, settings.variations, f"{loaded.name} {variation}")
        target = folder / f"{loaded.name}_{kind}_{variation}"
        made = _generate(drawn_from, kind, loaded, target, settings, variation, formats, facts)
        # Both are told once.
        yield replace(made, remarks=tuple(remarks), files=(*saved, *made.files))
        saved = ()
        remarks.clear()


def _encoded_clips(
    songs: Sequence[str | Path], loaded: LoadedAutoencoder, remarks: list[str], progress: Progress | None
) -> Iterator[tuple[Path, list[NDArray[np.float32]]] | Failure]:
    """Encode songs and cut their latents into clips, float32 [L, Z] each."""
    import numpy as np

    model = loaded.model
    frames = max(2, round(FITTED_CLIP_S * model.sample_rate / model.hop))
    paths = find_inputs(songs, "sound file")
    for number, path in enumerate(paths):
        if isinstance(path, Failure):
            yield path
            continue
        if progress is not None:
            progress(number, len(paths), path.name)
        try:
            blocks = read_blocks(path, model.sample_rate, remarks)
            latents = np.concatenate([*encoded(loaded, blocks, path)])
            if len(latents) < 2:
                raise DataError(path, "is too short to fit a prior to")
        except DataError as error:
            yield Failure(name=str(path), error=error)
        else:
            # Clips of one length: what is left at the end is part of the last.
            count = max(1, len(latents) // frames)
            yield path, np.split(latents, [frames * place for place in range(1, count)])


def _fit(clips: Sequence[NDArray[np.float32]], loaded: LoadedAutoencoder, save_to: str | Path | None) -> Prior:
    from tonada.audio.latents.prior_files import load_prior, save_prior
    from tonada.audio.latents.priors import fit_prior

    fitted = fit_prior(clips)
    if save_to is None:
        return fitted
    # What is saved is rounded: it is drawn from as it will be when it is found again.
    save_prior(fitted, Path(save_to), weights_sha256=loaded.weights_sha256)
    return load_prior(Path(save_to), weights_sha256=loaded.weights_sha256)


def _generate(
    prior: Prior,
    kind: str,
    loaded: LoadedAutoencoder,
    target: Path,
    settings: GenerateSettings,
    variation: int,
    formats: Sequence[str],
    facts: Mapping[str, Any],
) -> Generation:
    from tonada.audio.latents.files import write_latents
    from tonada.seeding import key

    model = loaded.model
    samples = max(1, round(settings.seconds * model.sample_rate))
    latents = prior.sample(model.frames(samples), key(settings.seed, "variation", variation))
    blocks = begun(decoded(loaded, latents, samples, target))
    with all_or_none() as files:
        write_sound(blocks, target, model.sample_rate, formats, files)
        if "npy" in formats:
            with write_latents(sibling(target, "npy")) as writer:
                writer.write(latents)
            files.append(sibling(target, "npy"))
        told = sibling(target, "json")
        record = {
            "format": FORMAT,
            **loaded.facts(target.parent),
            "settings": {**to_mapping(settings), "prior": kind},
            **facts,
            "variation": variation,
            "seconds": samples / model.sample_rate,
            "files": {file.name: file_sha256(file) for file in files},
        }
        write_text(told, to_json(record) + "\n")
        files.append(told)
    return Generation(
        variation=variation,
        prior=kind,
        seconds=samples / model.sample_rate,
        remarks=(),
        files=tuple(files),
    )
