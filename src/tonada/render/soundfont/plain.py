"""Making a preset of any font plain: the part of SoundFont that symusic's synthesizer plays as it is meant.

That synthesizer (0.5.9) takes the root key from the sample's header only, bends by at most 120 cents, takes centibels
of attenuation for a straight line, has no filter, does not let a held note decay, and fades a released one on a
straight line. So the preset is rewritten: root key and tuning move into the sample's header, the attenuation becomes
the number that gives the right level, the decay and the low-pass filter are played into the sample, and the release
gets the length at which the line sounds like the exponential. What is left out: the filter's resonance and movement,
vibrato and tremolo, modulators, exclusive classes.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tonada.errors import DataError
from tonada.render.soundfont.layout import DEFAULTS, Generator, Sample, Zone
from tonada.render.soundfont.reader import SoundFont

MOST_ZONES = 5000
"""More do not fit the 16-bit indices of the format."""

LONGEST_S = 20.0
"""The longest that a decaying sound gets."""

FLOOR_DB = 60.0
"""How far below its loudest moment a decaying sound is cut off."""

_FULL_FALL_DB = 100.0  # decay and release are the times in which a sound falls so far (8.1.2, generators 36 and 38)
_ATTENUATION_SCALE = 0.4  # the hardware that fonts were made for plays so much of an attenuation, and so do players
_RELEASE_SCALE = 0.3  # a fall of 100 dB in T and a line to silence in 0.3 T are both 30 dB down after 0.3 T
_WIDEST = 12  # keys that share a sample with the decay in it: those above its middle play it, so decay, faster
_SHORTEST_LOOP = 16_384  # samples; resampling moves a loop to whole samples, which detunes a long one less
_GUARD = 64  # samples behind the loop's end, for the same reason
_SILENCE = 256  # samples of silence to loop on when a sound is over
_ZERO_CENTS_HZ = 8.176  # key 0 (8.1.3, generator 8)
_LOWEST_CUTOFF = 1500  # cents, 20 Hz
_FILTER_BLOCK = 16_384  # samples; the transform is whole blocks long, and as much silence behind the sound at least
_LEAD_S = 0.002  # the synthesizer mutes and fades in what it begins with, and a piano's hammer is faster
_FADE = 0.2  # of a sound's length
_BLOCK_S = 0.02
_OUTSIDE_SAMPLE = (Generator.PAN, Generator.RELEASE)  # what a zone's sample does not depend on


def plain_preset(
    font: SoundFont,
    bank: int,
    program: int,
    *,
    floor_db: float = FLOOR_DB,
    highest_key: int = 0,
    played: NDArray[np.int64] | None = None,
) -> tuple[list[Sample], list[Zone]]:
    """Rewrite one preset; the samples and zones are ready to be packed.

    Parameters
    ----------
    font
        Where the preset comes from.
    bank, program
        Which; bank 128 holds drum kits.
    floor_db
        How far below its loudest moment a decaying sound is cut off.
    highest_key
        The highest zones are stretched up to it, if they end below.
    played
        The keys and velocities that will be played; int64 [N, 2]. What they do not need is left out; None keeps all.

    Raises
    ------
    DataError
        The preset has nothing to play, too many zones, or samples that are not in the file.
    """
    found = font.zones(bank, program)
    top = max((zone.keys[1] for zone in found), default=0)
    recorded: dict[object, Sample] = {}
    shaped: dict[object, Sample] = {}
    samples: dict[object, Sample] = {}
    zones: list[Zone] = []
    for zone in found:
        first, last = zone.keys
        last = max(last, highest_key) if last == top else last
        source = zone.sample, *(zone.amounts[key] for key in DEFAULTS if key not in _OUTSIDE_SAMPLE)
        step = _WIDEST if zone.amounts[Generator.SCALE_TUNING] == DEFAULTS[Generator.SCALE_TUNING] else 1
        for low in range(first, last + 1, step):
            piece = replace(zone, keys=(low, min(low + step - 1, last)))
            if played is not None and not _is_played(piece, played):
                continue
            if source not in recorded:
                recorded[source] = font.sample(zone)
            speed_cents = round(sum(_cents(recorded[source], zone, key) for key in piece.keys) / 2)
            shape = source, speed_cents
            if shape not in shaped:
                shaped[shape] = _shaped(recorded[source], piece, _octaves(speed_cents), floor_db)
            tuned = _tuned(font, shaped[shape], piece)
            row = shape, tuned.root, tuned.correction_cents
            samples.setdefault(row, tuned)
            number = list(samples).index(row)
            zones.append(replace(piece, sample=number, amounts=_plain_amounts(zone)))
    if not 0 < len(zones) <= MOST_ZONES:
        raise DataError(
            font.path, f"preset {program} of bank {bank} has {len(zones)} zones; 1 to {MOST_ZONES} can be played"
        )
    return list(samples.values()), zones


def _is_played(zone: Zone, played: NDArray[np.int64]) -> bool:
    ranges = np.array([zone.keys, zone.velocities])
    return bool(((played >= ranges[:, 0]) & (played <= ranges[:, 1])).all(axis=1).any())


def _cents(sample: Sample, zone: Zone, key: int) -> int:
    """Give how far above the pitch that was recorded a key sounds."""
    amount = zone.amounts
    tuning = sample.correction_cents + amount[Generator.FINE_TUNE] + 100 * amount[Generator.COARSE_TUNE]
    return tuning + (key - sample.root) * amount[Generator.SCALE_TUNING]


def _plain_amounts(zone: Zone) -> dict[Generator, int]:
    pan = min(max(zone.amounts[Generator.PAN], -500), 500)
    gain = 10.0 ** (-max(0, zone.amounts[Generator.ATTENUATION]) * _ATTENUATION_SCALE / 200)
    # The synthesizer's pan is linear: the middle has half of either side. Turned down to its power, all pans are equal.
    gain *= math.sqrt(0.5) / math.hypot(0.5 - pan / 1000, 0.5 + pan / 1000)
    release = zone.amounts[Generator.RELEASE] + round(1200 * math.log2(_RELEASE_SCALE))
    return {
        Generator.PAN: pan,
        Generator.DELAY: zone.amounts[Generator.DELAY],
        Generator.ATTACK: zone.amounts[Generator.ATTACK],
        Generator.RELEASE: max(release, DEFAULTS[Generator.RELEASE]),
        Generator.ATTENUATION: round(1000 * (1 - gain)),
        Generator.SAMPLE_MODES: 1,
    }


def _tuned(font: SoundFont, sample: Sample, zone: Zone) -> Sample:
    """Move all tuning into root and correction, so that the keys sound right when pitch follows them by semitones."""
    key = zone.keys[0]
    cents = _cents(sample, zone, key)
    semitones = round(cents / 100)
    if not 0 <= key - semitones <= 127:
        raise DataError(
            font.path, f"sample '{sample.name}' is tuned {cents / 100:g} semitones off; that cannot be played"
        )
    return replace(sample, root=key - semitones, correction_cents=cents - 100 * semitones)


def _shaped(sample: Sample, zone: Zone, speed: float, floor_db: float) -> Sample:
    """Play loop, filter and decay of a zone into its sample; what is left is to be looped, on silence if need be.

    ``speed`` is how fast the zone plays the sample, 1 for as recorded.
    """
    amount, played_rate = zone.amounts, sample.sample_rate * speed
    sustain_db = min(max(amount[Generator.SUSTAIN] / 10, 0.0), _FULL_FALL_DB)
    from_centre = 60 - sum(zone.keys) / 2
    hold_s = _octaves(amount[Generator.HOLD] + amount[Generator.KEY_TO_HOLD] * from_centre)
    hold_s += _octaves(amount[Generator.DELAY]) + _octaves(amount[Generator.ATTACK])
    fall_s = _octaves(amount[Generator.DECAY] + amount[Generator.KEY_TO_DECAY] * from_centre)
    fall_db_per_s = _FULL_FALL_DB / fall_s
    fall_s = max(min(sustain_db / fall_db_per_s, LONGEST_S - hold_s), 0.0)

    first, last = sample.loop
    loops = amount[Generator.SAMPLE_MODES] in (1, 3) and 0 <= first < last <= len(sample.data)
    ends = sustain_db >= floor_db or not loops
    count = len(sample.data)
    if loops:
        period = last - first
        repeats = -(-_SHORTEST_LOOP // period)
        decayed = math.ceil((hold_s + fall_s) * played_rate) if sustain_db else 0
        first = max(first, decayed)
        last = first + repeats * period
        count = decayed if ends else last + _GUARD
    at = np.arange(count)
    wrapped = np.where(at < sample.loop[1], at, sample.loop[0] + (at - sample.loop[0]) % period) if loops else at
    fallen_db = np.clip(at / played_rate - hold_s, 0.0, fall_s) * fall_db_per_s
    data = _filtered(sample.data[wrapped].astype(np.float64), played_rate, zone) * 10.0 ** (-fallen_db / 20)
    if ends:
        data = _ended(data, played_rate, floor_db)
        first, last = len(data) + _GUARD, len(data) + _GUARD + _SILENCE
        data = np.concatenate((data, np.zeros(_SILENCE + 2 * _GUARD)))
    lead = round(_LEAD_S * played_rate)
    data = np.concatenate((np.zeros(lead), data))
    whole = np.clip(np.rint(data), -32768, 32767).astype(np.int16)
    return replace(sample, data=whole, loop=(lead + first, lead + last))


def _filtered(data: NDArray[np.float64], sample_rate: float, zone: Zone) -> NDArray[np.float64]:
    """Play the zone's low-pass filter, two poles without resonance, where its envelope comes to rest."""
    sustain = 1 - min(max(zone.amounts[Generator.MODULATION_SUSTAIN], 0), 1000) / 1000
    cents = zone.amounts[Generator.FILTER_CUTOFF] + sustain * zone.amounts[Generator.MODULATION_TO_CUTOFF]
    if cents >= DEFAULTS[Generator.FILTER_CUTOFF]:
        return data
    cutoff_hz = _ZERO_CENTS_HZ * _octaves(max(cents, _LOWEST_CUTOFF))
    count = (len(data) // _FILTER_BLOCK + 2) * _FILTER_BLOCK
    ratio = 1j * np.fft.rfftfreq(count, 1 / sample_rate) / cutoff_hz
    return np.fft.irfft(np.fft.rfft(data, count) / (1 + math.sqrt(2) * ratio + ratio**2), count)[: len(data)]


def _ended(data: NDArray[np.float64], sample_rate: float, floor_db: float) -> NDArray[np.float64]:
    """Cut a sound where it has fallen by ``floor_db`` for good, and fade what was cut, so that the end is not heard."""
    block = max(1, round(_BLOCK_S * sample_rate))
    padded = np.concatenate((data, np.zeros(-len(data) % block)))
    power = np.mean(padded.reshape(-1, block) ** 2, axis=1)
    heard = np.flatnonzero(power > power.max() * 10.0 ** (-floor_db / 10))
    count = (int(heard[-1]) + 1) * block if len(heard) else 0
    fade = round(_FADE * count) if count < len(data) else min(block, len(data))
    data = data[:count].copy()
    data[len(data) - fade :] *= 0.5 + 0.5 * np.cos(np.pi * (np.arange(fade) + 1) / (fade + 1))
    return data


def _octaves(cents: float) -> float:
    """Give the factor that cents of pitch, or timecents of a second, stand for."""
    return math.exp2(cents / 1200)
