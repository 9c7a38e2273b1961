"""Make tests/symbolic/evaluation/golden/densities.json: kernel densities, divergences and overlaps by SciPy.

Run with an interpreter that has scipy (tested: 1.17.1): ``python tools/make_golden_densities.py``. Nothing of Tonada is
imported. Integrals by adaptive quadrature, between the points where one of the two densities has its samples.
"""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
from scipy.integrate import quad
from scipy.stats import gaussian_kde

TARGET = Path(__file__).parents[1] / "tests" / "symbolic" / "evaluation" / "golden" / "densities.json"


def cases() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Draw pairs of samples; rounded, so that the file is short."""
    draw = np.random.default_rng(1)
    pairs = {
        "near": (draw.normal(0.0, 1.0, 40), draw.normal(0.3, 1.2, 60)),
        "far": (draw.normal(0.0, 1.0, 30), draw.normal(6.0, 0.5, 30)),
        "skewed": (draw.exponential(1.0, 50), draw.exponential(2.0, 35)),
        "two samples": (np.array([0.0, 1.0]), np.array([0.25, 1.0, 4.0])),
    }
    return {name: (np.round(first, 3), np.round(second, 3)) for name, (first, second) in pairs.items()}


def golden(first: np.ndarray, second: np.ndarray) -> dict[str, object]:
    """Integrate."""
    p, q = gaussian_kde(first), gaussian_kde(second)
    both = np.concatenate([first, second])
    points = [float(both.min() - 8.0), *np.unique(both).tolist(), float(both.max() + 8.0)]

    def integral(function: object) -> float:
        return sum(
            quad(function, low, high, epsabs=1e-13, epsrel=1e-11, limit=500)[0] for low, high in pairwise(points)
        )

    at = np.linspace(both.min() - 1.0, both.max() + 1.0, 7)
    return {
        "first": first.tolist(),
        "second": second.tolist(),
        "points": at.tolist(),
        "log_density": p.logpdf(at).tolist(),
        "divergence": integral(lambda x: float(np.exp(p.logpdf(x)[0]) * (p.logpdf(x)[0] - q.logpdf(x)[0]))),
        "overlap": integral(lambda x: float(min(p(x)[0], q(x)[0]))),
    }


def main() -> None:
    """Write the file."""
    table = {name: golden(*pair) for name, pair in cases().items()}
    TARGET.write_text(json.dumps(table, separators=(",", ":")).replace('"first"', '\n"first"') + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
