"""The library: nouns, scheduling, the index, the history. No process, no command."""
