"""Grow a trained language model in depth: a copy of its run whose stack of blocks is repeated, to train on from there.

    python tools/grow_run.py RUN -o GROWN --times 3
    tonada train nested/small -d DATA -o DEEP --init GROWN

A deep model that begins as copies of a shallow one, its blocks one after the other (G_stack, Du et al. 2024, "Stacking
Your Transformers"), is soon where it would have been after far more steps of its own. With ``--silent`` the copies add
nothing at first (their last matrices are 0), so that the grown model computes what the small one did.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from shipping.shipment import GROWN_FILE
from tonada.errors import TonadaError
from tonada.files import write_text
from tonada.model import Model
from tonada.runs import build_model, load_model, save_model

BLOCKS = "blocks."
LAST = (".attention.out.weight", ".feedforward.down.weight", ".convolution.weight")
"""Of a block: what its sums end with."""


def main() -> None:
    """Read the arguments and write the grown copy."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--times", type=int, default=2, choices=range(2, 9), help="how often the stack is there then")
    parser.add_argument("--silent", action="store_true", help="the copies add nothing at first")
    arguments = parser.parse_args()
    if arguments.output.exists():
        sys.exit(f"{arguments.output} exists")
    try:
        loaded = load_model(arguments.run)
        blocks = loaded.config["model"].get("blocks")
        if blocks is None:
            sys.exit(f"{arguments.run}: this model has no stack of blocks to repeat")
        tables = {**loaded.config, "model": {**loaded.config["model"], "blocks": blocks * arguments.times}}
        grown = grow(loaded.model, tables["model"], blocks=blocks, silent=arguments.silent)
    except TonadaError as error:
        sys.exit(str(error))
    arguments.output.mkdir(parents=True)
    shutil.copyfile(arguments.run / "log.jsonl", arguments.output / "log.jsonl")
    facts = {"blocks": blocks, "times": arguments.times, "silent": arguments.silent}
    write_text(arguments.output / GROWN_FILE, json.dumps(facts) + "\n")
    save_model(arguments.output, grown, tables)


def grow(model: Model, table: Mapping[str, Any], *, blocks: int, silent: bool) -> Model:
    """Build the deep model.

    Parameters
    ----------
    model
        The shallow one.
    table
        The settings of the deep one.
    blocks
        How many the shallow one has.
    silent
        Whether the copies add nothing at first.
    """
    deep, shallow = build_model(table), model.state_dict()
    weights = {}
    for name, tensor in deep.state_dict().items():
        source, number = name, 0
        if name.startswith(BLOCKS):
            place, _, rest = name.removeprefix(BLOCKS).partition(".")
            number = int(place)
            source = f"{BLOCKS}{number % blocks}.{rest}"
        adds = number >= blocks and source.endswith(LAST)
        weights[name] = torch.zeros_like(tensor) if silent and adds else shallow[source]
    deep.load_state_dict(weights)
    return deep


if __name__ == "__main__":
    main()
