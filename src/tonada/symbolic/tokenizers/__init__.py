"""Codecs between a Score and ids, one file each."""
