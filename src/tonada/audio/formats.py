"""The kinds of sound files that can be written; apart from what writes them, so that naming them imports nothing."""

from __future__ import annotations

FORMATS = {
    ".wav": ("WAV", "PCM_16"),
    ".flac": ("FLAC", "PCM_16"),
    ".ogg": ("OGG", "VORBIS"),
    ".opus": ("OGG", "OPUS"),
    ".mp3": ("MP3", "MPEG_LAYER_III"),
}
"""Suffix → libsndfile's names of the container and of the encoding."""
