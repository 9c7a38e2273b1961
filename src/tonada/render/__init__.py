"""What joins notes and sound, and pictures of both."""
