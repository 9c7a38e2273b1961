"""The table of commands, and where their options come from: flag, then environment, then config file, then default."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import get_args

from cyclopts import App, CoercionError, Group, Parameter, Token
from cyclopts.argument import ArgumentCollection
from cyclopts.config import Dict, Env

from tonada.cli.compose import compose
from tonada.cli.decode import decode
from tonada.cli.doctor import doctor
from tonada.cli.encode import encode
from tonada.cli.evaluate import evaluate
from tonada.cli.explore import explore
from tonada.cli.finetune import finetune
from tonada.cli.generate import generate
from tonada.cli.inspect import config_show, model_import, model_info, model_list, runs_list, runs_show
from tonada.cli.lr_find import lr_find
from tonada.cli.morph import morph
from tonada.cli.perturb import perturb
from tonada.cli.prepare import prepare
from tonada.cli.render import render
from tonada.cli.replay import replay
from tonada.cli.train import train
from tonada.config import read_toml
from tonada.errors import ConfigError, UnknownNameError

PREFIX = "TONADA_"

HELP = "Learns music with neural networks, shows what it learned, and makes new music, as notes and as sound."
EPILOGUE = (
    "Every option can also come from the environment, as TONADA_COMMAND_OPTION: TONADA_COMPOSE_SECONDS=60. "
    "Results go to stdout, everything else to stderr. TONADA_DEBUG=1 shows where an error arose.\n\n"
    "Exit codes: 0 done, 1 internal error, 2 wrong usage, 3 bad input, 4 a model or package is missing, "
    "5 training diverged, 6 out of memory or disk, 7 some inputs failed, 130 interrupted (what there was is kept)."
)

USAGES = {"generate": "Usage: tonada generate [OPTIONS] [SONGS...]"}
"""Where cyclopts would only say ARGS."""


def make_app() -> App:
    """Build the command line."""
    app = App(
        name="tonada",
        help=HELP,
        help_epilogue=EPILOGUE,
        help_format="plaintext",
        version=_version,
        version_flags=["--version"],
        config=[_settings, _known_variables, Env(PREFIX, show=False), _config_file, _whole_numbers, _named_paths],
        default_parameter=Parameter(negative=(), show_default=_default),
        print_error=False,
        exit_on_error=False,
        suppress_keyboard_interrupt=False,
        result_action="return_value",
    )
    making, sounding, learning, looking = (
        Group(name, sort_key=place)
        for place, name in enumerate(("Make music", "Make and change sound", "Learn music", "Look"))
    )
    commands: tuple[tuple[Group, tuple[Callable[..., int | None], ...]], ...] = (
        (making, (compose, replay, render)),
        (sounding, (encode, decode, morph, perturb, generate)),
        (learning, (prepare, train, finetune, lr_find, evaluate)),
        (looking, (explore, doctor)),
    )
    for group, functions in commands:
        for place, function in enumerate(functions):
            usage = USAGES.get(function.__name__)
            app.command(function, group=group, sort_key=place, help_epilogue="", usage=usage)
    tables: tuple[tuple[str, str, dict[str, Callable[..., int | None]]], ...] = (
        (
            "model",
            "Models: those that Tonada brings, and yours.",
            {"list": model_list, "info": model_info, "import": model_import},
        ),
        ("runs", "Training runs.", {"list": runs_list, "show": runs_show}),
        ("config", "Presets.", {"show": config_show}),
    )
    for place, (name, text, verbs) in enumerate(tables, 1):
        below = App(name=name, help=text, group=looking, sort_key=place, help_epilogue="")
        for verb, function in verbs.items():
            below.command(function, name=verb)
        app.command(below)
    return app


def _default(value: object) -> str | None:
    """Write a default for the help; what is off or empty needs no word."""
    if isinstance(value, tuple):
        return ",".join(map(str, value)) or None
    return None if value is None or value is False else str(value)


def _version() -> str:
    import tonada

    return tonada.__version__


def _prefix(commands: tuple[str, ...]) -> str:
    """Give what the names of a command's variables in the environment begin with."""
    return f"{PREFIX}{'_'.join(commands).upper()}_"


def _known_variables(app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
    """Refuse variables of this command that are none of its options; other names may be anybody's."""
    prefix = _prefix(commands)
    options = [argument for argument in arguments if argument.show]
    known = {prefix + name.lstrip("-").replace("-", "_").upper() for option in options for name in option.names}
    for name in sorted(os.environ):
        if name.startswith(prefix) and name not in known:
            raise UnknownNameError("variable in the environment", name, known)


def _settings(app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
    """Put the settings of ``TONADA_TRAIN_SET`` before those of ``--set``: they add up, and the later one wins."""
    given = os.environ.get(f"{_prefix(commands)}SET", "").split()
    for argument in arguments:
        if argument.name == "--set" and argument.tokens:
            argument.tokens[:0] = [Token(keyword="--set", value=text, source="env") for text in given]


def _config_file(app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
    """Fill in what ``compose --config FILE`` says in its table ``[compose]``; ``train`` reads its own file."""
    if commands != ("compose",):
        return
    tokens = next(argument.tokens for argument in arguments if argument.name == "--config")
    if tokens:
        path = Path(tokens[-1].value)
        Dict(read_toml(path), source=str(path))(app, commands, arguments)


def _whole_numbers(app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
    """Refuse 2.5 for a whole number, which the parser would round."""
    for argument in arguments:
        if int in (argument.hint, *get_args(argument.hint)):
            for token in argument.tokens:
                if "." in token.value:
                    raise CoercionError(token=token, argument=argument, target_type=int)


def _named_paths(app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
    """Refuse an empty name, mostly an empty variable of a shell: pathlib takes it for the folder that one is in."""
    for argument in arguments:
        if Path in (argument.hint, *get_args(argument.hint)):
            for token in argument.tokens:
                if not token.value:
                    name = token.keyword or argument.name
                    raise ConfigError(f"{name}: an empty name stands for no file or folder. The folder here is: .")
