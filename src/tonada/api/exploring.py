"""``explore``: one offline page that shows what autoencoders of several sizes learned of a data set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tonada.api.inputs import Failure, check_output, find_inputs
from tonada.errors import ConfigError, DataError, UnknownNameError

if TYPE_CHECKING:
    from tonada.api.autoencoders import LoadedAutoencoder
    from tonada.audio.latents.exploration import Song
    from tonada.audio.latents.findings import Between, Findings, Source
    from tonada.codec import Codec
    from tonada.data import Dataset, Piece

Progress = Callable[[float, float, str], None]

CLIPS = 300
"""Clips that are explored, at most, where nobody asks for another number."""
PAGE_BYTES = 8_000_000
"""What the page may weigh; sounds and pictures that do not fit are left out, and the page says which."""
SHOWN_PICTURES = 24
"""Comparisons of waveforms and spectrograms, at most, over all models."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Exploration:
    """What was explored.

    Attributes
    ----------
    findings
        Everything that was found.
    failures
        Songs from outside that could not be used.
    files
        The page, the figures and the points.
    """

    findings: Findings
    failures: tuple[Failure, ...]
    files: tuple[Path, ...]


def explore(
    *models: str | Path,
    data: str | Path,
    output: str | Path,
    outside: Sequence[str | Path] = (),
    split: str = "validation",
    limit: int = CLIPS,
    tolerance: float = 0.1,
    seed: int = 1,
    device: str = "auto",
    progress: Progress | None = None,
) -> Exploration:
    """Show what autoencoders learned: maps, clusters, what is lost for which size, sounds, songs from outside.

    Parameters
    ----------
    *models
        Names of autoencoders that Tonada brings, or paths of model or run folders; three sizes or more are best.
    data
        A data set of waveforms that ``prepare`` wrote, with labels.
    output
        Folder for ``explore.html``, which holds everything, ``explore.json`` and ``points.csv``.
    outside
        Songs that are in no data set: files, folders, patterns.
    split
        What to read: "train", "validation", "test", several with commas between, or "all". A size is chosen with what
        is read, so "test" is best left for figures of the choice.
    limit
        Clips, at most, chosen evenly over tracks and labels.
    tolerance
        How much more than the best, as a share, the proposed smallest size may lose.
    seed
        Of k-means and the intervals.
    device
        "auto", "cpu", "cuda" or "mps".
    progress
        Called as it goes on, with how much is done, of how much, and a few words.

    Raises
    ------
    MissingDependencyError
        scikit-learn is absent.
    UnknownNameError
        There is no such split or device.
    ConfigError
        There is no model, a model has no latents of sound, the data set holds no waveforms, there are fewer than four
        clips, or a number cannot be.
    CheckpointError
        There is no such model, or it cannot be loaded, or it gives something that is no number.
    DataError
        The data set cannot be read; or no song can be used; or the folder cannot be written.
    ResourceError
        The disk is full.
    """
    from tonada.api.autoencoders import load_autoencoder
    from tonada.audio.latents.exploration import analyse_reference, describe, explore_model, first_of_each
    from tonada.audio.latents.findings import Findings, Outside
    from tonada.audio.latents.projections import require_statistics
    from tonada.audio.latents.sizes import Size, propose_size
    from tonada.data import Dataset

    if not models:
        raise ConfigError("name a model to explore; three sizes side by side show most")
    if limit < 4 or tolerance < 0:
        raise ConfigError(f"limit must be at least 4 and tolerance at least 0; got {limit} and {tolerance:g}")
    require_statistics()
    check_output(Path(output))
    dataset = Dataset(Path(data))
    loaded = [load_autoencoder(name, device=device) for name in models]
    splits = _splits(split)
    sources, remarks = _sources(dataset, splits, limit)
    seconds = Counter(round(source.clip.duration_s, 6) for source in sources).most_common(1)[0][0]
    songs, failures = _songs(outside, sources[0].clip.sample_rate, seconds)
    labels, clips = describe(sources)
    pairs = max(1, SHOWN_PICTURES // max(1, len(loaded) * len(labels)))
    shown = first_of_each([source.label for source in sources], min(2, pairs))
    names = _unique([one.name for one in loaded])
    total = len(loaded) * len(sources)

    found = []
    for number, (name, one) in enumerate(zip(names, loaded, strict=True)):

        def done(count: int, number: int = number, name: str = name) -> None:
            if progress is not None:
                progress(number * len(sources) + count, total, name)

        found.append(
            explore_model(name, str(one.folder), one.model, sources, clips, songs, shown=shown, seed=seed, done=done)
        )
    kept = [model for model, _ in found]
    sizes = [
        Size(name=one.name, values_per_second=one.values_per_second, distance=one.scores["stft_distance"].value)
        for one in kept
    ]
    proposal = propose_size(sizes, tolerance=tolerance)
    unequal = len(sources) - min(len(model.flat_rows) for model in kept)
    if unequal:
        remarks.append(f"{unequal} clips of another length than most are not among the flattened latents.")
    if len(kept) > 1:
        remarks.append(f"Interpolations are those of the proposed model, {proposal.name}, alone.")
    findings = Findings(
        facts=_facts(dataset, splits, sources, seconds, loaded),
        sources=sources,
        labels=labels,
        label_numbers=clips.labels,
        models=kept,
        reference=analyse_reference(sources, clips, seed=seed),
        proposal=proposal,
        shown=shown,
        outside=[
            Outside(
                name=song.name,
                seconds=song.seconds,
                parts=len(song.parts),
                first=song.parts[0],
                models=[judged[place] for _, judged in found],
            )
            for place, song in enumerate(songs)
        ],
        between=_between(loaded[names.index(proposal.name)], proposal.name, sources, shown),
        remarks=remarks,
    )
    return Exploration(findings=findings, failures=tuple(failures), files=_write(findings, Path(output)))


def _splits(text: str) -> tuple[str, ...]:
    from tonada.data import SPLITS

    wanted = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    if unknown := [name for name in wanted if name not in (*SPLITS, "all")]:
        raise UnknownNameError("split", unknown[0], (*SPLITS, "all"))
    return SPLITS if "all" in wanted else wanted


def _sources(dataset: Dataset, splits: Sequence[str], limit: int) -> tuple[list[Source], list[str]]:
    """Read the clips that are explored, and say what is not."""
    from tonada.audio.latents.exploration import choose
    from tonada.audio.latents.findings import Source
    from tonada.audio.transforms.waveform import WaveformTransform
    from tonada.runs import build_codec

    codec: Codec[Any] = build_codec({"name": dataset.codec_name, **dataset.codec_config})
    if not isinstance(codec, WaveformTransform):
        raise ConfigError(
            f"{dataset.folder} holds '{dataset.codec_name}', no waveforms. Run: tonada prepare --transform waveform"
        )
    pieces: list[Piece] = [piece for name in splits for piece in dataset.pieces(name)]
    labels = [str(piece.metadata.get("label", "")) for piece in pieces]
    tracks = [str(piece.metadata.get("track") or piece.name) for piece in pieces]
    chosen = choose(labels, tracks, limit)
    if len(chosen) < 4:
        raise ConfigError(f"{dataset.folder} has {len(chosen)} clips in {', '.join(splits)}; four are needed at least")
    sources = [
        Source(
            name=pieces[number].name,
            label=labels[number],
            track=tracks[number],
            start_s=float(pieces[number].metadata.get("start_s") or 0.0),
            clip=codec.decode(pieces[number].array),
        )
        for number in chosen
    ]
    left = len(pieces) - len(chosen)
    remark = (
        f"{left} of {len(pieces)} clips were left out: at most {limit} are explored, evenly over tracks and genres."
    )
    return sources, [remark] if left else []


def _songs(names: Sequence[str | Path], sample_rate: int, seconds: float) -> tuple[list[Song], list[Failure]]:
    """Read the songs from outside; what cannot be used does not stop the others."""
    from tonada.audio.clip import read_mono
    from tonada.audio.latents.exploration import Song, cut_parts

    songs: list[Song] = []
    failures: list[Failure] = []
    for path in find_inputs(names, "sound file"):
        if isinstance(path, Failure):
            failures.append(path)
            continue
        try:
            clip = read_mono(path, sample_rate)
            songs.append(Song(name=path.name, seconds=clip.duration_s, parts=cut_parts(clip, seconds)))
        except DataError as error:
            failures.append(Failure(name=str(path), error=error))
    if failures and not songs:
        errors = [failure.error for failure in failures]
        raise errors[0] if len(errors) == 1 else ExceptionGroup("no song from outside could be used", errors)
    return songs, failures


def _unique(names: Sequence[str]) -> list[str]:
    """Tell models apart whose folders have the same name."""
    seen: Counter[str] = Counter()
    told = []
    for name in names:
        seen[name] += 1
        told.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return told


def _between(loaded: LoadedAutoencoder, name: str, sources: Sequence[Source], shown: Sequence[int]) -> list[Between]:
    """Go from the first shown clip to the first one of another genre, or else to the second."""
    from tonada.audio.latents.between import go_between
    from tonada.audio.latents.findings import Between

    first = shown[0]
    others = [number for number in shown if sources[number].label != sources[first].label] or list(range(1, 2))
    steps = go_between(loaded.model, sources[first].clip, sources[others[0]].clip)
    return [Between(model=name, first=first, second=others[0], steps=steps)]


def _facts(
    dataset: Dataset, splits: Sequence[str], sources: Sequence[Source], seconds: float, loaded: Sequence[Any]
) -> dict[str, Any]:
    import sklearn

    from tonada.api.sidecars import made_with

    return {
        "data": str(dataset.folder),
        "data_sha256": dataset.sha256,
        "split": list(splits),
        "clips": len(sources),
        "tracks": len({source.track for source in sources}),
        "clip_seconds": seconds,
        "made_with": {**made_with(loaded[0].device), "scikit-learn": sklearn.__version__},
    }


def _write(findings: Findings, folder: Path) -> tuple[Path, ...]:
    import csv
    import io

    from tonada.files import write_text
    from tonada.jsontext import to_json
    from tonada.render.explorer.page import write_page

    files = (folder / "explore.html", folder / "explore.json", folder / "points.csv")
    write_page(findings, files[0], limit_bytes=PAGE_BYTES)
    write_text(files[1], to_json(findings.figures()) + "\n")
    rows = findings.points()
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(files[2], text.getvalue())
    return files
