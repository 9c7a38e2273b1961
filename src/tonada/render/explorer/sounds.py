"""The sounds of a page: stored once each, however often they are played, and no more than the page may weigh."""

from __future__ import annotations

import base64
import json
import tempfile
from html import escape
from pathlib import Path

from tonada.audio.clip import Clip, write_clip


class Store:
    """Sounds and pictures that a page brings with it.

    What does not fit any more is left out, and counted; so what matters most is offered first.

    Parameters
    ----------
    limit_bytes
        Of all together, as they stand in the page.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._left_bytes = limit_bytes
        self._sounds: dict[str, str] = {}
        self.left_out: dict[str, int] = {}

    def add(self, key: str, clip: Clip, kind: str, *, seconds: float | None = None) -> bool:
        """Store a sound as Ogg Vorbis, unless it is there already.

        Parameters
        ----------
        key
            What the page knows it by.
        clip
            The sound.
        kind
            What it is counted as when it is left out, in the plural ("clips of the maps").
        seconds
            How much of it, from the beginning; all when None.

        Returns
        -------
        bool
            Whether it is in the page.
        """
        if key in self._sounds:
            return True
        if seconds is not None:
            samples = clip.samples[:, : round(seconds * clip.sample_rate)]
            clip = Clip(samples=samples, sample_rate=clip.sample_rate)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "sound.ogg"
            write_clip(clip, path)
            text = base64.b64encode(path.read_bytes()).decode()
        if not self.take(len(text) + len(key) + 8, kind):
            return False
        self._sounds[key] = text
        return True

    def take(self, size_bytes: int, kind: str) -> bool:
        """Ask for room in the page; what does not get it is counted under ``kind``."""
        if size_bytes > self._left_bytes:
            self.left_out[kind] = self.left_out.get(kind, 0) + 1
            return False
        self._left_bytes -= size_bytes
        return True

    def player(self, key: str, name: str) -> str:
        """Give a player for a sound, or say that it was left out.

        Parameters
        ----------
        key
            As it was stored.
        name
            What is heard, for those who do not see.
        """
        if key not in self._sounds:
            return '<span class="soft">sound left out</span>'
        return f'<audio controls preload="none" data-sound="{escape(key)}" aria-label="{escape(name)}"></audio>'

    def script(self) -> str:
        """Give the element that holds all sounds."""
        text = json.dumps(self._sounds, separators=(",", ":")).replace("<", "\\u003c")
        return f'<script type="application/json" id="sounds">{text}</script>'
