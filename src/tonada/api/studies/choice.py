"""Which study a model belongs to."""

from __future__ import annotations

from tonada import registry
from tonada.api.studies.base import Study
from tonada.api.studies.labels import LabelStudy
from tonada.api.studies.notes import NotesStudy
from tonada.api.studies.sound import SoundStudy

STUDIES: tuple[type[Study], ...] = (NotesStudy, LabelStudy, SoundStudy)


def study_of(model: str) -> type[Study]:
    """Find the study of a model.

    Parameters
    ----------
    model
        Its name in the registry.

    Raises
    ------
    UnknownNameError
        There is no such model.
    """
    model_class = registry.resolve("model", model)
    return next(study for study in STUDIES if issubclass(model_class, study.models))
