"""The published headlines, computed anew on the authors' own data where it exists."""
