"""Models of ids, one file each."""
