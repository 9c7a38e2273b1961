"""Music as notes: scores, tokenizers, models, sampling, evaluation."""
