"""Make the fingerprint that originality is checked with, from a prepared data set.

The one that Tonada ships is of MAESTRO v3.0.0's training split, which ``tonada prepare`` cleared of works that the
validation and test splits have::

    tonada prepare maestro-v3.0.0-midi.zip -o DATA
    python tools/make_fingerprint.py DATA --corpus "the MAESTRO recordings that Tonada learned from"

The same data set gives the same bytes, whatever the number of processes; their SHA-256 is printed. A fingerprint is
derived from its music: it goes under the music's licence.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tonada.data import Dataset
from tonada.errors import TonadaError
from tonada.hashing import file_sha256
from tonada.symbolic.originality.building import build_fingerprint
from tonada.symbolic.originality.fingerprint import shipped_path
from tonada.workers import available_cores

LARGEST_BYTES = 10_000_000


def main() -> int:
    """Write the fingerprint; print its size and SHA-256."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder that prepare wrote")
    parser.add_argument("--corpus", required=True, help="what it is, as a sentence names it")
    parser.add_argument("--split", default="train", help="default: train")
    parser.add_argument("--jobs", type=int, default=available_cores(), help="processes; default: as many as cores")
    parser.add_argument("-o", "--output", type=Path, default=shipped_path(), help="default: the package's own")
    arguments = parser.parse_args()
    try:
        dataset = Dataset(arguments.data)
        dataset.verify()
        made = build_fingerprint(dataset, corpus=arguments.corpus, split=arguments.split, jobs=arguments.jobs)
        made.save(arguments.output)
    except TonadaError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    size = arguments.output.stat().st_size
    print(f"{arguments.output}: {len(made.sources)} pieces, {made.starts[-1]} notes, {made.work_count} works")
    print(f"{size} bytes, SHA-256 {file_sha256(arguments.output)}")
    if size > LARGEST_BYTES:
        sys.stderr.write(f"more than the {LARGEST_BYTES} bytes that may be shipped\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
