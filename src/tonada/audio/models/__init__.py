"""Networks that learn sound, one file each."""
