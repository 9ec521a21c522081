"""Everything that runs on an NVIDIA GPU, measured in one command that needs no network."""
