"""Whether music quotes a corpus: its fingerprint, the passages that are shared, and how rare they are."""
