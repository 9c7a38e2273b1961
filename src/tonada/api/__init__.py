"""One function per command, one to one; the command line and the web page call only these."""

from __future__ import annotations

import os

# torch reads it once, when it is imported; without it idle threads spin, and on busy cores composing is many times
# slower.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
