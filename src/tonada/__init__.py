"""Tonada learns music with neural networks, shows what it learned, and makes new music, as notes and as sound."""
