"""From scores to verdicts: inference, rulings and descriptions."""
