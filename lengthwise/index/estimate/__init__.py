"""From the lengths of similar prompts to a calibrated distribution."""
