"""What each policy would give on a user's own traffic, from a log of theirs."""
