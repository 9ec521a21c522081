"""From rows of a history to an artifact."""
