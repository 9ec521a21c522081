"""The index job: read a history, encode, index, calibrate, evaluate, publish."""
