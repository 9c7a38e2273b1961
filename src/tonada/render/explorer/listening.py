"""The parts of the page that are heard: originals beside what is decoded, songs from outside, interpolations."""

from __future__ import annotations

from html import escape

from tonada.audio.clip import Clip
from tonada.audio.latents.findings import Findings, Outside
from tonada.charts import table
from tonada.render.explorer.sounds import Store
from tonada.render.explorer.words import judge_song, number
from tonada.render.sound_pictures import comparison_svg

MAP_SECONDS = 3.0
"""Of a clip that is heard from a map."""


def comparisons(findings: Findings, store: Store) -> str:
    """Show, for the first clips of every genre, waveforms and spectrograms of each model, with players."""
    parts = []
    for row in findings.shown:
        source = findings.sources[row]
        store.add(f"clip-{row}", source.clip, "original clips")
        players, pictures = [("original", store.player(f"clip-{row}", f"{source.name}, original"))], []
        for place, model in enumerate(findings.models):
            key = f"model-{place}-clip-{row}"
            store.add(key, model.decoded[row], "decoded clips")
            players.append((model.name, store.player(key, f"{source.name}, decoded by {model.name}")))
            pictures.append(_picture(source.clip, model.decoded[row], model.name, store))
        parts.append(
            f"<h3>{escape(source.label)}: {escape(source.name)}</h3>{_players(players)}"
            f'<div class="row wider pictures">{"".join(pictures)}</div>'
        )
    return "".join(parts)


def _picture(original: Clip, decoded: Clip, title: str, store: Store) -> str:
    svg = comparison_svg(original, decoded, title=title)
    if not store.take(len(svg.encode()), "pictures"):
        return ""
    return f"<figure>{svg}</figure>"


def _players(players: list[tuple[str, str]]) -> str:
    return f'<div class="players">{"".join(f"<span>{escape(name)}</span>{player}" for name, player in players)}</div>'


def outside(findings: Findings, store: Store) -> str:
    """Show songs from outside: as heard and decoded, with figures beside those of the data set."""
    return "".join(_song(findings, place, song, store) for place, song in enumerate(findings.outside))


def _song(findings: Findings, place: int, song: Outside, store: Store) -> str:
    store.add(f"song-{place}", song.first, "songs from outside")
    players = [("original", store.player(f"song-{place}", f"{song.name}, original"))]
    pictures, rows, verdicts = [], [], []
    for index, (model, found) in enumerate(zip(findings.models, song.models, strict=True)):
        key = f"model-{index}-song-{place}"
        store.add(key, found.decoded, "songs from outside")
        players.append((model.name, store.player(key, f"{song.name}, decoded by {model.name}")))
        pictures.append(_picture(song.first, found.decoded, model.name, store))
        rows.append(
            [
                model.name,
                number(found.scores["stft_distance"]),
                number(model.scores["stft_distance"].value),
                number(found.scores["log_spectral_distance_db"]),
                number(model.scores["log_spectral_distance_db"].value),
                number(found.scores["si_sdr_db"]),
                number(model.scores["si_sdr_db"].value),
                ", ".join(dict.fromkeys(label for _, label in found.nearest)),
            ]
        )
        good, text = judge_song(found)
        verdicts.append(f'<li class="{"good" if good else "look"}"><strong>{escape(model.name)}.</strong> {text}</li>')
    head = ["model", "STFT distance", "data set", "LSD dB", "data set", "SI-SDR dB", "data set", "genres nearby"]
    caption = (
        f"{song.name}, {song.seconds:.0f} s, {song.parts} segments of it; beside each figure that of the data set."
    )
    return (
        f"<h3>{escape(song.name)}</h3><ul>{''.join(verdicts)}</ul>{_players(players)}"
        f"{table(head, rows, caption=caption)}"
        f'<div class="row wider pictures">{"".join(pictures)}</div>'
    )


def interpolations(findings: Findings, store: Store) -> str:
    """Let the ways between two clips be heard, step by step."""
    parts = []
    for place, way in enumerate(findings.between):
        first, second = findings.sources[way.first], findings.sources[way.second]
        head = "".join(f"<strong>{step.share:g}</strong>" for step in way.steps)
        lines = [f'<span class="soft">share of the second</span>{head}']
        for name in ("crossfade", *way.steps[0].ways):
            cells = []
            for index, step in enumerate(way.steps):
                at_end = index in (0, len(way.steps) - 1)  # all ways are the same there
                key = f"between-{place}-{'end' if at_end else name}-{index}"
                store.add(key, step.crossfade if name == "crossfade" else step.ways[name], "interpolations")
                share = None if at_end else step.novelty.get(name)
                novelty = "" if share is None else f"<br>{share:.2f} from the cross-fade"
                cells.append(f'<span class="soft">{store.player(key, f"{name}, step {index + 1}")}{novelty}</span>')
            title = "plain cross-fade" if name == "crossfade" else name
            lines.append(f"<span>{title}</span>{''.join(cells)}")
        parts.append(
            f"<h3>{escape(way.model)}: from {escape(first.name)} ({escape(first.label)}) to {escape(second.name)} "
            f"({escape(second.label)})</h3>"
            f'<div class="steps" style="grid-template-columns: max-content repeat({len(way.steps)}, minmax(9rem, 1fr))"'
            f">{''.join(lines)}</div>"
        )
    return "".join(parts)


def map_clips(findings: Findings, store: Store) -> dict[str, dict[str, str]]:
    """Store the clips that the maps play, the tracks by turns, and describe all: key of a mark → name and sound."""
    heard: dict[str, int] = {}
    order = []
    for row, source in enumerate(findings.sources):
        heard[source.track] = heard.get(source.track, 0) + 1
        order.append((heard[source.track], row))
    sounds = {}
    for _, row in sorted(order):
        # A clip that is heard elsewhere in the page is there already, and whole.
        key = f"clip-{row}" if row in findings.shown else f"map-{row}"
        store.add(key, findings.sources[row].clip, "clips of the maps", seconds=MAP_SECONDS)
        sounds[row] = key
    told = {
        str(row): {"name": f"{source.label}: {source.name}", "sound": sounds[row]}
        for row, source in enumerate(findings.sources)
    }
    for place, song in enumerate(findings.outside):
        told[f"song-{place}"] = {"name": f"from outside: {song.name}", "sound": f"song-{place}"}
    return told
