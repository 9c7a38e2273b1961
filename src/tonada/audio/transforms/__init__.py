"""Codecs of sound: clip ⇄ array, one file each."""
