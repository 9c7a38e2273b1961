"""The experiments of the piano-style thesis, scaled down: what its figures are made of, and what holds out of sample.

    python benchmarks/thesis.py benchmarks/thesis.toml --data FOLDER --runs FOLDER [--charts FOLDER] [--output FILE]

``--data`` holds four data sets of exact giga tokens: ``maestro``, ``baroque``, ``romantic``, ``avant-garde`` (the file
of rows says more). Of every style, works with a tenth of the ids are held back; of the windows of the others, a tenth,
as the thesis did. A row is trained once on what is left, and the same weights are judged on both. Rows whose runs are
there are not trained again, and one that was interrupted goes on.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # torch reads it once, when it is imported

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it

from tonada.charts import Line, line_chart
from tonada.config import from_mapping, read_toml, to_mapping
from tonada.data import Dataset
from tonada.errors import TrainingError
from tonada.files import write_text
from tonada.finetuning import WHOLE, GroupPlan, TuningConfig
from tonada.nn.lora import adapt
from tonada.rate_finding import find_rate
from tonada.runs import load_model, model_table, read_log
from tonada.seeding import key, rng
from tonada.symbolic.chunks import ChunkBatches, Chunks, covered_share, draw_works, split_by_work, split_chunks
from tonada.symbolic.corpus.works import find_overlaps, group, work_of
from tonada.symbolic.evaluation.baselines import Baseline, fit_baselines
from tonada.symbolic.evaluation.scoring import find_targets
from tonada.symbolic.models.gpt import GPT, GPTConfig
from tonada.symbolic.tokenizers.base import Ids
from tonada.symbolic.tokenizers.giga import GigaConfig, GigaTokenizer
from tonada.trainer import Trainer
from tonada.training import TrainerConfig, precision_of

STYLES = ("baroque", "romantic", "avant-garde")
CONTEXT, SEPARATOR = 128, 127
GIGA = GigaTokenizer(GigaConfig(exact=True))
GLANCED, JUDGED = 64, 256
"""Windows of each kind that are held back: looked at while training, and judged in the end; always the same."""
FINDER_STEPS = 40
SEED = 1


@dataclass(frozen=True)
class Row:
    """An experiment: its style, the size of the model, settings of the trainer and of what is trained."""

    name: str
    style: str
    size: str
    trainer: dict[str, Any]
    tuning: TuningConfig | None
    half_valley: bool


@dataclass(frozen=True, kw_only=True)
class Style:
    """The windows of a style: to train on, held back of the same performances, and of works that nobody trains on."""

    train: Chunks
    chunks: Chunks
    works: Chunks
    facts: dict[str, Any] = field(default_factory=dict)


def read_rows(table: Mapping[str, Any]) -> list[Row]:
    """Read the rows."""
    rows = []
    for name, given in table["rows"].items():
        recipe = table["recipe"] if given.get("recipe") else {}
        tuning = {**recipe.get("tuning", {}), **given.get("tuning", {})}
        trainer = {**table["trainer"], **recipe.get("trainer", {}), **given.get("trainer", {})}
        what = from_mapping(TuningConfig, tuning) if tuning else None
        rows.append(Row(name, given["style"], given.get("size", "small"), trainer, what, bool(recipe)))
    return rows


def read_style(folder: Path, wanted_ids: int) -> Style:
    """Cut a style's pieces into blocks, hold works back, draw pieces of the others, and hold windows of them back."""
    dataset = Dataset(folder)
    pieces = [piece for split in dataset.manifest["splits"] for piece in dataset.pieces(split)]
    blocks = [GIGA.training_blocks(piece.array).reshape(-1) for piece in pieces]
    works = group([work_of(piece.metadata["composer"], piece.metadata["title"]) for piece in pieces])
    aside = draw_works(blocks, works, seed=SEED)
    _, held = split_by_work(blocks, works, seed=SEED)
    drawn: list[Ids] = []
    for place in rng(SEED, "drawn pieces").permutation(len(blocks)):
        if sum(map(len, drawn)) < wanted_ids and works[place] not in aside:
            drawn.append(blocks[place])
    train, chunks = split_chunks(drawn, seed=SEED)
    facts = {
        "pieces": len(pieces),
        "works": len(set(works)),
        "ids": sum(map(len, blocks)),
        "pieces drawn": len(drawn),
        "windows": len(train),
        "windows of chunks": len(chunks),
        "windows of works": len(held),
        "covered of chunks": covered_share(train, chunks),
        "covered of works": covered_share(train, held),
        "unigram of all": count_unigram(np.concatenate(blocks)),
    }
    return Style(train=train, chunks=chunks, works=held, facts=facts)


def read_base(data: Path) -> Chunks:
    """Give the windows of MAESTRO's training pieces that share no work with the pieces of a style."""
    tuned = [work_of(row["composer"], row["title"]) for style in STYLES for row in Dataset(data / style).rows]
    pieces = Dataset(data / "maestro").pieces("train")
    overlaps = find_overlaps([work_of(piece.metadata["composer"], piece.metadata["title"]) for piece in pieces], tuned)
    blocks = [
        GIGA.training_blocks(piece.array).reshape(-1)
        for piece, met in zip(pieces, overlaps, strict=True)
        if met is None
    ]
    ids = np.concatenate(blocks)
    sys.stderr.write(f"base: {len(ids)} ids of {sum(met is None for met in overlaps)} of {len(pieces)} pieces\n")
    return Chunks(ids=ids, starts=np.arange(len(ids) - CONTEXT))


def fresh(size: Mapping[str, int]) -> GPT:
    """Build a model with fresh weights."""
    torch.manual_seed(key(SEED, "weights") & (2**63 - 1))
    config = GPTConfig(
        vocabulary=GIGA.vocabulary_size,
        context=CONTEXT,
        feedforward_ratio=1.0,
        positions="learned+relative",
        tied=False,
        bias=True,
        dropout=0.1,
        **size,
    )
    return GPT(config)


def tables_of(model: GPT, trainer: TrainerConfig) -> dict[str, Any]:
    """Give what a run folder says about its model."""
    codec = {"name": GIGA.name, **to_mapping(GIGA.config)}
    return {"model": model_table("gpt", model.config), "codec": codec, "trainer": to_mapping(trainer)}


def train_base(run: Path, size: Mapping[str, int], settings: Mapping[str, Any], chunks: Chunks) -> None:
    """Train a base model from scratch; there is no validation, and so its last weights are kept."""
    trainer = from_mapping(TrainerConfig, {**settings, "seed": SEED})
    model = fresh(size)
    source = ChunkBatches(chunks, batch=trainer.batch, seed=SEED)
    began = time.process_time()
    Trainer(model, source, trainer, run, tables=tables_of(model, trainer)).fit(
        resume=(run / "trainer.safetensors").is_file()
    )
    found = {"cpu_s": time.process_time() - began, "parameters": model.parameter_count()}
    write_text(run / "judged.json", json.dumps(found) + "\n")


def train_row(row: Row, run: Path, base: Path, style: Style) -> None:
    """Train a row, and judge its last weights."""
    model = load_model(base).model
    assert isinstance(model, GPT)
    source = ChunkBatches(style.train, batch=row.trainer["batch"], seed=SEED)
    settings, began = {"learning_rate": 1.0, **row.trainer, "seed": SEED}, time.process_time()
    if row.half_valley:
        curve = find_rate(model, source, from_mapping(TrainerConfig, settings), steps=FINDER_STEPS)
        settings["learning_rate"] = curve.valley / 2
    trainer = from_mapping(TrainerConfig, {**settings, "validate_every": max(1, settings["steps"] // 5)})
    plan = WHOLE
    if row.tuning is not None and row.tuning.train == "lora":
        adapt(model, rank=row.tuning.rank, alpha=row.tuning.alpha, targets=row.tuning.targets)
    elif row.tuning is not None:
        plan = GroupPlan(model, row.tuning)
    trained = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)

    def glance(scored: torch.nn.Module) -> dict[str, float]:
        losses = [measure(scored, chunks, GLANCED)["loss"] for chunks in (style.chunks, style.works)]
        return {"score": losses[0], "works": losses[1]}

    run_tables = tables_of(model, trainer)
    training = Trainer(
        model, source, trainer, run, tables=run_tables, validate=glance, plan=plan, trained=True, keep=lambda *_: None
    )
    found: dict[str, Any] = {"rate": trainer.learning_rate, "trained": trained, "steps": trainer.steps}
    try:
        training.fit(resume=(run / "trainer.safetensors").is_file())
    except TrainingError as error:
        found["diverged"] = error.step
    losses = [record["loss"]["model"]["cross_entropy"] for record in read_log(run) if record.get("loss")]
    if "diverged" not in found:
        found["train"] = float(np.mean(losses[-max(1, len(losses) // 10) :]))
        model.eval()
        found |= {"chunks": measure(model, style.chunks, JUDGED), "works": measure(model, style.works, JUDGED)}
    found["cpu_s"] = time.process_time() - began
    write_text(run / "judged.json", json.dumps(found, indent=1) + "\n")


def drawn(chunks: Chunks, count: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Give places of windows, always the same ones."""
    return rng(SEED, "judged").permutation(len(chunks))[:count]


@torch.no_grad()
def measure(model: torch.nn.Module, chunks: Chunks, count: int) -> dict[str, float]:
    """Measure a model on some windows."""
    losses, hits, targets = [], [], []
    is_bf16 = precision_of("auto", "cpu") is torch.bfloat16
    for places in np.array_split(drawn(chunks, count), max(1, count // 32)):
        batch = chunks.batch(places)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=is_bf16):
            logits = model(batch["inputs"]).flatten(0, 1)
        target = batch["targets"].flatten()
        losses.append(F.cross_entropy(logits.float(), target, reduction="none"))
        hits.append(logits.argmax(-1) == target)
        targets.append(target)
    return figures(torch.cat(losses).numpy(), torch.cat(hits).numpy(), torch.cat(targets).numpy())


def figures(
    losses: np.ndarray[Any, Any], hits: np.ndarray[Any, Any], targets: np.ndarray[Any, Any]
) -> dict[str, float]:
    """Give the thesis' figures, and those without separators, three ids to a note."""
    told, mean = targets != SEPARATOR, float(losses.mean(dtype=np.float64))
    return {
        "loss": mean,
        "accuracy": float(hits.mean()),
        "perplexity": math.exp(min(700.0, mean)),
        "accuracy of notes": float(hits[told].mean()),
        "nats per note": float(3 * losses[told].mean(dtype=np.float64)),
    }


def score_counted(baseline: Baseline, ids: Ids) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Give the loss of every id to a counted baseline, and whether it was its guess; separators cost nothing."""
    found = find_targets(GIGA, ids)
    losses, hits = np.zeros(len(ids)), np.ones(len(ids), dtype=np.bool_)
    losses[found.position], hits[found.position] = baseline.score(found)
    return losses, hits


def count_unigram(ids: Ids) -> dict[str, float]:
    """Give the figures of counted ids on the very ids that were counted."""
    (baseline,) = fit_baselines(GIGA, [ids], names=["unigram"])
    return figures(*score_counted(baseline, ids), ids)


def measure_counted(baseline: Baseline, chunks: Chunks, count: int) -> dict[str, float]:
    """Measure a counted baseline on the windows that models are judged on."""
    losses, hits = score_counted(baseline, chunks.ids)
    positions = (chunks.starts[drawn(chunks, count)][:, None] + np.arange(1, CONTEXT + 1)).reshape(-1)
    return figures(losses[positions], hits[positions], chunks.ids[positions])


def judge_untrained(run: Path, style: Style, base: Path | None) -> list[dict[str, Any]]:
    """Give the rows that take no training: counted ids, and the base as it is."""
    path = run / "judged.json"
    if not path.is_file():
        found: list[dict[str, Any]] = []
        sides = {"chunks": style.chunks, "works": style.works}
        for baseline in fit_baselines(GIGA, [style.train.ids]):
            found.append(
                {"name": baseline.name, **{side: measure_counted(baseline, c, JUDGED) for side, c in sides.items()}}
            )
        if base is not None:
            model = load_model(base).model
            found.append({"name": "base, not tuned", **{side: measure(model, c, JUDGED) for side, c in sides.items()}})
        write_text(path, json.dumps(found, indent=1) + "\n")
    known: list[dict[str, Any]] = json.loads(path.read_text())
    return known


def table(found: Sequence[dict[str, Any]], side: str) -> str:
    """Write the figures of one way of holding back, as Markdown."""
    head = "| row | style | weights trained | rate | steps | train loss | valid loss | accuracy | perplexity "
    lines = [head + "| accuracy of notes | nats per note |", "|---" * 11 + "|"]
    for row in found:
        facts = [row["name"], row["style"]]
        facts += [f"{row['trained']:,}" if "trained" in row else "", f"{row['rate']:.2g}" if "rate" in row else ""]
        facts += [str(row.get("steps", "")), f"{row['train']:.3f}" if "train" in row else ""]
        if "diverged" in row:
            facts += [f"diverged at step {row['diverged']}", "", "", "", ""]
        else:
            one = row[side]
            perplexity = f"{one['perplexity']:.2f}" if one["perplexity"] < 1000 else "over 1000"
            facts += [f"{one['loss']:.3f}", f"{one['accuracy']:.3f}", perplexity]
            facts += [f"{one['accuracy of notes']:.3f}", f"{one['nats per note']:.2f}"]
        lines.append(f"| {' | '.join(facts)} |")
    return "\n".join(lines) + "\n"


def draw(runs: Mapping[str, Path], charts: Path) -> None:
    """Draw the losses of some rows: in training, and on what was held back in both ways."""
    for name, run in runs.items():
        records = read_log(run)
        steps = [record for record in records if record.get("loss")]
        scored = [record for record in records if "validation" in record]
        size = max(1, len(steps) // 30)
        training = Line(
            name="training",
            x=[record["step"] for record in steps[size - 1 :: size]],
            y=[
                float(np.mean([record["loss"]["model"]["cross_entropy"] for record in steps[first : first + size]]))
                for first in range(0, len(steps) - size + 1, size)
            ],
        )
        held = [
            Line(name=label, x=[one["step"] for one in scored], y=[one["validation"][which] for one in scored])
            for label, which in (("windows held back", "score"), ("works held back", "works"))
        ]
        chart = line_chart([training, *held], x_label="step", y_label="nats per id", title=name, dots=True)
        write_text(charts / f"thesis-{run.name}.svg", chart + "\n")


def main() -> None:
    """Train what is missing, judge, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", type=Path, help="TOML file with the rows")
    parser.add_argument("--data", type=Path, required=True, help="folder of the prepared data sets")
    parser.add_argument("--runs", type=Path, required=True, help="folder of the runs, one for each row")
    parser.add_argument("--only", nargs="*", help="names of rows; all when not given")
    parser.add_argument("--charts", type=Path, help="folder for the curves of the rows")
    parser.add_argument("--output", type=Path, help="JSON with all figures")
    arguments = parser.parse_args()
    asked, runs = read_toml(arguments.rows), arguments.runs
    rows = [row for row in read_rows(asked) if arguments.only is None or row.name in arguments.only]
    styles = {name: read_style(arguments.data / name, asked["data"]["ids"]) for name in STYLES}
    bases = {size: runs / f"base-{size}" for size in asked["sizes"]}
    needed = {row.size for row in rows}
    for size in needed:
        if not (bases[size] / "judged.json").is_file():
            train_base(bases[size], asked["sizes"][size], asked["base"], read_base(arguments.data))
    found: list[dict[str, Any]] = []
    for name, style in styles.items():
        base = bases["small"] if (bases["small"] / "judged.json").is_file() else None
        found += [{**one, "style": name} for one in judge_untrained(runs / f"untrained-{name}", style, base)]
    shown = {}
    for row in rows:
        run = runs / "".join(sign if sign.isalnum() else "-" for sign in row.name).replace("--", "-")
        if not (run / "judged.json").is_file():
            train_row(row, run, bases[row.size], styles[row.style])
        shown[row.name] = run
        found.append({"name": row.name, "style": row.style, **json.loads((run / "judged.json").read_text())})
        sys.stderr.write(f"{row.name}: {json.dumps(found[-1])}\n")
    for title, side in (("Windows held back, as the thesis did", "chunks"), ("Works held back", "works")):
        sys.stdout.write(f"\n{title}\n\n{table(found, side)}")
    sys.stdout.write("\n" + json.dumps({name: style.facts for name, style in styles.items()}, indent=1) + "\n")
    if arguments.charts:
        draw(shown, arguments.charts)
    if arguments.output:
        write_text(arguments.output, json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
