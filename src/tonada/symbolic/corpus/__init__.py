"""From folders, zips and tables of MIDI files to a data set whose splits share no work."""

from tonada.symbolic.corpus.parts import read_corpus_part
from tonada.symbolic.corpus.preparation import PrepareReport, SplitTotals, prepare_corpus

__all__ = ["PrepareReport", "SplitTotals", "prepare_corpus", "read_corpus_part"]
