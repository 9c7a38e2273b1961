"""Composers' names made comparable: one surname key per composer, however the name is written."""

from __future__ import annotations

import re

from tonada.symbolic.corpus.titles import fold

_SPELLINGS = {
    "bartholdy": "mendelssohn",
    "chaikovsky": "tchaikovsky",
    "ciaikovskij": "tchaikovsky",
    "haendel": "handel",
    "moussorgsky": "mussorgsky",
    "mussorgskij": "mussorgsky",
    "mussorgski": "mussorgsky",
    "musorgsky": "mussorgsky",
    "prokofieff": "prokofiev",
    "prokofjew": "prokofiev",
    "rachmaninov": "rachmaninoff",
    "rachmaninow": "rachmaninoff",
    "rakhmaninov": "rachmaninoff",
    "schoenberg": "schonberg",
    "scriabine": "scriabin",
    "skrjabin": "scriabin",
    "skryabin": "scriabin",
    "stravinski": "stravinsky",
    "strawinsky": "stravinsky",
    "tchaikovski": "tchaikovsky",
    "tschaikowski": "tchaikovsky",
    "tschaikowsky": "tchaikovsky",
    "mendelssohn bartholdy": "mendelssohn",
}
_NOBODY = frozenset({"", "anonymous", "anon", "traditional", "trad", "unknown", "various", "composer"})
# Surnames by which a composer is recognised in a file's path when no table names one.
_KNOWN_NAMES = """
albeniz alkan bach balakirev bartok beethoven berg bizet boccherini brahms bruckner burgmuller busoni buxtehude byrd
chaminade chopin cimarosa clementi couperin czerny debussy diabelli dussek dvorak elgar faure field franck froberger
gershwin ginastera glazunov glinka godowsky gottschalk gounod granados grieg handel haydn hummel ives janacek joplin
kabalevsky khachaturian kuhlau liadov liszt lyapunov macdowell mahler massenet medtner mendelssohn messiaen milhaud
moscheles mompou moszkowski mozart mussorgsky pachelbel paderewski paganini poulenc prokofiev purcell rachmaninoff
rameau ravel reger rossini rubinstein satie scarlatti schonberg schubert schumann scriabin shostakovich sibelius
smetana soler stravinsky strauss sweelinck tchaikovsky telemann thalberg verdi villa-lobos vivaldi wagner weber webern
"""
_KNOWN = frozenset(_KNOWN_NAMES.split())


def composer_keys(name: str) -> frozenset[str]:
    """Give the surname keys of a composer field; joint composers (``Franz Schubert / Franz Liszt``) give several.

    ``Johann Sebastian Bach``, ``Bach, Johann Sebastian``, ``BachJS`` and ``Bach`` are ``bach``; another Bach is not.

    Parameters
    ----------
    name
        A name in any of these forms.

    Returns
    -------
    frozenset of str
        Folded surnames; empty for nobody (anonymous, traditional, an empty field).
    """
    return frozenset(key for part in re.split(r"\s*[/;&]\s*|\s+and\s+", name) if (key := _surname(part)))


def composer_in_path(path: str) -> str:
    """Find a well-known composer's surname among the words of a path; an empty text when there is none.

    Parameters
    ----------
    path
        Folders and file name, separated by ``/``.
    """
    for word in re.findall(r"[^\W\d_]+", fold(re.sub(r"([a-z])([A-Z])", r"\1 \2", path))):
        surname: str = _SPELLINGS.get(word, word)
        if surname in _KNOWN:
            return surname.title()
    return ""


def _surname(name: str) -> str:
    code = re.fullmatch(r"\s*([A-Z][a-z]+(?:-[A-Z][a-z]+)?)([A-Z]{1,4}[a-z]?)\s*", name)
    given = ""
    if code:
        last, given = code[1], code[2]
    elif "," in name:
        last, _, given = name.partition(",")
    else:
        given, _, last = name.strip().rpartition(" ")
    last = re.sub(r"[^a-z]+", " ", fold(re.sub(r"\(.*?\)", "", last))).strip()
    last = re.sub(r"^(van|von|de|der|di|da|le|la) ", "", last)
    last = _SPELLINGS.get(last, last)
    if last in _NOBODY:
        return ""
    initials = "".join(word[0] for word in re.findall(r"[a-z]+", fold(re.sub(r"([A-Z])", r" \1", given))))
    if last == "bach" and initials and not initials.startswith("js"):
        return f"bach {initials}"
    return last
