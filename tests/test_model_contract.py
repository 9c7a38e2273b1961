"""What every model of the registry promises: each preset of each entry, made small, × each check."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from tonada import registry
from tonada.audio.models.base import AudioAutoencoder
from tonada.checkpoint import load_into, load_tensors, model_tensors, save_tensors
from tonada.config import from_mapping, to_mapping
from tonada.errors import CheckpointError, UnknownNameError
from tonada.model import Batch, Model
from tonada.symbolic.classifiers.features import FEATURES

BATCH, LENGTH, VOCABULARY = 3, 12, 30


@dataclasses.dataclass(frozen=True)
class Case:
    """How a model's presets are made small, and a batch for it."""

    sizes: dict[str, Any]
    batch: Callable[[], Batch]
    reads_ids: bool
    """Whether it maps ids [B, T] to logits [B, T, V], from left to right, and has a cache."""


def ids_and_targets() -> Batch:
    ids = torch.randint(0, VOCABULARY, (BATCH, LENGTH + 1))
    return {"inputs": ids[:, :-1], "targets": ids[:, 1:]}


def opened_ids_and_targets() -> Batch:
    """Give ids of which the first is in no slot, as it is where a piece begins."""
    batch = ids_and_targets()
    batch["inputs"][:, 0] = torch.randint(0, 6, (BATCH,))
    return batch


def waveforms() -> Batch:
    return {"waveform": torch.randn(BATCH, 1500) * 0.2}


def labelled_passages() -> Batch:
    """Give passages of which the last is shorter, and so filled up."""
    mask = torch.ones(BATCH, LENGTH, dtype=torch.bool)
    mask[-1, 5:] = False
    features = torch.randn(BATCH, LENGTH, FEATURES) * mask[:, :, None]
    return {"features": features, "mask": mask, "labels": torch.arange(BATCH) % 2}


SPECTRAL = {"hop": 16, "latent_channels": 4, "width": 8, "encoder_blocks": 1, "decoder_blocks": 1}
CASES = {
    "autoencoder": Case(sizes={"width": 4, "latent_channels": 4}, batch=waveforms, reads_ids=False),
    "critic": Case(
        sizes={"width": 16, "blocks": 2, "heads": 2, "embedding": 8}, batch=labelled_passages, reads_ids=False
    ),
    "gpt": Case(
        sizes={"vocabulary": VOCABULARY, "context": 16, "width": 16, "blocks": 2, "heads": 2},
        batch=ids_and_targets,
        reads_ids=True,
    ),
    "judge": Case(sizes={"width": 16, "blocks": 2, "embedding": 8}, batch=labelled_passages, reads_ids=False),
    "nested": Case(
        sizes={
            "vocabulary": VOCABULARY,
            "slot_starts": (6, 12, 20, 25),
            "context": 16,
            "width": 16,
            "blocks": 2,
            "heads": 2,
        },
        batch=opened_ids_and_targets,
        reads_ids=True,
    ),
    "spectral": Case(sizes=SPECTRAL, batch=waveforms, reads_ids=False),
    "vae": Case(sizes=SPECTRAL, batch=waveforms, reads_ids=False),
    "waveform-vae": Case(sizes={"width": 4, "latent_channels": 4}, batch=waveforms, reads_ids=False),
}
PRESETS = registry.preset_names("model")
ID_READERS = [name for name in PRESETS if CASES[name.partition("/")[0]].reads_ids]

every_model = pytest.mark.parametrize("preset", PRESETS)
SOUND_CODERS = [
    name for name in PRESETS if issubclass(registry.resolve("model", name.partition("/")[0]), AudioAutoencoder)
]
every_sound_coder = pytest.mark.parametrize("preset", SOUND_CODERS)
every_id_reader = pytest.mark.parametrize("preset", ID_READERS)


def case_of(preset: str) -> Case:
    return CASES[preset.partition("/")[0]]


def small_config(preset: str) -> Any:
    _, config = registry.preset("model", preset)
    return dataclasses.replace(config, **case_of(preset).sizes)


def make_model(preset: str, seed: int = 1) -> Model:
    torch.manual_seed(seed)
    return registry.resolve("model", preset.partition("/")[0])(small_config(preset))


def make_clear_model(preset: str) -> Model:
    """Build one whose outputs differ clearly; freshly initialised they hardly do."""
    model = make_model(preset).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return model


def total_losses(model: Model, batch: Batch) -> dict[str, Tensor]:
    torch.manual_seed(4)  # of what a model draws: the trainer seeds every step, too
    return {group: torch.stack(list(terms.values())).sum() for group, terms in model.losses(batch, step=0)}


def test_every_entry_has_a_case_and_presets() -> None:
    assert sorted(CASES) == registry.names("model")
    for name in registry.names("model"):
        model_class = registry.resolve("model", name)
        assert issubclass(model_class, Model)
        assert sorted(model_class.presets) == sorted(registry.TABLE["model"][name].presets)


@every_model
def test_the_config_is_a_frozen_dataclass_that_survives_a_file(preset: str) -> None:
    name, config = registry.preset("model", preset)
    model_class = registry.resolve("model", name)
    assert type(config) is model_class.Config
    assert config.__dataclass_params__.frozen
    assert from_mapping(model_class.Config, to_mapping(config)) == config
    with pytest.raises(UnknownNameError):
        from_mapping(model_class.Config, {"widht": 16}, base=config)


@every_model
def test_losses_are_finite_and_of_the_groups(preset: str) -> None:
    model = make_model(preset)
    losses = total_losses(model, case_of(preset).batch())
    assert losses.keys() == model.groups().keys()
    for loss in losses.values():
        assert loss.ndim == 0
        assert torch.isfinite(loss)


@every_model
def test_gradients_reach_every_parameter(preset: str) -> None:
    model = make_model(preset).eval()
    groups = model.groups()
    assert {id(parameter) for group in groups.values() for parameter in group} == {
        id(parameter) for parameter in model.parameters()
    }
    for group, terms in model.losses(case_of(preset).batch(), step=0):
        parameters = groups[group]
        gradients = torch.autograd.grad(torch.stack(list(terms.values())).sum(), parameters, allow_unused=True)
        for gradient in gradients:
            assert gradient is not None
            assert torch.isfinite(gradient).all()
            assert gradient.abs().max() > 0


@every_model
def test_the_same_seed_makes_the_same_model(preset: str) -> None:
    first, again, other = make_model(preset, 1), make_model(preset, 1), make_model(preset, 2)
    for (name, one), same, different in zip(
        first.named_parameters(), again.parameters(), other.parameters(), strict=True
    ):
        assert torch.equal(one, same), name
        assert (one == one.flatten()[0]).all() or not torch.equal(one, different), name


@every_model
def test_the_same_batch_gives_the_same_losses(preset: str) -> None:
    model, batch = make_model(preset).eval(), case_of(preset).batch()
    assert total_losses(model, batch) == total_losses(model, batch)


@every_model
def test_weights_survive_a_file(preset: str, tmp_path: Path) -> None:
    model, batch = make_clear_model(preset), case_of(preset).batch()
    save_tensors(tmp_path / "model.safetensors", model_tensors(model))
    loaded = make_model(preset, seed=2).eval()
    assert total_losses(loaded, batch) != total_losses(model, batch)
    load_into(loaded, load_tensors(tmp_path / "model.safetensors")[0], tmp_path)
    assert total_losses(loaded, batch) == total_losses(model, batch)


@every_model
def test_weights_of_another_size_are_refused(preset: str, tmp_path: Path) -> None:
    model = make_model(preset)
    tensors = {name: torch.stack((tensor, tensor)) for name, tensor in model_tensors(model).items()}
    with pytest.raises(CheckpointError):
        load_into(model, tensors, tmp_path)


@every_model
def test_parameters_are_counted_once(preset: str) -> None:
    model = make_model(preset)
    running = sum(buffer.numel() for name, buffer in model.named_buffers() if name in model.state_dict())
    assert model.parameter_count() == sum(tensor.numel() for tensor in model_tensors(model).values()) - running


@every_id_reader
def test_logits_depend_on_no_later_id(preset: str) -> None:
    model, ids = make_clear_model(preset), case_of(preset).batch()["inputs"]
    changed = ids.clone()
    changed[:, 7] = (changed[:, 7] + 1) % VOCABULARY
    with torch.no_grad():
        before, after = model(ids), model(changed)
    assert before.shape == (BATCH, LENGTH, VOCABULARY)
    assert torch.equal(before[:, :7], after[:, :7])
    assert ((before[:, 7:] - after[:, 7:]).abs().amax(dim=-1) > 1e-3).all()


@every_id_reader
def test_a_batch_is_its_rows_one_by_one(preset: str) -> None:
    model, ids = make_clear_model(preset), case_of(preset).batch()["inputs"]
    with torch.no_grad():
        together, alone = model(ids), torch.cat([model(row[None]) for row in ids])
    torch.testing.assert_close(together, alone, atol=1e-5 * float(alone.abs().max()), rtol=0)


@every_id_reader
@pytest.mark.parametrize("parts", [(LENGTH,), (5, 7), (1,) * LENGTH, (4, 1, 1, 6)])
def test_reading_with_a_cache_is_reading_at_once(preset: str, parts: tuple[int, ...]) -> None:
    model, ids = make_clear_model(preset), case_of(preset).batch()["inputs"]
    cache = model.start_cache(BATCH)
    with torch.no_grad():
        expected, start = model(ids), 0
        for part in parts:
            logits = model.step(ids[:, start : start + part], cache)
            start += part
            torch.testing.assert_close(logits, expected[:, start - 1], atol=1e-5 * float(expected.abs().max()), rtol=0)


@every_sound_coder
@pytest.mark.parametrize("samples", [1, 700, 1500])
def test_latents_have_their_frames_and_sound_its_samples(preset: str, samples: int) -> None:
    model = make_clear_model(preset)
    with torch.no_grad():
        latents = model.encode(torch.randn(2, samples))
        assert latents.shape == (2, model.latent_channels, model.frames(samples))
        assert model.decode(latents, samples).shape == (2, samples)


@every_sound_coder
def test_latents_of_another_length_or_width_are_refused(preset: str) -> None:
    model = make_clear_model(preset)
    frames = model.frames(1500)
    for shape in [(1, 4, frames + 1), (1, 4, frames - 1), (1, 5, frames), (4, frames)]:
        found = "×".join(map(str, shape))
        with pytest.raises(ValueError, match=rf"1500 samples have latents of B×4×{frames} .* got {found}$"):
            model.decode(torch.zeros(shape), 1500)
