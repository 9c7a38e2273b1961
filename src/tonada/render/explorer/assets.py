"""Style and script of the page."""

from __future__ import annotations

from tonada.charts import COLOURS, STYLE

_CLUSTERS = "\n".join(
    f"body:has(#by-cluster:checked) .mark.k{number} {{ fill: {COLOURS[number % len(COLOURS)]} }}"
    for number in range(12)
)

PAGE_STYLE = f"""
:root {{ color-scheme: light dark; --ground: #ffffff; --ink: #1f2933; --soft: #5f6b7a; --line: #d5dae0; --card: #f5f7f9;
--accent: #0072b2 }}
@media (prefers-color-scheme: dark) {{ :root {{ --ground: #14181d; --ink: #e6e9ed; --soft: #aab4c0; --line: #39424d;
--card: #1b2026; --accent: #56b4e9 }} }}
* {{ box-sizing: border-box }}
body {{ font: 16px/1.55 system-ui, sans-serif; color: var(--ink); background: var(--ground); max-width: 84rem;
margin: 0 auto; padding: 1rem 1.25rem 8rem }}
h1 {{ line-height: 1.2; margin: .5rem 0 }} h2 {{ margin: 2.5rem 0 .5rem; border-bottom: 1px solid var(--line) }}
h3 {{ margin: 1.2rem 0 .3rem }} p, li {{ max-width: 56rem }} a {{ color: var(--accent) }}
nav ul {{ display: flex; flex-wrap: wrap; gap: .3rem 1.2rem; padding: 0; list-style: none }}
.soft, figcaption, caption {{ color: var(--soft) }} figcaption, caption {{ font-size: .9rem; text-align: left }}
.wide {{ overflow-x: auto }} table {{ border-collapse: collapse; margin: .8rem 0; font-size: .92rem }}
th, td {{ padding: .25rem .6rem; border-bottom: 1px solid var(--line); text-align: right }}
.heat th, .heat td {{ padding: .2rem .4rem }}
th:first-child {{ text-align: left; white-space: nowrap }} thead th {{ vertical-align: bottom }}
figure {{ margin: .8rem 0 }}
.row {{ display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(19rem, 1fr)) }}
.two {{ grid-template-columns: repeat(auto-fit, minmax(26rem, 1fr)) }}
.wider {{ grid-template-columns: repeat(auto-fit, minmax(34rem, 1fr)) }}
@media (max-width: 40rem) {{ .row {{ grid-template-columns: 1fr }} }}
.card {{ background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: .6rem 1rem;
margin: .8rem 0 }}
.card h3 {{ margin-top: .2rem }} .maps figure {{ margin: 0 }} .maps svg {{ width: 100%; touch-action: manipulation }}
.maps .mark {{ cursor: pointer }} .mark {{ fill-opacity: .85 }}
.mark.chosen {{ stroke: var(--ink); stroke-width: 2.5; fill-opacity: 1 }}
.legend {{ display: flex; flex-wrap: wrap; gap: .2rem 1rem; padding: 0; margin: .3rem 0; list-style: none }}
.players {{ display: grid; grid-template-columns: max-content minmax(12rem, 22rem); gap: .3rem .8rem;
align-items: center }}
audio {{ height: 2.2rem; width: 100%; max-width: 22rem }} .pictures svg {{ max-width: 100%; height: auto }}
.steps {{ display: grid; gap: .3rem .6rem; align-items: center; overflow-x: auto }}
#now {{ position: fixed; left: 0; right: 0; bottom: 0; background: var(--card); border-top: 1px solid var(--line);
padding: .5rem 1.25rem; display: flex; gap: 1rem; align-items: center; flex-wrap: wrap }}
#now:not(.open) {{ display: none }} #now audio {{ width: 18rem }}
:focus-visible {{ outline: 3px solid var(--accent); outline-offset: 2px }}
.good::before {{ content: "✓ "; color: #009e73 }} .look::before {{ content: "! "; color: #d55e00; font-weight: bold }}
{STYLE}
{_CLUSTERS}
"""

SCRIPT = """
(() => {
  const stored = JSON.parse(document.getElementById('sounds').textContent);
  const clips = JSON.parse(document.getElementById('clips').textContent);
  const urls = {};
  const url = (key) => urls[key] ??= URL.createObjectURL(
    new Blob([Uint8Array.from(atob(stored[key]), (c) => c.charCodeAt(0))], {type: 'audio/ogg'}));
  for (const player of document.querySelectorAll('audio[data-sound]')) {
    const load = () => { if (!player.src) player.src = url(player.dataset.sound); };
    new IntersectionObserver((seen) => { if (seen.some((one) => one.isIntersecting)) load(); }).observe(player);
  }
  document.addEventListener('play', (event) => {
    for (const player of document.querySelectorAll('audio')) if (player !== event.target) player.pause();
  }, true);
  const now = document.getElementById('now'), text = now.querySelector('span'), player = now.querySelector('audio');
  const choose = (key, sound) => {
    for (const mark of document.querySelectorAll('.mark.chosen')) mark.classList.remove('chosen');
    for (const mark of document.querySelectorAll(`.mark[data-key="${CSS.escape(key)}"]`)) {
      mark.classList.add('chosen');
      mark.parentNode.append(mark);
    }
    const clip = clips[key], there = clip.sound in stored;
    now.classList.add('open');
    text.textContent = clip.name + (there ? '' : ' (its sound is not in this page)');
    player.hidden = !there;
    if (there) { player.src = url(clip.sound); if (sound) player.play(); } else player.pause();
  };
  for (const map of document.querySelectorAll('.maps svg')) {
    const marks = [...map.querySelectorAll('.mark[data-key]')];
    const place = (mark) => /^M([\\d.-]+) ([\\d.-]+)/.exec(mark.getAttribute('d')).slice(1).map(Number);
    const orders = [0, 1].map((axis) => [...marks].sort((a, b) => place(a)[axis] - place(b)[axis]));
    map.setAttribute('tabindex', '0');
    map.addEventListener('click', (event) => {
      const mark = event.target.closest('.mark[data-key]');
      if (mark) choose(mark.dataset.key, true);
    });
    map.addEventListener('keydown', (event) => {
      const step = {ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 1], ArrowUp: [1, -1]}[event.key];
      const at = map.querySelector('.mark.chosen');
      if (step) {
        const order = orders[step[0]];
        const next = order[Math.max(0, Math.min(order.length - 1, order.indexOf(at) + step[1]))];
        if (next) choose(next.dataset.key, false);
        event.preventDefault();
      } else if ((event.key === 'Enter' || event.key === ' ') && at) {
        choose(at.dataset.key, true);
        event.preventDefault();
      }
    });
  }
})();
"""
