"""What ``ship_model.py`` is made of: the card of a model of notes, that of a model of sound, and who must be named."""
