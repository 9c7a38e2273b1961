"""The page that ``explore`` writes: one HTML file with maps, figures, pictures and sounds; nothing from elsewhere."""
