"""What learning from notes takes, and what learning from sound takes; everything else about training exists once."""
