"""The main job from end to end, for newcomers: `make demo`."""
