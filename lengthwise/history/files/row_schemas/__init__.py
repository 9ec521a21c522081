"""The ways in which logs write down a prompt and the length of its answer, a file for each."""
