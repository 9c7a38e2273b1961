"""Titles as MAESTRO, Mutopia, GiantMIDI and piano-roll catalogues write them, and the works that they name."""

from __future__ import annotations

import csv
import io
import itertools
import zipfile
from pathlib import Path

import pytest

from tonada.symbolic.corpus.composers import composer_in_path, composer_keys
from tonada.symbolic.corpus.titles import find_key, fold, without_file_marks, words
from tonada.symbolic.corpus.works import Work, find_overlaps, group, work_of

KEYS = [
    ("Frédéric Chopin", "Etude Op. 10 No. 4 in C-sharp Minor", "chopin op 10 no 4"),
    ("Chopin", "Etudes Op. 10, No. 4", "chopin op 10 no 4"),
    ("Chopin", "Etude in C-sharp minor, Op.10/4", "chopin op 10 no 4"),
    ("Chopin", "Chopin_Etudes_Op10_g0hoN6_HDVU_no_4_cut.mid", "chopin op 10 no 4"),
    ("Chopin", " ChopinFF O10 chopin-op-10-04-wfi chopin-op-10-04-wfi", "chopin op 10 no 4"),
    ("Chopin", "010-1b-Sm-004.mid", "chopin op 10 no 4"),
    ("Chopin", "034_1-1a-Sm.mid", "chopin op 34 no 1"),
    ("Chopin", "073-1x-Sam-Secondo.mid", "chopin op 73"),
    ("Frédéric Chopin", "Complete Etudes, Opus 25", "chopin op 25"),
    ("Frédéric Chopin", "Barcarolle in F#", "chopin op 60"),
    ("Frédéric Chopin", "Scherzo No. 3", "chopin scherzo 3"),
    ("Frédéric Chopin", "Nocturne in Db", "chopin nocturne 1 major"),
    ("Brahms", "Waltzes op. 39, nos. 3, 4 and 5", "brahms op 39 no 3, op 39 no 4, op 39 no 5"),
    ("Brahms", "Brahms_Johannes_Piano_Sonata_No2_Op2_RhZqUE63B9g_mov_1.mid", "brahms op 2"),
    ("Johannes Brahms", "Paganini Variations, Op. 35 Books I and II", "brahms op 35"),
    ("Alexander Scriabin", "Etude Op. 42, Nos. 4 & 5", "scriabin op 42 no 4, op 42 no 5"),
    (
        "Alexander Scriabin",
        "Etude Op. 2 No.1;  Etudes Op. 8, Nos. 5, 11 and 12",
        "scriabin op 2 no 1, op 8 no 5, op 8 no 11, op 8 no 12",
    ),
    ("Alexander Scriabin", "Sonata No. 9", "scriabin sonata 9"),
    ("Ludwig van Beethoven", "Sonata No. 17, Op. 31 No. 2 in D Minor, 1st mov.", "beethoven op 31 no 2"),
    ("Ludwig van Beethoven", "Sonata No. 17 in D minor, Op. 31 No. 2, 1st mov.", "beethoven op 31 no 2"),
    ("Ludwig van Beethoven", "Sonata No. 26 in E-flat Major, Op. 81a, I. Das Lebewohl", "beethoven op 81"),
    ("Ludwig van Beethoven", "Thirty-Two Variations in C minor, WoO 80     ", "beethoven woo 80"),
    ("Beethoven", "32 variationen: c-Moll", "beethoven woo 80"),
    ("Beethoven", "Sonate cis-moll: (Mondschein): I. und II. Teil", "beethoven op 27 no 2"),
    ("Johann Sebastian Bach", "Prelude & Fugue in B flat minor, Book I, BWV 867", "bach bwv 867"),
    ("Johann Sebastian Bach", "Prelude and Fugue in A-flat Major, WTC I", "bach bwv 862"),
    ("Johann Sebastian Bach", "Prelude and Fugue in B-Moll, No. 22 WTKII", "bach bwv 891"),
    ("Johann Sebastian Bach", "Prelude and Fugue in D-sharp Minor, WTC II", "bach bwv 877"),
    ("Johann Sebastian Bach", "Preludes and Fugues, WTC I, BWV 846–848", "bach bwv 846, bwv 847, bwv 848"),
    ("Bach", "Menuet in G BachJS BWVAnh114 anna-magdalena-04 anna-magdalena-04", "bach bwv anh 114"),
    ("Johann Sebastian Bach", "Italian Concerto", "bach bwv 971"),
    ("Wolfgang Amadeus Mozart", "Sonata in F Major, K533/K494", "mozart k 494, k 533"),
    ("Mozart", "Piano Sonata in C minor (KV. 457) MozartWA KV457 sonata1 sonata1", "mozart k 457"),
    ("Domenico Scarlatti", "Sonata in D Major, K. 96 L. 465", "scarlatti k 96, l 465"),
    ("Joseph Haydn", "Sonata in C Major, Hob. XVI/50", "haydn hob xvi 50"),
    ("Haydn", "Haydn_Keyboard_Sonata_in_C_minor_Hob_XVI_20_hwOlGL5GJFU_cut_mov_1.mid", "haydn hob xvi 20"),
    ("George Frideric Handel", "Chaconne in G Major, HWV 435", "handel hwv 435"),
    ("Henry Purcell", "Suite in C Major, Z. 666 (Complete)", "purcell z 666"),
    ("Antonio Vivaldi", "Concerto in D Major, RV 93", "vivaldi rv 93"),
    ("Béla Bartók", "Romanian Folk Dances, Sz. 56", "bartok sz 56"),
    ("Antonín Dvořák", "Humoresque in G-flat, B. 187 No. 7", "dvorak b 187 no 7"),
    ("César Franck", "Prélude, chorale, et fugue, M. 21", "franck m 21"),
    ("Franz Schubert", "Impromptu Op. 142 No. 3 in B-flat Major", "schubert d 935 no 3"),
    ("Franz Schubert", "Impromptu Op. 142 No. 3, in B-Flat Major, D935", "schubert d 935 no 3"),
    ("Schubert", " SchubertF D935 SchubertF-D935-1-Impromptu SchubertF-D935-1-Impromptu", "schubert d 935 no 1"),
    ("Franz Schubert", "Wanderer Fantasy", "schubert d 760"),
    ("Franz Liszt", "Hungarian Rhapsody No. 9 in E-flat Major, S. 244", "liszt s 244 no 9"),
    ("Liszt", "Xii. ungar. rapsodie", "liszt s 244 no 12"),
    ("Liszt", "2nd hungarian rhapsody", "liszt s 244 no 2"),
    ("Franz Liszt", 'Grandes ètudes de Paganini No. 3 "La Campanella", S. 141', "liszt s 141 no 3"),
    ("Liszt", "La   Campanella: Paganini-Etude Nr. 3", "liszt s 141 no 3"),
    ("Franz Liszt", 'Études d\'exécution transcendante, No. 12, "Chasse-Neige" S.139/12', "liszt s 139 no 12"),
    ("Franz Liszt", "Rem. of Don Juan", "liszt s 418"),
    ("Franz Liszt / Camille Saint-Saëns", "Danse Macabre S555/R240", "liszt & saint saens r 240, s 555"),
    ("Sergei Rachmaninoff", "Prelude Op. 23/4", "rachmaninoff op 23 no 4"),
    ("Sergei Rachmaninov", "Prelude in D Major, Op. 23, No. 4", "rachmaninoff op 23 no 4"),
    ("Robert Schumann", "Symphonic Etudes", "schumann op 13"),
    ("Modest Mussorgsky", "Pictures at an Exhibition", "mussorgsky at exhibition pictures"),
    ("Czerny", "50 Melodische Übungsstücke CzernyC O840 op840-10 op840-10-lys", "czerny op 840 no 10"),
    ("Traditional", "Greensleeves", "unknown greensleeves"),
]


@pytest.mark.parametrize(("composer", "title", "key"), KEYS, ids=[f"{title}"[:40] for _, title, _ in KEYS])
def test_key_of_a_work(composer: str, title: str, key: str) -> None:
    assert work_of(composer, title).key == key


SAME = [
    ("Frédéric Chopin", "24 Preludes, Op. 28", "Chopin", "Prelude op. 28, no. 20, c minor"),
    ("Franz Schubert", "Impromptus Op. 90", "Franz Schubert", "Impromptu in E-flat Major, D. 899 No. 2"),
    ("Scriabin", "24 Preludes Op. 11, No. 13-24", "Scriabin", "Prelude Op. 11 No. 20"),
    ("Scriabin", "Sonata No. 9", "Alexander Scriabin", 'Sonata No. 9, Op. 68, "Black Mass"'),
    ("Franz Schubert / Franz Liszt", "Gretchen am Spinnrade", "Franz Schubert", '"Gretchen am Spinnrade"'),
    ("Franz Schubert / Franz Liszt", "Songs: Aufenthalt, Der Erlkonig", "Schubert", "Erlkönig"),
    ("Franz Schubert", '"Erlkoenig"', "Schubert", "Erlkönig"),
    ("Claude Debussy", "Jardins sous la pluie from Estampes", "Debussy", "Debussy_Estampes_R-YcnPXY2yE_cut_no_3.mid"),
    ("Felix Mendelssohn", "Variations sérieuses, Op. 54", "Mendelssohn-BartholdyF", "Variations Serieuses"),
    ("Franz Liszt", "Sonata in B Min.", "Liszt", "Sonate h-moll"),
    ("Bach", "Fuga IV BachJS BWV849 bwv849b bwv849b", "J. S. Bach", "Prelude and Fugue in C-sharp Minor, WTC I"),
    ("Traditional", "Greensleeves", "Anonymous", "Greensleeves"),
]


@pytest.mark.parametrize("pair", SAME, ids=lambda pair: pair[1][:30])
def test_titles_of_one_work_overlap(pair: tuple[str, str, str, str]) -> None:
    a, b = work_of(*pair[:2]), work_of(*pair[2:])
    assert a.overlaps(b)
    assert b.overlaps(a)
    assert find_overlaps([a], [b]) == [0]
    assert len(set(group([a, b]))) == 1


OTHER = [
    ("Frédéric Chopin", "Etude Op. 10 No. 4", "Frédéric Chopin", "Etude Op. 10 No. 5"),
    ("Frédéric Chopin", "Etudes Op. 25 Nos. 1-5", "Frédéric Chopin", "Etude Op. 25 No. 6"),
    ("Frédéric Chopin", "Ballade No. 2 in F Major", "Frédéric Chopin", "Ballade No. 1 in G Minor"),
    ("Frédéric Chopin", "Sonata No. 3 in B Minor", "Franz Liszt", "Sonata in B Minor"),
    ("Domenico Scarlatti", "Sonata in D Major, K. 576", "Wolfgang Amadeus Mozart", "Sonata in D Major K576"),
    ("Bach", "Prelude and Fugue in C Major, WTC I", "Bach", "Prelude and Fugue in C Major, WTC II"),
    ("Bach", "Prelude and Fugue in C Major, WTC I", "Bach", "Prelude and Fugue in C Minor, WTC I"),
    ("Grieg", "Lyric Piece, “Waltz,” Op. 12 No. 2", "Grieg", "Lyric Piece, “Waltz,” Op. 38 No. 7"),
    ("Franz Liszt", "Sonetto 104 del Petrarca", "Franz Liszt", "Sonetto 123 del Petrarca"),
    ("C. P. E. Bach", "Rondo", "Johann Sebastian Bach", "Rondo"),
    ("", "song 1", "", "song 2"),
    ("Beethoven", "Für Elise", "Beethoven", "Ode an die Freude"),
]


@pytest.mark.parametrize("pair", OTHER, ids=lambda pair: pair[1][:30])
def test_titles_of_different_works_do_not(pair: tuple[str, str, str, str]) -> None:
    a, b = work_of(*pair[:2]), work_of(*pair[2:])
    assert not a.overlaps(b)
    assert not b.overlaps(a)
    assert find_overlaps([a], [b]) == [None]
    assert len(set(group([a, b]))) == 2


def test_a_table_gives_the_number_that_a_title_lacks() -> None:
    assert work_of("Chopin", "Des Mädchens Wunsch", "chopin|op74").key == "chopin op 74"
    assert work_of("Chopin", "Etude op. 10 no. 3", "chopin|op10").key == "chopin op 10 no 3"


def test_groups_join_through_a_whole_opus_and_through_given_pairs() -> None:
    works = [work_of("Chopin", title) for title in ("Op. 10 No. 1", "Op. 10 No. 2", "Op. 10", "Op. 25 No. 1", "Op. 28")]
    assert group(works[:2]) == ["chopin op 10 no 1", "chopin op 10 no 2"]
    assert group(works) == [*["chopin op 10"] * 3, "chopin op 25 no 1", "chopin op 28"]
    assert group(works, [(4, 3)]) == [*["chopin op 10"] * 3, *["chopin op 25 no 1"] * 2]


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("Johann Sebastian Bach", {"bach"}),
        ("Bach, Johann Sebastian", {"bach"}),
        ("BachJS", {"bach"}),
        ("C. P. E. Bach", {"bach cpe"}),
        ("BachCPE", {"bach cpe"}),
        ("Frédéric Chopin", {"chopin"}),
        ("Sergei Rachmaninov", {"rachmaninoff"}),
        ("Pyotr Ilyich Tchaikovsky / Mikhail Pletnev", {"tchaikovsky", "pletnev"}),
        ("Ludwig van Beethoven", {"beethoven"}),
        ("Weber, Carl Maria von", {"weber"}),
        ("Mendelssohn-BartholdyF", {"mendelssohn"}),
        ("Saint-Saëns, Camille", {"saint saens"}),
        ("D'Egville, Louis H. (Louis Hervey)", {"d egville"}),
        ("Traditional", set()),
        ("", set()),
    ],
)
def test_composer_keys(name: str, keys: set[str]) -> None:
    assert composer_keys(name) == keys


@pytest.mark.parametrize(
    ("path", "composer"),
    [
        ("chopin/nocturne.mid", "Chopin"),
        ("my music/Tschaikowsky - Oktober.mid", "Tchaikovsky"),
        ("BeethovenSonata.mid", "Beethoven"),
        ("song.mid", ""),
        ("offenbach.mid", ""),
    ],
)
def test_composer_in_a_path(path: str, composer: str) -> None:
    assert composer_in_path(path) == composer


@pytest.mark.parametrize(
    ("title", "key"),
    [
        ("Prelude in C-Sharp Minor", "1 minor"),
        ("prelude in D-flat Major", "1 major"),
        ("Sonata Bb maj.", "10 major"),
        ("Nocturne fis-dur", "6 major"),
        ("Walzer h-moll", "11 minor"),
        ("Preludium b-moll", "10 minor"),
        ("Impromptu as-dur", "8 major"),
        ("Spanish rhapsody in c♯ minor", "1 minor"),
        ("Sonata in F", "5 major"),
        ("Suite in E♭", "3 major"),
        ("Etude No. 3", None),
        ("Pictures in a frame", None),
    ],
)
def test_keys(title: str, key: str | None) -> None:
    assert find_key(fold(title)) == key


def test_file_names_as_titles() -> None:
    assert without_file_marks("Chopin_Etudes_Op10_g0hoN6_HDVU_no_12_cut.mid") == "Chopin Etudes Op10 no 12 cut"
    assert without_file_marks("Etude Op. 10") == "Etude Op. 10"


def test_words_unite_languages() -> None:
    assert words(fold("Études für Klavier: Prélude, Fuga & Walzer")) == [
        "etude",
        "fur",
        "piano",
        "prelude",
        "fugue",
        "waltz",
    ]


# --- all titles of the development data ------------------------------------------------------------------------------


def read_titles(archive: Path) -> list[tuple[Work, str]]:
    with zipfile.ZipFile(archive) as opened:
        name = next(name for name in opened.namelist() if name.endswith(".csv"))
        rows = csv.DictReader(io.StringIO(opened.read(name).decode("utf-8")))
        return [
            (work_of(row["canonical_composer"], row["canonical_title"], row.get("work_key", "")), row["split"])
            for row in rows
        ]


def test_maestro_has_few_training_pieces_of_held_out_works(data: Path) -> None:
    titles = read_titles(data / "midi" / "maestro-v3.0.0-midi.zip")
    training = [work for work, split in titles if split == "train"]
    held = [work for work, split in titles if split != "train"]
    shared = [held[place].key for place in find_overlaps(training, held) if place is not None]
    assert len(titles) == 1276
    assert len({work.key for work, _ in titles}) == 505
    assert sorted(shared) == [
        "haydn hob xvi 41",
        "mozart k 280",
        "scarlatti k 466",
        "schubert d 780 no 3",
        "schubert d 899 no 4",
        "schubert erlkonig",
        "schubert erlkonig",
        "scriabin op 8 no 13",
    ]


def test_groups_keep_all_overlaps_of_real_titles_together(data: Path) -> None:
    archives = ("maestro-v3.0.0-midi.zip", "open-piano.zip")
    works = [work for archive in archives for work, _ in read_titles(data / "midi" / archive)][::5]
    groups = group(works)
    for (a, mine), (b, theirs) in itertools.combinations(zip(works, groups, strict=True), 2):
        assert mine == theirs or not a.overlaps(b)
