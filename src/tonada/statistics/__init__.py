"""Statistics that notes and sound share: intervals, and distances between two sets of vectors."""
