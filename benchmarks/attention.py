"""What built-in attention, bf16, compilation and the batch do to the time of training the Transformer from scratch.

The model is a preset (``gpt/from-scratch`` unless another is named) with its own context and dropout, its training step
that of ``tonada.trainer``: losses, backward, clipping, AdamW. *By hand* is attention as that study wrote it first:
scores, a mask that is kept, softmax, dropout, sum; *built in* is ``tonada.nn``'s, which is torch's
``scaled_dot_product_attention`` or, where a CPU is slower with it, our own in blocks; *torch's* is the former alone.
All three give the same losses, which is checked before the clock starts (without dropout).

A round is ``--steps`` steps of each row, after one to warm up; rows take turns; a figure is the median of the rounds.
Rows whose first round took longer than ``--patience`` seconds get three rounds only, and the table says so. The ratio
is to the first row, in ids per second, of the time that passed and of processor time, which busy neighbours disturb
less. Ids are random: what they are makes no difference to the time.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # torch reads it once, when it is imported

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from torch import Tensor, nn

from tonada.nn import attention
from tonada.nn.attention import CausalSelfAttention, rotate
from tonada.optimizers import make_optimizers
from tonada.registry import preset
from tonada.symbolic.models.gpt import GPT, GPTConfig

BY_HAND, BUILT_IN, TORCH = "by hand", "built in", "torch's"
FEWER = 3


@dataclass(frozen=True, kw_only=True)
class Row:
    """What is measured."""

    attention: str
    precision: str
    batch: int
    compile: bool
    dropout: float


class AttentionByHand(nn.Module):
    """Attention written out, on the weights of ours."""

    def __init__(self, ours: CausalSelfAttention, context: int) -> None:
        super().__init__()
        self.heads, self.qkv, self.out = ours.heads, ours.qkv, ours.out
        self.dropout = nn.Dropout(ours.dropout)
        self.register_buffer("mask", torch.ones(context, context, dtype=torch.bool).triu(1), persistent=False)

    def forward(self, x: Tensor, *, rotary: tuple[Tensor, Tensor] | None = None, **_: Any) -> Tensor:
        """Attend from ``[B, T, D]`` to itself."""
        batch, length, width = x.shape
        q, k, v = (part.view(batch, length, self.heads, -1).transpose(1, 2) for part in self.qkv(x).split(width, -1))
        if rotary is not None:
            q, k = rotate(q, *rotary), rotate(k, *rotary)
        scores = (q @ k.transpose(-2, -1)) * q.shape[-1] ** -0.5
        scores = scores.masked_fill(self.mask[:length, :length], float("-inf"))
        mixed = self.dropout(F.softmax(scores, dim=-1)) @ v
        result: Tensor = self.out(mixed.transpose(1, 2).reshape(batch, length, width))
        return result


def build(config: GPTConfig, row: Row, device: str) -> GPT:
    """Build a row's model: the same weights for all."""
    torch.manual_seed(1)
    model = GPT(replace(config, dropout=row.dropout))
    if row.attention == BY_HAND:
        for block in model.blocks:
            block.attention = AttentionByHand(block.attention, config.context)
    model.to(device).train()
    if row.compile:
        model.compile()
    return model


class Contestant:
    """A row with its model and optimizers, ready to take steps."""

    def __init__(self, config: GPTConfig, row: Row, device: str) -> None:
        self.row, self.device = row, device
        self.model = build(config, row, device)
        self.optimizers = make_optimizers(
            list(self.model.named_parameters()),
            name="adamw",
            learning_rate=1e-4,
            weight_decay=0.01,
            betas=(0.9, 0.95),
        )
        generator = torch.Generator().manual_seed(1)
        ids = torch.randint(0, config.vocabulary, (row.batch, config.context + 1), generator=generator).to(device)
        self.batch = {"inputs": ids[:, :-1], "targets": ids[:, 1:]}
        self.rounds: list[tuple[float, float]] = []

    def loss(self) -> Tensor:
        """Give the loss of the batch."""
        with (
            torch.autocast(self.device, torch.bfloat16, enabled=self.row.precision == "bf16"),
            only_torch(self.row.attention == TORCH),
        ):
            _, terms = next(iter(self.model.losses(self.batch, 0)))
        return terms["cross_entropy"]

    def step(self) -> None:
        """Take a step."""
        self.loss().backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimizer in self.optimizers:
            optimizer.step()
        self.model.zero_grad(set_to_none=True)
        if self.device == "cuda":
            torch.cuda.synchronize()

    def round(self, steps: int) -> None:
        """Take some steps and note their time; each step after one to warm up."""
        self.step()
        start, start_cpu = time.perf_counter(), time.process_time()
        for _ in range(steps):
            self.step()
        self.rounds.append((time.perf_counter() - start, time.process_time() - start_cpu))


class only_torch:  # noqa: N801 - used as a statement
    """While it lasts, our attention in blocks is not taken."""

    def __init__(self, wanted: bool) -> None:
        self._wanted, self._suits = wanted, attention.suits

    def __enter__(self) -> None:
        """Put it away."""
        if self._wanted:
            attention.suits = lambda *_: False

    def __exit__(self, *_: object) -> None:
        """Put it back."""
        attention.suits = self._suits


def check_same_losses(config: GPTConfig, rows: list[Row], device: str) -> None:
    """Make sure that the ways to attend are one function."""
    short = replace(config, context=min(config.context, 300))
    for precision, tolerance in (("fp32", 1e-5), ("bf16", 0.02)):
        losses = {}
        for name in {row.attention for row in rows}:
            row = Row(attention=name, precision=precision, batch=1, compile=False, dropout=0.0)
            losses[name] = Contestant(short, row, device).loss().item()
        if max(losses.values()) - min(losses.values()) > tolerance:
            raise SystemExit(f"the ways to attend differ in {precision}: {losses}")


def list_rows(given: argparse.Namespace, dropout: float) -> list[Row]:
    """List what is measured: ways to attend by precision, then batches and compilation of the best."""
    base = {"batch": given.batches[0], "compile": False, "dropout": dropout}
    rows = [Row(attention=name, precision=precision, **base) for precision in given.precisions for name in given.ways]
    last = rows[-1]
    if dropout and not given.keep_dropout:
        rows += [replace(row, dropout=0.0) for row in rows]
    rows += [replace(last, batch=batch) for batch in given.batches[1:]]
    if given.compile:
        rows += [replace(last, compile=True), replace(last, compile=True, batch=given.batches[-1])]
    return list(dict.fromkeys(rows))


def measure(contestants: list[Callable[[], Contestant]], given: argparse.Namespace) -> list[Contestant]:
    """Let all take turns; the slow ones fewer times."""
    made = [make() for make in contestants]
    for number in range(given.rounds):
        for contestant in made:
            slow = number and contestant.rounds[0][0] > given.patience
            if not slow or number < FEWER:
                contestant.round(given.steps)
    return made


def main() -> None:
    """Measure and print one table; write every figure with ``--output``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="gpt/from-scratch", help="a preset")
    parser.add_argument("--context", type=int, help="in place of the preset's")
    parser.add_argument("--ways", nargs="+", default=[BY_HAND, TORCH, BUILT_IN], choices=[BY_HAND, TORCH, BUILT_IN])
    parser.add_argument("--precisions", nargs="+", default=["fp32", "bf16"], choices=["fp32", "bf16"])
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 2, 4, 8], help="the first one for most rows")
    parser.add_argument("--compile", action="store_true", help="rows with torch.compile, too")
    parser.add_argument("--keep-dropout", action="store_true", help="no rows without the preset's dropout")
    parser.add_argument("--steps", type=int, default=2, help="counted steps of a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--patience", type=float, default=60.0, help="seconds")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--output", type=Path, help="a JSON file for every figure")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    config = preset("model", given.model)[1]
    config = replace(config, context=given.context or config.context)
    rows = list_rows(given, config.dropout)
    check_same_losses(config, rows, given.device)
    made = measure([lambda row=row: Contestant(config, row, given.device) for row in rows], given)
    print(
        f"torch {torch.__version__}, {given.device}, {given.threads} threads; {given.model}, context {config.context}"
    )
    print(f"medians of rounds of {given.steps} steps, in turns")
    print("| attention | precision | batch | compiled | dropout | ids/s | ratio | of processor time | rounds |")
    print("|---|---|---|---|---|---|---|---|---|")
    figures: list[dict[str, Any]] = []
    for contestant in made:
        row, ids = contestant.row, contestant.row.batch * config.context * given.steps
        wall, processor = (statistics.median(column) for column in zip(*contestant.rounds, strict=True))
        found = {**asdict(row), "ids_per_second": ids / wall, "ids_per_processor_second": ids / processor}
        figures.append({**found, "rounds": contestant.rounds})
        ratios = [found[key] / figures[0][key] for key in ("ids_per_second", "ids_per_processor_second")]
        cells = [row.attention, row.precision, str(row.batch), "yes" if row.compile else "no", f"{row.dropout:g}"]
        cells += [f"{ids / wall:.0f}", *(f"{ratio:.2f} ×" for ratio in ratios), str(len(contestant.rounds))]
        print(f"| {' | '.join(cells)} |")
    if given.output:
        given.output.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
        print(f"wrote {given.output}")


if __name__ == "__main__":
    main()
