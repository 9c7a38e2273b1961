"""A page for blind listening: pairs of sounds in random order, answers by mouse or keyboard, saved as csv.

The page brings all of its sounds with it and asks nothing of any network. What each side is, it knows, since it writes
the answers; but not in words that one would read by accident.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from tonada.audio.clip import Clip
from tonada.render.explorer.sounds import Store
from tonada.seeding import rng

COLUMNS = ("test", "pair", "name", "first", "second", "answer")
"""Of the csv: the page's seed and title, the pair's place in it, its name, which set was heard on each side, and the
answer."""
FIRST, SECOND, NEITHER = "first", "second", "neither"
"""The answers."""

LIMIT_BYTES = 80_000_000

_STYLE = """
:root { color-scheme: light dark; --ground: #ffffff; --ink: #1f2933; --soft: #5f6b7a; --line: #d5dae0;
--accent: #0072b2 }
@media (prefers-color-scheme: dark) { :root { --ground: #14181d; --ink: #e6e9ed; --soft: #aab4c0; --line: #39424d;
--accent: #56b4e9 } }
body { font: 17px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--ground); max-width: 46rem;
margin: 0 auto; padding: 1rem }
.sides { display: grid; grid-template-columns: repeat(auto-fit, minmax(16rem, 1fr)); gap: 1rem }
.side { border: 2px solid var(--line); border-radius: .6rem; padding: .6rem 1rem }
.side.chosen { border-color: var(--accent) }
audio { width: 100% } button { font: inherit; padding: .5rem .9rem; margin: .2rem; cursor: pointer }
button[aria-pressed=true] { outline: 3px solid var(--accent) }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px }
.soft { color: var(--soft) } kbd { border: 1px solid var(--line); border-radius: .2rem; padding: 0 .3rem }
"""

_SCRIPT = """
(() => {
  const sounds = JSON.parse(document.getElementById('sounds').textContent);
  const test = JSON.parse(new TextDecoder().decode(Uint8Array.from(
    atob(document.getElementById('test').textContent.trim()), (c) => c.charCodeAt(0))));
  const by = (id) => document.getElementById(id);
  const players = [by('first'), by('second')], urls = {}, answers = test.pairs.map(() => null);
  const keep = `tonada-${test.title}-${test.seed}-${test.mark}`;
  try {
    const kept = JSON.parse(localStorage.getItem(keep));
    if (kept && kept.length === answers.length) kept.forEach((one, place) => { answers[place] = one; });
  } catch (error) { /* a page that may store nothing forgets when it is closed */ }
  let at = 0;
  const url = (key) => urls[key] ??= URL.createObjectURL(
    new Blob([Uint8Array.from(atob(sounds[key]), (c) => c.charCodeAt(0))], {type: 'audio/ogg'}));
  const show = () => {
    players.forEach((player, side) => { player.pause(); player.src = url(`${at}-${side}`); });
    by('place').textContent = `Pair ${at + 1} of ${answers.length}`;
    const done = answers.filter((one) => one).length;
    by('done').textContent = `${done} of ${answers.length} answered`;
    for (const button of document.querySelectorAll('[data-answer]'))
      button.setAttribute('aria-pressed', String(button.dataset.answer === answers[at]));
    for (const side of ['first', 'second']) by(`side-${side}`).classList.toggle('chosen', answers[at] === side);
    by('back').disabled = at === 0;
    by('on').disabled = at === answers.length - 1;
  };
  const play = (side) => {
    players[1 - side].pause();
    if (players[side].paused) players[side].play(); else players[side].pause();
  };
  const go = (step) => { at = Math.max(0, Math.min(answers.length - 1, at + step)); show(); };
  const answer = (word) => {
    answers[at] = word;
    try { localStorage.setItem(keep, JSON.stringify(answers)); } catch (error) { /* as above */ }
    if (at < answers.length - 1) go(1); else show();
  };
  const save = () => {
    const quoted = (text) => `"${String(text).replaceAll('"', '""')}"`;
    const rows = test.pairs.map((pair, place) =>
      [`${test.title} ${test.seed}`, place + 1, pair.name, pair.first, pair.second, answers[place] ?? '']);
    const text = [test.columns, ...rows].map((row) => row.map(quoted).join(',')).join('\\n') + '\\n';
    const link = document.createElement('a');
    link.href = URL.createObjectURL(new Blob([text], {type: 'text/csv'}));
    link.download = 'answers.csv';
    link.click();
  };
  for (const button of document.querySelectorAll('[data-answer]'))
    button.addEventListener('click', () => answer(button.dataset.answer));
  by('back').addEventListener('click', () => go(-1));
  by('on').addEventListener('click', () => go(1));
  by('save').addEventListener('click', save);
  document.addEventListener('play', (event) => {
    for (const player of players) if (player !== event.target) player.pause();
  }, true);
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.target.tagName === 'AUDIO') return;
    const does = {
      a: () => play(0), b: () => play(1), 1: () => answer('first'), 2: () => answer('second'),
      0: () => answer('neither'), ArrowLeft: () => go(-1), ArrowRight: () => go(1), s: save,
    }[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (does) { does(); event.preventDefault(); }
  });
  show();
})();
"""


@dataclass(frozen=True, kw_only=True, eq=False)
class Pair:
    """Two sounds that are compared.

    Attributes
    ----------
    name
        Of the pair, for the csv.
    sounds
        One of each set.
    """

    name: str
    sounds: tuple[Clip, Clip]


def listening_page(pairs: Sequence[Pair], sets: tuple[str, str], *, title: str, seed: int) -> str:
    """Write the page.

    Parameters
    ----------
    pairs
        In any order; the page has an order and sides of its own.
    sets
        Names of the two sets, in the order of ``Pair.sounds``; they are heard of in the csv alone.
    title
        Of the page: it should not say which side is which.
    seed
        Of the order and the sides: each set is on each side about equally often.

    Returns
    -------
    str
        HTML; everything is in it.
    """
    generator = rng(seed, "listening")
    order = generator.permutation(len(pairs)).tolist()
    sides = generator.permutation([place % 2 for place in range(len(pairs))]).tolist()
    store, told = Store(LIMIT_BYTES), []
    for place, (number, swapped) in enumerate(zip(order, sides, strict=True)):
        pair, which = pairs[number], (1, 0) if swapped else (0, 1)
        if not all([store.add(f"{place}-{side}", pair.sounds[one], "pairs") for side, one in enumerate(which)]):
            break  # what does not fit is at the end
        told.append({"name": pair.name, "first": sets[which[0]], "second": sets[which[1]]})
    mark = rng(seed, "mark", *(pair.name for pair in pairs), *sets).integers(1 << 30)
    document = {"title": title, "seed": seed, "mark": int(mark), "columns": COLUMNS, "pairs": told}
    hidden = base64.b64encode(json.dumps(document).encode()).decode()
    return f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{escape(title)}</title><style>{_STYLE}</style>
<h1>{escape(title)}</h1>
<p>Listen to both, as often as you like, and say which you would rather hear on. What they are is not said.</p>
<p class="soft">Keys: <kbd>A</kbd> and <kbd>B</kbd> play and pause, <kbd>1</kbd> and <kbd>2</kbd> prefer A or B,
<kbd>0</kbd> neither, <kbd>←</kbd> <kbd>→</kbd> go back and on, <kbd>S</kbd> saves the answers.</p>
<h2 id="place" aria-live="polite"></h2>
<div class="sides">
<div class="side" id="side-first"><h3>A</h3><audio id="first" controls aria-label="A"></audio></div>
<div class="side" id="side-second"><h3>B</h3><audio id="second" controls aria-label="B"></audio></div>
</div>
<p><button data-answer="{FIRST}">I prefer A</button><button data-answer="{SECOND}">I prefer B</button>
<button data-answer="{NEITHER}">Neither</button></p>
<p><button id="back">← back</button><button id="on">on →</button>
<button id="save">Save the answers (answers.csv)</button> <span id="done" aria-live="polite"></span></p>
{store.script()}
<script type="application/octet-stream" id="test">{hidden}</script>
<script>{_SCRIPT}</script>
</html>
"""
