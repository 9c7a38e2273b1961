"""Attention, positions and the cache against formulas written out."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from tonada.nn.attention import CausalSelfAttention, relative_logits, rotary_table, rotate
from tonada.nn.cache import KeyValueCache

BATCH, TIME, WIDTH, HEADS = 2, 7, 24, 3
HEAD_WIDTH = WIDTH // HEADS


def make_attention(*, bias: bool = True, dropout: float = 0.0, relative_context: int = 0) -> CausalSelfAttention:
    attention = CausalSelfAttention(WIDTH, HEADS, bias=bias, dropout=dropout, relative_context=relative_context)
    for parameter in attention.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return attention


def by_loops(attention: CausalSelfAttention, x: Tensor, *, rotary: tuple[Tensor, Tensor] | None = None) -> Tensor:
    """Attend position by position, head by head: Vaswani et al. 2017, equation 1; Shaw et al. 2018, equation 5."""
    output = torch.zeros_like(x)
    for b in range(x.shape[0]):
        queries, keys, values = (attention.qkv(x[b])[:, i * WIDTH : (i + 1) * WIDTH] for i in range(3))
        for h in range(HEADS):
            part = slice(h * HEAD_WIDTH, (h + 1) * HEAD_WIDTH)
            q, k, v = queries[:, part], keys[:, part], values[:, part]
            if rotary is not None:
                q, k = rotate(q[None, None], *rotary)[0, 0], rotate(k[None, None], *rotary)[0, 0]
            for t in range(x.shape[1]):
                logits = []
                for j in range(t + 1):
                    key = k[j]
                    if attention.relative is not None:
                        key = key + attention.relative[attention.relative.shape[0] - 1 - (t - j)]
                    logits.append(q[t] @ key / math.sqrt(HEAD_WIDTH))
                weights = torch.stack(logits).softmax(0)
                output[b, t, part] = weights @ v[: t + 1]
    return attention.out(output)


@pytest.mark.parametrize("bias", [False, True])
def test_attention_is_the_softmax_formula(bias: bool) -> None:
    attention, x = make_attention(bias=bias), torch.randn(BATCH, TIME, WIDTH)
    torch.testing.assert_close(attention(x), by_loops(attention, x))


@pytest.mark.parametrize("relative_context", [TIME, 20])
def test_relative_attention_is_shaws_formula(relative_context: int) -> None:
    attention, x = make_attention(relative_context=relative_context), torch.randn(BATCH, TIME, WIDTH)
    torch.testing.assert_close(attention(x), by_loops(attention, x))


def test_rotary_attention_is_the_softmax_formula_on_rotated_queries_and_keys() -> None:
    attention, x, rotary = make_attention(), torch.randn(BATCH, TIME, WIDTH), rotary_table(TIME, HEAD_WIDTH)
    torch.testing.assert_close(attention(x, rotary=rotary), by_loops(attention, x, rotary=rotary))


def test_relative_logits_put_every_distance_in_its_place() -> None:
    context, positions, new = 9, 6, 4
    queries, table = torch.randn(BATCH, HEADS, new, HEAD_WIDTH), torch.randn(context, HEAD_WIDTH)
    logits = relative_logits(queries, table, positions)
    assert logits.shape == (BATCH, HEADS, new, positions)
    for t in range(new):
        for j in range(positions - new + t + 1):
            distance = positions - new + t - j
            expected = queries[:, :, t] @ table[context - 1 - distance]
            torch.testing.assert_close(logits[:, :, t, j], expected)


def test_rotation_is_complex_multiplication() -> None:
    positions, head_width = 50, 8
    x = torch.randn(1, 1, positions, head_width, dtype=torch.float64)
    pairs = torch.complex(x[..., : head_width // 2], x[..., head_width // 2 :])
    frequency = 10_000.0 ** (-torch.arange(0, head_width, 2, dtype=torch.float64) / head_width)
    turned = pairs * torch.exp(1j * torch.outer(torch.arange(positions, dtype=torch.float64), frequency))
    expected = torch.cat((turned.real, turned.imag), dim=-1)
    rotated = rotate(x, *rotary_table(positions, head_width))
    torch.testing.assert_close(rotated, expected, atol=1e-6, rtol=0)  # the tables are float32


def test_rotary_products_depend_on_the_distance_alone() -> None:
    query, key = torch.randn(HEAD_WIDTH), torch.randn(HEAD_WIDTH)
    tables = rotary_table(64, HEAD_WIDTH)
    queries = rotate(query.expand(1, 1, 64, -1), *tables)[0, 0]
    keys = rotate(key.expand(1, 1, 64, -1), *tables)[0, 0]
    for distance in (0, 1, 17):
        products = (queries[distance:] * keys[: 64 - distance]).sum(-1)
        torch.testing.assert_close(products, products[:1].expand(64 - distance), atol=1e-4, rtol=0)


def test_rotation_keeps_lengths() -> None:
    x = torch.randn(BATCH, HEADS, TIME, HEAD_WIDTH)
    torch.testing.assert_close(rotate(x, *rotary_table(TIME, HEAD_WIDTH)).norm(dim=-1), x.norm(dim=-1))


def test_dropout_acts_while_training_only() -> None:
    attention, x = make_attention(dropout=0.5), torch.randn(BATCH, TIME, WIDTH)
    assert not torch.equal(attention(x), attention(x))
    attention.eval()
    assert torch.equal(attention(x), attention(x))


@pytest.mark.parametrize("relative_context", [0, 12])
@pytest.mark.parametrize("parts", [(TIME,), (3, 4), (1,) * TIME, (4, 1, 2)])
def test_attention_in_parts_with_a_cache_is_attention_at_once(relative_context: int, parts: tuple[int, ...]) -> None:
    attention, x = make_attention(relative_context=relative_context), torch.randn(BATCH, TIME, WIDTH)
    cache = make_cache(batch=BATCH)
    outputs, start = [], 0
    with torch.no_grad():
        for part in parts:
            outputs.append(attention(x[:, start : start + part], cache=cache))
            cache.advance(part)
            start += part
        torch.testing.assert_close(torch.cat(outputs, dim=1), attention(x))


def make_cache(*, batch: int, dtype: torch.dtype = torch.float32) -> KeyValueCache:
    return KeyValueCache(
        blocks=1,
        batch=batch,
        heads=HEADS,
        capacity=12,
        head_width=HEAD_WIDTH,
        dtype=dtype,
        device=torch.device("cpu"),
    )


def test_a_cache_selects_and_repeats_lanes() -> None:
    cache = make_cache(batch=3)
    keys, values = torch.randn(2, 3, HEADS, 5, HEAD_WIDTH)
    cache.append(0, keys, values)
    cache.advance(5)
    chosen = cache.selected([2, 0, 0, 1])
    assert (chosen.batch, chosen.length, chosen.capacity) == (4, 5, 12)
    new = torch.zeros(4, HEADS, 1, HEAD_WIDTH)
    all_keys, all_values = chosen.append(0, new, new)
    assert torch.equal(all_keys[:, :, :5], keys[[2, 0, 0, 1]])
    assert torch.equal(all_values[:, :, :5], values[[2, 0, 0, 1]])
    assert cache.length == 5


def test_a_cache_that_was_cleared_starts_anew() -> None:
    attention, x = make_attention(), torch.randn(BATCH, TIME, WIDTH)
    cache = make_cache(batch=BATCH)
    with torch.no_grad():
        attention(torch.randn(BATCH, 9, WIDTH), cache=cache)
        cache.advance(9)
        cache.clear()
        torch.testing.assert_close(attention(x, cache=cache), attention(x))


def test_places_are_where_the_next_position_goes() -> None:
    cache = make_cache(batch=2)
    first, second = torch.randn(2, 2, 2, HEADS, 1, HEAD_WIDTH)
    cache.append(0, *first)
    cache.advance(1)
    (place,), (keys, values) = cache.places()
    place.copy_(second[:, :, :, 0])
    assert torch.equal(keys, torch.cat((first[0], second[0]), dim=2))
    assert torch.equal(values, torch.cat((first[1], second[1]), dim=2))


def test_a_cache_may_be_wider_than_the_weights() -> None:
    attention = make_attention(relative_context=12).bfloat16()
    x = torch.randn(BATCH, TIME, WIDTH, dtype=torch.bfloat16)
    with torch.no_grad():
        output = attention(x, cache=make_cache(batch=BATCH))
        assert output.dtype == torch.bfloat16
        torch.testing.assert_close(output, attention(x), atol=0.1, rtol=0.05)
