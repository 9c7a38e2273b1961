"""From folders, zips and single files of sound to a data set whose splits share no recording."""

from tonada.audio.corpus.parts import read_audio_part
from tonada.audio.corpus.preparation import prepare_audio
from tonada.audio.corpus.report import AudioReport, AudioTotals

__all__ = ["AudioReport", "AudioTotals", "prepare_audio", "read_audio_part"]
