"""What music and models are measured by: objective metrics, comparisons with real music, the held-out loss."""
