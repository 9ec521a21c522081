"""Fine-tunes an encoder on the lengths of a history."""
