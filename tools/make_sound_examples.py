"""The sounds and pictures of docs/music-encoder.md, by the model that ships: first segments and seeds, unpicked.

    python tools/make_sound_examples.py -d DATA -o docs [--model sound]

DATA is the data set that the model was trained on. Of its validation split the first segments of the labels piano,
orchestral and metal are taken.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

import tonada
from tonada.api.studies.sound import SoundStudy
from tonada.audio.clip import Clip, read_clip, write_clip
from tonada.data import Dataset
from tonada.render.sound_pictures import draw_comparison

LABELS = ("piano", "orchestral", "metal")
DRAWN = 3
SECONDS = 8.0


def first_segments(dataset: Dataset) -> dict[str, Clip]:
    """Give the first held-out segment of each label."""
    codec, found = SoundStudy(dataset).codec, {}
    for piece in dataset.pieces("validation"):
        if piece.metadata["label"] in LABELS:
            found.setdefault(piece.metadata["label"], codec.decode(piece.array))
    return found


def make(model: str, segments: dict[str, Clip], folder: Path) -> dict[str, Path]:
    """Make everything in a folder; give name → file."""
    songs = {}
    for label, clip in segments.items():
        songs[label] = folder / f"{label}.wav"
        write_clip(clip, songs[label])
    tonada.encode(*songs.values(), model=model, output=folder)
    tonada.decode(*folder.glob("*.npy"), model=model, output=folder)
    tonada.morph(songs["piano"], songs["metal"], model=model, output=folder, steps=3)
    tonada.perturb(songs["piano"], model=model, output=folder, dimensions=[0, 3], range=0.75)
    tonada.generate(model=model, output=folder, variations=DRAWN, seconds=SECONDS)
    tonada.generate(model=model, output=folder, prior="normal", seconds=SECONDS)
    files = {path.name: path for path in folder.glob("*.wav")}
    wanted = {f"{label}-decoded": f"{label}_decoded.wav" for label in LABELS}
    wanted |= {"morph-half": "piano-metal_linear_2.wav", "crossfade-half": "piano-metal_crossfade_2.wav"}
    wanted |= {"piano-range": "piano_range0.75.wav", "normal-1": f"{model}_normal_1.wav"}
    wanted |= {f"drawn-{number}": f"{model}_fitted_{number}.wav" for number in range(1, DRAWN + 1)}
    return {name: files[file] for name, file in wanted.items()}


def main() -> None:
    """Write ``sounds/sound-NAME.ogg`` and three pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-d", "--data", type=Path, required=True)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--model", default="sound")
    arguments = parser.parse_args()
    segments = first_segments(Dataset(arguments.data))
    with tempfile.TemporaryDirectory() as folder:
        made = make(arguments.model, segments, Path(folder))
        for name, path in made.items():
            write_clip(read_clip(path), arguments.output / "sounds" / f"sound-{name}.ogg")
        pictures = arguments.output / "pictures"
        draw_comparison(
            segments["piano"],
            read_clip(made["piano-decoded"]),
            pictures / "sound-piano-decoded.svg",
            title="The piano, original and decoded",
        )
        tonada.generate(model=arguments.model, output=folder, seconds=SECONDS, formats=["svg"])
        tonada.generate(model=arguments.model, output=folder, prior="normal", seconds=SECONDS, formats=["svg"])
        for name, kind in (("drawn-1", "fitted"), ("normal-1", "normal")):
            shutil.copyfile(Path(folder) / f"{arguments.model}_{kind}_1.svg", pictures / f"sound-{name}.svg")


if __name__ == "__main__":
    main()
