"""Make tests/statistics/golden/set_distances.json: distances between sets by other people's implementations.

Run with an interpreter that has SciPy, scikit-learn and prdc (tested: 1.17.1, 1.9.1, 0.2):
``python tools/make_golden_set_distances.py``. Nothing of Tonada is imported. The Fréchet distance by SciPy's matrix
root, kernels by scikit-learn, precision, recall, density and coverage by their authors' package.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from prdc import compute_prdc
from scipy.linalg import sqrtm
from sklearn.metrics.pairwise import polynomial_kernel

TARGET = Path(__file__).parents[1] / "tests" / "statistics" / "golden" / "set_distances.json"


def cases() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Draw pairs of sets; rounded, so that the file is short."""
    draw = np.random.default_rng(1)
    mixed = draw.normal(size=(6, 6))
    pairs = {
        "shifted and narrower": (draw.normal(size=(60, 6)), 0.7 * draw.normal(size=(50, 6)) + 0.3),
        "correlated": (draw.normal(size=(60, 6)) @ mixed, draw.normal(size=(70, 6))),
        "collapsed": (draw.normal(size=(60, 3)), 0.05 * draw.normal(size=(60, 3)) + 0.5),
        "apart": (draw.normal(size=(30, 4)), draw.normal(size=(30, 4)) + 6.0),
    }
    return {name: (np.round(first, 3), np.round(second, 3)) for name, (first, second) in pairs.items()}


def golden(first: np.ndarray, second: np.ndarray) -> dict[str, object]:
    """Measure a pair."""
    a, b = (np.cov(x, rowvar=False) for x in (first, second))
    shift = first.mean(axis=0) - second.mean(axis=0)
    own, other = (polynomial_kernel(x, degree=3, coef0=1) for x in (first, second))
    n, m = len(first), len(second)
    within = (own.sum() - np.trace(own)) / (n * (n - 1)) + (other.sum() - np.trace(other)) / (m * (m - 1))
    return {
        "reference": first.tolist(),
        "other": second.tolist(),
        "frechet": float(shift @ shift + np.trace(a + b - 2 * sqrtm(a @ b).real)),
        "kernel": float(within - 2 * polynomial_kernel(first, second, degree=3, coef0=1).mean()),
        "neighbours": {name: float(value) for name, value in compute_prdc(first, second, 5).items()},
    }


def main() -> None:
    """Write the file."""
    table = {name: golden(*pair) for name, pair in cases().items()}
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(json.dumps(table, separators=(",", ":")).replace('"reference"', '\n"reference"') + "\n", "utf-8")


if __name__ == "__main__":
    main()
