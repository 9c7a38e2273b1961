"""``config show``: what a preset stands for."""

from __future__ import annotations

from typing import Any


def show_config(preset: str) -> dict[str, dict[str, Any]]:
    """Give the settings that ``train`` starts from, as the tables of a config file.

    Parameters
    ----------
    preset
        Full name of a preset, for example ``gpt/tiny``.

    Raises
    ------
    UnknownNameError
        There is no such preset; the nearest are offered.
    """
    from tonada.api.tables import make_tables, read_request

    return make_tables(read_request(preset, None), dictated={})
