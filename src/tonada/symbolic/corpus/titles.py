"""Titles of pieces made comparable: accents, languages, keys and the marks of file names folded away."""

from __future__ import annotations

import re
import unicodedata

_LETTERS = str.maketrans(
    {"ß": "ss", "ø": "o", "ł": "l", "æ": "ae", "œ": "oe", "♯": "#", "♭": "b", "\u2019": "'", "\u2018": "'"}
)

# Words for forms and their companions, in the languages that titles come in; each line is one meaning, first word kept.
_SYNONYMS = """
air aria arie
arabesque arabeske
ballade ballad
barcarolle barcarole barkarole
berceuse lullaby cradle wiegenlied
book buch livre libro volume vol bk
capriccio caprice cappriccio
chorale choral
complete
concert concierto konzert
concerto
dance dances tanz tanze danse danses
etude etudes etuden study studies estudio konzertetude konzertetuden konzertetuden
fantasy fantasie fantasia fantaisie fantasies fantasien fantasias phantasie fantasiestucke
fugue fugues fuga fuge fugen fug
gavotte gavotta
humoresque humoreske
hungarian ungarische ungarischer ungarisches ung ungar hongroise hongroises
impromptu impromptus
intermezzo intermezzi intermezzos
legend legende
march marches marsch marche marcha
mazurka mazurkas
minuet menuet menuett minuett menuetto minuetto menuets
moment moments momento
musical musicaux musicale
nocturne nocturnes nocturn nocturno notturno
overture ouverture ouverture obertura
paraphrase parap
partita partitas
piano klavier pianoforte
piece pieces stuck stucke morceau morceaux
polka polkas
polonaise polonaises polonesa
prelude preludes praludium preludio prel preludia preludes preludien preludium
reminiscences rem reminiscence reminiszenzen reminiscenzen
rhapsody rhapsodie rhapsodies rapsodie rhapsodien rapsodia
romance romances romanze romanzen romanza
rondo rondeau
scherzo scherzi
serenade serenada
sonata sonatas sonate sonaten son sonates
sonatina sonatine sonatinas
sonetto sonnet sonett
song songs lied lieder
spanish espagnole espagnol esp espanola spanische
suite suites
symphony symphonie sinfonie sinfonia symphonia
symphonic symphonique symphonische
tableau tableaux
transcendental transcendente transcendante
toccata toccatas
variations variationen variation var variaions varationen variaciones
waltz waltzes valse valses walzer
"""
SYNONYM: dict[str, str] = {word: line.split()[0] for line in _SYNONYMS.strip().splitlines() for word in line.split()}
_MORE_FORMS = """
black white lyric lyrische lyrical brilliant brillante brilliante grand grande grandes trois three two four five six
nine twelve douze character keyboard exercises exercise french english italian fairy tale tales invention inventions
musette
"""
FORMS: frozenset[str] = frozenset(SYNONYM.values()) | frozenset(_MORE_FORMS.split())
# What says nothing about which work it is.
_SILENT_WORDS = """
the of in for on a an la le les l de des du d der die das und et and e y to from aus dem den il lo gli el los las un
une del by pour no nr nos op opus movement movements mov mvt mouvement satz teil part parts parte first second third
fourth st nd rd th i ii iii iv v vi vii viii ix x xi xii xiii xiv xv selections selection selektion potpourri arr
arrangement edition posth transcription transcribed version posthume posthumous with mit avec sur uber after nach
major minor maj min dur moll sharp flat allegro andante adagio largo presto vivace moderato molto con brio ma non
troppo finale opera bwv woo hwv hob style key theme thema original cut mid midi wav track unknown untitled zu zum zur
auf als
"""
_SILENT = frozenset(_SILENT_WORDS.split())
_CONNECTORS = frozenset(["a", "and", "by", "de", "e", "et", "for", "from", "fur", "in", "of", "on", "the", "und"])

_KEY = re.compile(r"\b([a-h])(?:[ -]?(sharp|flat)|(is|es|s)|(#)|(b))?[ -]*(major|maj|dur|minor|min|moll)\b")
_KEY_ALONE = re.compile(r"\bin ([a-g])(?:[ -]?(sharp|flat)|()|(#)|(b))?(?=\s*(?:$|[^\w\s'-]))")
_STEPS = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11, "h": 11}


def fold(text: str) -> str:
    """Give a text in lower case without accents, with plain quotes; ``#`` and punctuation stay."""
    bare = unicodedata.normalize("NFKD", text.translate(_LETTERS))
    bare = "".join(letter for letter in bare if not unicodedata.combining(letter))
    return bare.casefold().translate(_LETTERS)


def find_key(folded: str) -> str | None:
    """Find a key in a folded title: ``in B-flat Major``, ``cis-moll``, ``Bb maj.``, ``in F``.

    Parameters
    ----------
    folded
        What `fold` gives.

    Returns
    -------
    str or None
        Pitch class and mode (``10 major``), so that C-sharp and D-flat are one; None without a key.
    """
    found = _KEY.search(folded) or _KEY_ALONE.search(folded)
    if found is None:
        return None
    mode = found[6] if found.re is _KEY else "major"
    step = 10 if found[1] == "b" and mode in ("dur", "moll") else _STEPS[found[1]]
    step += found[2] == "sharp" or found[3] == "is" or bool(found[4])
    step -= found[2] == "flat" or found[3] in ("es", "s") or bool(found[5])
    return f"{step % 12} {'minor' if mode in ('minor', 'min', 'moll') else 'major'}"


def without_key(folded: str) -> str:
    """Cut the keys out of a folded title."""
    return _KEY_ALONE.sub(" ", _KEY.sub(" ", folded))


def without_file_marks(title: str) -> str:
    """Turn a file name used as a title into words: no suffix, no video identifier, no underscores.

    ``Chopin_Etudes_Op10_g0hoN6_HDVU_no_12_cut.mid`` becomes ``Chopin Etudes Op10 no 12 cut``.
    """
    stem = re.sub(r"\.(midi?|kar|rmi)$", "", title.strip(), flags=re.IGNORECASE)
    if stem != title.strip():
        mark = re.search(r"[_ ]([\w-]{11})(?=(?:_(?:cut|mov|no|a|part)[\w ]*)?$)", stem)
        if mark and re.search(r"[A-Z]", mark[1]) and re.search(r"[0-9]|[a-z][A-Z]|[A-Z]{2}", mark[1]):
            stem = stem[: mark.start()] + stem[mark.end() :]
        stem = stem.replace("_", " ")
    return stem


def words(folded: str) -> list[str]:
    """Split a folded title into canonical words: languages of the forms united, umlauts spelt out or not united.

    Parameters
    ----------
    folded
        What `fold` gives, with or without its keys.

    Returns
    -------
    list of str
        In the order of the title, numbers among them.
    """
    found = re.findall(r"[^\W\d_]+|\d+", re.sub(r"'s\b", "", folded))
    plain = [re.sub(r"(?<=[aou])e(?=[^aeiou])", "", word) if len(word) > 3 else word for word in found]
    return [SYNONYM.get(word, SYNONYM.get(before, word)) for word, before in zip(plain, found, strict=True)]


def normalised(title_words: list[str]) -> str:
    """Join the words of a title, numbers among them, without those that only connect."""
    return " ".join(word for word in title_words if word not in _CONNECTORS)


def distinctive(title_words: list[str]) -> frozenset[str]:
    """Keep the words that tell one work of a composer from another; forms, numbers and small words go."""
    telling = (word for word in title_words if word.isalpha() and word not in _SILENT and word not in FORMS)
    kept = {word for word in telling if len(word) > 1}
    return frozenset(kept) if any(len(word) >= 4 for word in kept) else frozenset()


def roman_number(text: str) -> int:
    """Read a Roman number in lower case, up to lxxxix."""
    values = [{"i": 1, "v": 5, "x": 10, "l": 50}[letter] for letter in text]
    return sum(-value if value < after else value for value, after in zip(values, [*values[1:], 0], strict=True))
