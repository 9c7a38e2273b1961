"""The contract of a study: what training and judging a model needs to know about what the model learns from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

from tonada.api.studies.evaluation import Evaluation, Subject
from tonada.codec import Codec
from tonada.data import Dataset, Piece
from tonada.model import Model
from tonada.prefetching import BatchSource
from tonada.training import TrainerConfig

Precision = Literal["fp32", "bf16"]
Scorer = Callable[[Model], Mapping[str, float]]
Observer = Callable[[Model, int], None]


class Study(ABC):
    """A kind of material that models learn from: notes, or sound.

    Parameters
    ----------
    dataset
        What ``prepare`` wrote, from that material.

    Raises
    ------
    ConfigError
        The data set holds something else.
    """

    prepare_option: ClassVar[str]
    """The option of ``prepare`` that chooses the codec."""
    models: ClassVar[type[Model]]
    """The models that learn from it."""
    Augmentation: ClassVar[type[Any]]
    """Settings of the table ``augmentation``: how training examples are varied."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset

    @property
    @abstractmethod
    def codec(self) -> Codec[Any]:
        """What made the arrays of the data set."""

    @abstractmethod
    def model_settings(self) -> dict[str, Any]:
        """Give the settings of models that the data dictate; a model takes those that its config has."""

    @abstractmethod
    def batches(self, model: Model, config: TrainerConfig, augmentation: Any) -> BatchSource:
        """Give the source of training batches.

        Parameters
        ----------
        model
            The network.
        config
            Of the trainer: batch and seed.
        augmentation
            An instance of ``Augmentation``.

        Raises
        ------
        ConfigError
            The training split is empty.
        """

    @abstractmethod
    def scorer(self, precision: Precision) -> Scorer | None:
        """Give the function that scores a checkpoint on held-out pieces, lower is better; None where there are none."""

    @abstractmethod
    def observer(self, run: Path, seed: int) -> Observer | None:
        """Give the function that writes samples of a model into the run folder; None where no piece is held out.

        Parameters
        ----------
        run
            The run folder; samples go to ``samples/``, named by step and number: ``step-000250-1.svg`` and so on.
        seed
            Of what is drawn: the same for every step, so that progress shows and luck does not.
        """

    def remarks(self, model: Model, records: Sequence[Mapping[str, Any]]) -> list[str]:
        """Say in plain words what a run's log shows to be wrong with its model.

        Parameters
        ----------
        model
            The network.
        records
            Of the log, in order.
        """
        return []

    @abstractmethod
    def evaluate(
        self,
        model: Model,
        pieces: Sequence[Piece],
        *,
        subject: Subject,
        precision: Precision,
        progress: Callable[[int, int], None] | None,
    ) -> Evaluation:
        """Measure a model on held-out pieces, by the full protocol.

        Parameters
        ----------
        model
            In evaluation mode.
        pieces
            Of the data set, made by the codec that the model reads.
        subject
            What the evaluation is of.
        precision
            Of the forward passes.
        progress
            Called with what is done, and of how much.

        Raises
        ------
        ConfigError
            There is nothing to evaluate.
        """
