"""Latents of sound: making, editing, drawing and analysing them."""
