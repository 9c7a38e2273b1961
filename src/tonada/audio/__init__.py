"""Music as sound: clips, transforms, models, metrics."""
