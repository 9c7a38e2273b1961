"""Network layers that every kind of model shares."""
