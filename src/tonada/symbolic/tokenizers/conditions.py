"""What a piece may be said to be, before its first note: kinds of conditions, and the names each has by default."""

from __future__ import annotations

CONDITIONS = ("composer", "style", "key", "tempo", "density")
"""Kinds of conditions, in the order in which they stand before the first note; each may be absent."""

COMPOSERS = (
    *("Albéniz", "Bach", "Beethoven", "Brahms", "Burgmüller", "Chaminade", "Chopin", "Clementi", "Czerny", "Debussy"),
    *("Gottschalk", "Granados", "Grieg", "Handel", "Haydn", "Joplin", "Liszt", "MacDowell", "Medtner", "Mendelssohn"),
    *("Moszkowski", "Mozart", "Mussorgsky", "Paderewski", "Rachmaninoff", "Ravel", "Rubinstein", "Saint-Saëns"),
    *("Satie", "Scarlatti", "Schubert", "Schumann", "Scriabin", "Soler", "Tchaikovsky", "other"),
)
_MAJOR = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
_MINOR = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "G#", "A", "Bb", "B")
KEYS = (*(f"{tonic} major" for tonic in _MAJOR), *(f"{tonic} minor" for tonic in _MINOR))
STYLES = ("baroque", "classical", "romantic", "impressionist", "avant-garde", "ragtime", "latin", "other")
TEMPOS = ("very slow", "slow", "moderate", "fast", "very fast")
DENSITIES = ("very sparse", "sparse", "medium", "dense", "very dense")
