"""The wire contract as Python, one package for each of its versions; generated."""
