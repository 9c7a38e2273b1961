"""The smallest latent that still sounds right: the rule, its reason, and what buys nothing."""

from __future__ import annotations

import pytest

from tonada.audio.latents.sizes import Size, propose_size
from tonada.errors import ConfigError


def sizes(*pairs: tuple[float, float]) -> list[Size]:
    return [Size(name=f"m{values:g}", values_per_second=values, distance=distance) for values, distance in pairs]


def test_the_smallest_within_the_tolerance() -> None:
    given = sizes((8000, 1.0), (1000, 1.2), (4000, 1.04), (2000, 1.09))
    assert propose_size(given).name == "m2000"
    assert propose_size(given, tolerance=0.05).name == "m4000"
    assert propose_size(given, tolerance=0).name == "m8000"
    assert propose_size(given, tolerance=0.5).name == "m1000"


def test_the_reason_names_the_rule_and_both_neighbours() -> None:
    reason = propose_size(sizes((8000, 1.0), (2000, 1.08), (1000, 1.3))).reason
    assert "at most 10 % above the best one's" in reason
    assert "m2000 (2,000 values per second, STFT distance 1.080) lies 8 % above the best, m8000" in reason
    assert "the next smaller one, m1000" in reason
    assert "lies 30 % above" in reason


def test_a_larger_latent_that_is_no_better_buys_nothing() -> None:
    found = propose_size(sizes((29_414, 1.3), (1378, 1.2), (688, 1.5)))
    assert (found.name, found.beaten) == ("m1378", ("m29414",))
    assert "has the least STFT distance of all models" in found.reason


def test_the_knee_needs_a_bend() -> None:
    assert propose_size(sizes((500, 3.0), (1000, 1.2), (2000, 1.1), (4000, 1.0))).knee == "m1000"
    assert propose_size(sizes((500, 3.0), (1000, 2.0), (2000, 1.0))).knee is None


def test_one_model_is_proposed_without_a_comparison() -> None:
    found = propose_size(sizes((500, 3.0)))
    assert (found.name, found.knee, found.beaten) == ("m500", None, ())
    assert "only model" in found.reason


def test_nothing_to_choose_from() -> None:
    with pytest.raises(ConfigError, match="sizes to choose from"):
        propose_size([])
    with pytest.raises(ConfigError, match="sizes to choose from"):
        propose_size(sizes((1, 1)), tolerance=-0.1)
