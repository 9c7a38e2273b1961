"""Put trained autoencoders side by side: a Markdown table, and what each loses against its size as a picture.

    python tools/tabulate_encoders.py RUN=EVALUATION … [--pictures FOLDER]

RUN is a run folder, EVALUATION the folder that ``tonada evaluate RUN -o EVALUATION`` wrote. The CPU-seconds of a
training are not in its log; ``--cpu NAME=SECONDS`` adds them where they were measured.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tonada.charts import Mark, mark_chart
from tonada.config import read_toml
from tonada.files import write_text
from tonada.runs import read_log

METRICS = {
    "si_sdr_db": ("SI-SDR, dB", 1),
    "stft_distance": ("STFT distance", 3),
    "log_spectral_distance_db": ("LSD, dB", 2),
    "mel_cepstral_distortion_db": ("MCD, dB", 2),
}
FAMILIES = ("autoencoder", "spectral", "vae", "waveform-vae")


@dataclass(frozen=True)
class Row:
    """A run and how it was judged."""

    name: str
    config: dict[str, Any]
    steps: int
    reconstruction: dict[str, Any]

    @property
    def family(self) -> str:
        """Registry name of the architecture."""
        return str(self.config["model"]["name"])

    def mean(self, metric: str) -> float:
        """Mean over all segments."""
        return float(self.reconstruction["whole"]["metrics"][metric]["mean"]["value"])

    def interval(self, metric: str) -> tuple[float, float]:
        """Give the 95 % interval of the mean, by bootstrap over tracks."""
        mean = self.reconstruction["whole"]["metrics"][metric]["mean"]
        return float(mean["low"]), float(mean["high"])

    def cells(self, cpu_s: float | None) -> list[str]:
        """Give the cells of the table."""
        found = self.reconstruction
        trainer, augmentation = self.config["trainer"], self.config["augmentation"]
        heard_s = self.steps * trainer["batch"] * augmentation["crop_samples"] / found["sample_rate"]
        cells = [
            self.name,
            f"{found['parameters'] / 1e6:.2f} M",
            f"{found['values_per_second']:.0f}",
            f"{found['compression']:.2f}",
            f"{self.steps}",
            f"{heard_s / 3600:.1f} h",
            "–" if cpu_s is None else f"{cpu_s / 60:.1f}",
        ]
        for metric, (_, digits) in METRICS.items():
            low, high = self.interval(metric)
            cells.append(f"{self.mean(metric):.{digits}f} ({low:.{digits}f} … {high:.{digits}f})")
        return cells


def read_row(run: Path, evaluation: Path) -> Row:
    """Read a run and its evaluation."""
    found = json.loads((evaluation / "evaluation.json").read_text("utf-8"))
    steps = int(read_log(run)[-1]["step"])
    return Row(
        name=run.name, config=read_toml(run / "config.toml"), steps=steps, reconstruction=found["reconstruction"]
    )


def main() -> None:
    """Print the table; draw the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pairs", nargs="+", metavar="RUN=EVALUATION")
    parser.add_argument("--cpu", action="append", default=[], metavar="NAME=SECONDS")
    parser.add_argument("--pictures", type=Path)
    arguments = parser.parse_args()
    rows = [read_row(*map(Path, pair.split("=", 1))) for pair in arguments.pairs]
    cpu = {name: float(seconds) for name, seconds in (pair.split("=", 1) for pair in arguments.cpu)}
    head = [
        "run",
        "parameters",
        "values/s",
        "compression",
        "steps",
        "heard",
        "CPU min",
        *(w for w, _ in METRICS.values()),
    ]
    print("| " + " | ".join(head) + " |")
    print("|" + "---|" * len(head))
    for row in rows:
        print("| " + " | ".join(row.cells(cpu.get(row.name))) + " |")
    if arguments.pictures:
        for metric in ("si_sdr_db", "stft_distance"):
            marks = [
                Mark(
                    x=row.reconstruction["values_per_second"],
                    y=row.mean(metric),
                    group=FAMILIES.index(row.family),
                    name=row.name,
                    written=True,
                )
                for row in rows
            ]
            chart = mark_chart(
                marks,
                x_label="latent values per second",
                y_label=METRICS[metric][0],
                title=f"{METRICS[metric][0]} on held-out tracks, against the size of the latent",
                width=640,
                log_x=True,
            )
            write_text(arguments.pictures / f"encoders-{metric.replace('_', '-')}.svg", chart)


if __name__ == "__main__":
    main()
