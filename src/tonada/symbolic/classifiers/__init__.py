"""Small networks that say what a passage of notes is: whose music it is like, whether it is real."""
