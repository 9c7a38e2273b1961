"""How many ids a second a training takes in, beside a plain loop and ``transformers``' Trainer: one model, one run.

All train the same decoder (the sizes of a preset; the three start from the same weights, and their losses on one batch
are compared before the clock starts) on the same prepared data, with AdamW, clipping, the same batch, context,
precision and threads:

* *tonada*: ``tonada.trainer.Trainer`` with all that it does: augmentation, log, schedule, run folder,
  batches made ahead.
* *plain*: a loop in the manner of minGPT, written here: attention by hand with a mask that is kept, windows at random.
* *transformers*: ``Trainer`` on ``LlamaForCausalLM`` with built-in attention and fused AdamW, without log or files.

A round is some steps of each, in turn; a figure is the median of the rounds. The first steps of every round warm up and
are not counted; neither are start, validation and checkpoints. Beside the time that passed stands the ratio of
processor time, which other work on the machine disturbs less, the share of a step that was spent waiting for the batch,
and the share of the machine's measured rate of multiplying matrices (4096 × 4096; 1024 on a CPU) that the model's own
multiplications reach: 6 operations for each weight and id, and 6 · width · context for each block's causal attention.
transformers' Trainer needs the package ``accelerate``.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # torch reads it once, when it is imported

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from torch import Tensor, nn

from tonada.api.studies.notes import NotesStudy
from tonada.data import Dataset
from tonada.prefetching import Prefetched
from tonada.registry import preset
from tonada.symbolic.augment import Augmentation
from tonada.symbolic.models.gpt import GPT, GPTConfig
from tonada.trainer import Trainer
from tonada.training import Progress, TrainerConfig

LEARNING_RATE, CLIP = 3e-4, 1.0


@dataclass(frozen=True, kw_only=True)
class Work:
    """What all are given."""

    config: GPTConfig
    data: Path
    batch: int
    precision: str
    device: str
    steps: int
    warm_up: int
    compile: bool

    @property
    def ids_per_step(self) -> int:
        """Count the ids of a batch."""
        return self.batch * self.config.context


@dataclass(frozen=True, kw_only=True)
class Round:
    """What the counted steps of a round took, in seconds: that passed, of the processors, and waiting for batches."""

    wall_s: float
    processor_s: float
    waiting_s: float


class Clock:
    """Notes the time after every step."""

    def __init__(self, work: Work) -> None:
        self._work, self._times = work, [(time.perf_counter(), time.process_time(), 0.0)]
        self.waited_s = 0.0

    def stamp(self) -> None:
        """Call it when a step is over."""
        if self._work.device == "cuda":
            torch.cuda.synchronize()
        self._times.append((time.perf_counter(), time.process_time(), self.waited_s))

    def round(self) -> Round:
        """Give the sums over the counted steps."""
        first, last = self._times[self._work.warm_up], self._times[self._work.warm_up + self._work.steps]
        wall, processor, waiting = (after - before for before, after in zip(first, last, strict=True))
        return Round(wall_s=wall, processor_s=processor, waiting_s=waiting)


def tonada_round(work: Work, model: GPT) -> Round:
    """Take the steps of a round with our trainer, on a fresh run folder."""
    clock = Clock(work)
    study = NotesStudy(Dataset(work.data))
    config = TrainerConfig(
        steps=work.warm_up + work.steps + 1,  # the last one also saves, which is not counted
        batch=work.batch,
        learning_rate=LEARNING_RATE,
        clip_norm=CLIP,
        precision=work.precision,
    )
    with tempfile.TemporaryDirectory() as folder, Prefetched(study.batches(model, config, Augmentation())) as batches:

        def stamp(_: Progress) -> None:
            clock.waited_s = batches.waited_s
            clock.stamp()

        trainer = Trainer(
            model,
            batches,
            config,
            Path(folder) / "run",
            tables={"model": {"name": "gpt"}, "codec": {"name": "note"}},
            progress=stamp,
        )
        trainer.fit()
    return clock.round()


class PlainAttention(nn.Module):
    """Attention written out: scores, mask, softmax, sum."""

    def __init__(self, config: GPTConfig, mask: Tensor) -> None:
        super().__init__()
        self.heads, self.mask = config.heads, mask
        self.qkv = nn.Linear(config.width, 3 * config.width, bias=False)
        self.out = nn.Linear(config.width, config.width, bias=False)

    def forward(self, x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
        """Attend."""
        batch, length, width = x.shape
        q, k, v = self.qkv(x).split(width, dim=2)
        q, k, v = (part.view(batch, length, self.heads, width // self.heads).transpose(1, 2) for part in (q, k, v))
        q, k = (part * cosine + half_turned(part) * sine for part in (q, k))
        scores = (q @ k.transpose(-2, -1)) * (k.size(-1) ** -0.5)
        scores = scores.masked_fill(self.mask[:length, :length], float("-inf"))
        mixed = F.softmax(scores, dim=-1) @ v.to(scores.dtype)
        result: Tensor = self.out(mixed.transpose(1, 2).contiguous().view(batch, length, width))
        return result


def half_turned(x: Tensor) -> Tensor:
    """Turn (a, b) into (−b, a), halves of the last axis."""
    first, second = x.chunk(2, dim=-1)
    return torch.cat((-second, first), dim=-1)


class PlainNorm(nn.Module):
    """RMSNorm written out."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise."""
        wide = x.float()
        return (wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + 1e-6)).type_as(x) * self.weight


class PlainBlock(nn.Module):
    """One block, written out."""

    def __init__(self, config: GPTConfig, mask: Tensor) -> None:
        super().__init__()
        hidden = round(config.width * config.feedforward_ratio)
        self.attention_norm, self.feedforward_norm = PlainNorm(config.width), PlainNorm(config.width)
        self.attention = PlainAttention(config, mask)
        self.up = nn.Linear(config.width, 2 * hidden, bias=False)
        self.down = nn.Linear(hidden, config.width, bias=False)

    def forward(self, x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
        """Attend and transform."""
        x = x + self.attention(self.attention_norm(x), cosine, sine)
        gate, value = self.up(self.feedforward_norm(x)).chunk(2, dim=-1)
        transformed: Tensor = x + self.down(F.silu(gate) * value)
        return transformed


class PlainModel(nn.Module):
    """The same decoder as somebody writes it who reads a paper and has no library."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        mask = torch.ones(config.context, config.context, dtype=torch.bool).triu(1)
        self.register_buffer("mask", mask, persistent=False)
        self.embedding = nn.Embedding(config.vocabulary, config.width)
        self.blocks = nn.ModuleList(PlainBlock(config, mask) for _ in range(config.blocks))
        self.norm = PlainNorm(config.width)
        self.head = nn.Linear(config.width, config.vocabulary, bias=False)
        self.head.weight = self.embedding.weight
        head_width = config.width // config.heads
        frequency = 10_000.0 ** (-torch.arange(0, head_width, 2, dtype=torch.float64) / head_width)
        angle = torch.outer(torch.arange(config.context, dtype=torch.float64), frequency).repeat(1, 2)
        self.register_buffer("cosine", angle.cos().float(), persistent=False)
        self.register_buffer("sine", angle.sin().float(), persistent=False)

    def forward(self, ids: Tensor, targets: Tensor) -> Tensor:
        """Give the loss."""
        x = self.embedding(ids)
        for block in self.blocks:
            x = block(x, self.cosine[: ids.shape[1]], self.sine[: ids.shape[1]])
        logits = self.head(self.norm(x))
        return F.cross_entropy(logits.view(-1, logits.size(-1)), targets.reshape(-1))


def plain_round(work: Work, model: nn.Module) -> Round:
    """Take the steps of a round with the loop that everybody writes."""
    ids = np.concatenate([piece.array for piece in Dataset(work.data).pieces("train")]).astype(np.int64)
    generator = np.random.default_rng(1)
    clock = Clock(work)

    def windows() -> tuple[Tensor, Tensor]:
        starts = generator.integers(0, len(ids) - work.config.context - 1, work.batch)
        both = torch.stack([torch.from_numpy(ids[start : start + work.config.context + 1]) for start in starts])
        return both[:, :-1].to(work.device), both[:, 1:].to(work.device)

    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, betas=(0.9, 0.95), weight_decay=0.01)
    model.train()
    for _ in range(work.warm_up + work.steps):
        started = time.perf_counter()
        inputs, targets = windows()
        clock.waited_s += time.perf_counter() - started
        with torch.autocast(work.device, torch.bfloat16, enabled=work.precision == "bf16"):
            loss = model(inputs, targets)
        model.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimizer.step()
        clock.stamp()
    return clock.round()


def transformers_round(work: Work, model: Any) -> Round:
    """Take the steps of a round with transformers' Trainer."""
    import transformers

    ids = np.concatenate([piece.array for piece in Dataset(work.data).pieces("train")]).astype(np.int64)
    clock = Clock(work)

    class Windows(torch.utils.data.Dataset[dict[str, Tensor]]):
        def __len__(self) -> int:
            return len(ids) // work.config.context

        def __getitem__(self, index: int) -> dict[str, Tensor]:
            window = torch.from_numpy(ids[index * work.config.context : (index + 1) * work.config.context])
            return {"input_ids": window, "labels": window}

    class Stamps(transformers.TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, *arguments: Any, **named: Any) -> None:
            clock.stamp()

    class TimedTrainer(transformers.Trainer):  # type: ignore[misc]
        def get_batch_samples(self, *arguments: Any, **named: Any) -> Any:
            started = time.perf_counter()
            found = super().get_batch_samples(*arguments, **named)
            clock.waited_s += time.perf_counter() - started
            return found

    with tempfile.TemporaryDirectory() as folder:
        settings = transformers.TrainingArguments(
            output_dir=folder,
            max_steps=work.warm_up + work.steps,
            per_device_train_batch_size=work.batch,
            learning_rate=LEARNING_RATE,
            weight_decay=0.01,
            adam_beta2=0.95,
            max_grad_norm=CLIP,
            optim="adamw_torch_fused",
            bf16=work.precision == "bf16",
            use_cpu=work.device == "cpu",
            torch_compile=work.compile,
            save_strategy="no",
            logging_strategy="no",
            report_to="none",
            disable_tqdm=True,
        )
        trainer = TimedTrainer(model=model, args=settings, train_dataset=Windows(), callbacks=[Stamps()])
        trainer.remove_callback(transformers.PrinterCallback)  # it would write between the rows of the table
        trainer.train()
    return clock.round()


def plain_model(ours: GPT) -> PlainModel:
    """Build the plain model with our weights."""
    plain = PlainModel(ours.config)
    weights = {name.replace("feedforward.", ""): tensor for name, tensor in ours.state_dict().items()}
    plain.load_state_dict(weights)
    return plain


def llama_model(ours: GPT) -> Any:
    """Build transformers' model of the same sizes, with our weights."""
    import transformers

    from peers import llama_config

    config = ours.config
    llama = transformers.LlamaForCausalLM(
        llama_config(config, rms_norm_eps=1e-6, use_cache=False, bos_token_id=None, attn_implementation="sdpa")
    )
    mine = ours.state_dict()
    weights = {"model.embed_tokens.weight": mine["embedding.weight"], "model.norm.weight": mine["norm.weight"]}
    weights["lm_head.weight"] = mine["head.weight"]
    for block in range(config.blocks):
        a, b = f"blocks.{block}.", f"model.layers.{block}."
        q, k, v = mine[f"{a}attention.qkv.weight"].chunk(3)
        gate, up = mine[f"{a}feedforward.up.weight"].chunk(2)
        weights |= {f"{b}self_attn.{n}_proj.weight": part for n, part in (("q", q), ("k", k), ("v", v))}
        weights |= {f"{b}mlp.gate_proj.weight": gate, f"{b}mlp.up_proj.weight": up}
        weights[f"{b}self_attn.o_proj.weight"] = mine[f"{a}attention.out.weight"]
        weights[f"{b}mlp.down_proj.weight"] = mine[f"{a}feedforward.down.weight"]
        weights[f"{b}input_layernorm.weight"] = mine[f"{a}attention_norm.weight"]
        weights[f"{b}post_attention_layernorm.weight"] = mine[f"{a}feedforward_norm.weight"]
    llama.load_state_dict(weights)
    return llama


def check_same_losses(ours: GPT, plain: PlainModel, llama: Any) -> None:
    """Make sure that the three are one model."""
    ids = torch.randint(0, ours.config.vocabulary, (2, 65), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        _, terms = next(iter(ours.losses({"inputs": ids[:, :-1], "targets": ids[:, 1:]}, 0)))
        losses = [float(terms["cross_entropy"]), float(plain(ids[:, :-1], ids[:, 1:]))]
        losses.append(float(llama(input_ids=ids, labels=ids).loss))
    if max(losses) - min(losses) > 1e-4:
        raise SystemExit(f"the three models differ: losses {losses}")


def matrix_rate(precision: str, device: str) -> float:
    """Measure the rate of multiplying matrices, operations per second; the best of some."""
    size = 4096 if device == "cuda" else 1024
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    a, b = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
    best = 0.0
    for _ in range(10):
        started = time.perf_counter()
        a @ b
        if device == "cuda":
            torch.cuda.synchronize()
        best = max(best, 2 * size**3 / (time.perf_counter() - started))
    return best


def operations_per_id(model: GPT) -> float:
    """Count the operations of multiplications, forward and backward, for one id."""
    config = model.config
    weights = sum(parameter.numel() for parameter in model.blocks.parameters() if parameter.ndim == 2)
    return 6.0 * (weights + config.vocabulary * config.width + config.blocks * config.width * config.context)


def compare(name: str, work: Work, *, rounds: int) -> dict[str, Any]:
    """Measure all on one configuration, in turns."""
    torch.manual_seed(1)
    ours = GPT(work.config)
    plain, llama = plain_model(ours), llama_model(ours)
    check_same_losses(ours, plain, llama)
    for model in (ours, plain, llama):
        model.to(work.device)
    if work.compile:
        ours.compile()
        plain.compile()
    runs: dict[str, Callable[[], Round]] = {
        "tonada": lambda: tonada_round(work, ours),
        "plain": lambda: plain_round(work, plain),
        "transformers": lambda: transformers_round(work, llama),
    }
    measured: dict[str, list[Round]] = {who: [] for who in runs}
    for _ in range(rounds):
        for who, run in runs.items():
            measured[who].append(run())
    ids = work.ids_per_step * work.steps
    wall = {who: statistics.median(one.wall_s for one in found) for who, found in measured.items()}
    processor = {who: statistics.median(one.processor_s for one in found) for who, found in measured.items()}
    waiting = {who: statistics.median(one.waiting_s / one.wall_s for one in found) for who, found in measured.items()}
    rate = matrix_rate(work.precision, work.device)
    return {
        "model": name,
        "precision": work.precision,
        "compile": work.compile,
        "batch": work.batch,
        "context": work.config.context,
        "ids_per_second": {who: ids / wall[who] for who in runs},
        "times_as_fast": {who: wall[who] / wall["tonada"] for who in runs},
        "times_as_fast_of_processor_time": {who: processor[who] / processor["tonada"] for who in runs},
        "waiting_share": waiting,
        "matrix_rate": rate,
        "matrix_share": {who: ids / wall[who] * operations_per_id(ours) / rate for who in runs},
        "rounds": {who: [asdict(one) for one in found] for who, found in measured.items()},
    }


def main() -> None:
    """Measure and print one table; write every figure with ``--output``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="what `tonada prepare` wrote")
    parser.add_argument("--models", nargs="+", default=["gpt/tiny", "gpt/small"], help="presets, Llama-type")
    parser.add_argument("--width", type=int, help="in place of the preset's, with a head for each 64")
    parser.add_argument("--precisions", nargs="+", default=["fp32", "bf16"], choices=["fp32", "bf16"])
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--context", type=int, help="in place of the preset's")
    parser.add_argument("--steps", type=int, default=5, help="counted steps of a round")
    parser.add_argument("--warm-up", type=int, default=2, help="steps before them")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--compile", action="store_true", help="all with torch.compile")
    parser.add_argument("--output", type=Path, help="a JSON file for every figure")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    import transformers

    transformers.logging.set_verbosity_error()
    vocabulary = NotesStudy(Dataset(given.data)).codec.vocabulary_size
    print(
        f"torch {torch.__version__}, transformers {transformers.__version__}, {given.device}, {given.threads} threads"
    )
    print(f"medians of {given.rounds} rounds of {given.steps} steps after {given.warm_up}, in turns")
    titles = ["model", "precision", "batch × context", "who", "ids/s", "tonada is faster", "of processor time"]
    titles += ["waiting", "of matrix rate"]
    print(f"| {' | '.join(titles)} |\n|{'---|' * len(titles)}")
    rows = []
    for name in given.models:
        config = replace(preset("model", name)[1], vocabulary=vocabulary)
        config = replace(config, context=given.context or config.context)
        if given.width:
            config = replace(config, width=given.width, heads=given.width // 64)
        for precision in given.precisions:
            work = Work(
                config=config,
                data=given.data,
                batch=given.batch,
                precision=precision,
                device=given.device,
                steps=given.steps,
                warm_up=given.warm_up,
                compile=given.compile,
            )
            row = compare(name, work, rounds=given.rounds)
            rows.append(row)
            for who, speed in row["ids_per_second"].items():
                cells = [name, precision, f"{work.batch} × {config.context}", who, f"{speed:.0f}"]
                cells += [f"{row[key][who]:.2f} ×" for key in ("times_as_fast", "times_as_fast_of_processor_time")]
                cells += [f"{100 * row[key][who]:.1f} %" for key in ("waiting_share", "matrix_share")]
                print(f"| {' | '.join(cells)} |", flush=True)
    if given.output:
        given.output.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
        print(f"wrote {given.output}")


if __name__ == "__main__":
    main()
