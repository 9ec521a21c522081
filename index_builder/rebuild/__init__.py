"""The rebuild job: takes what is new in a history into the index, if that makes it better."""
