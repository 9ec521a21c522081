"""What this repository holds itself to that no linter counts: `python -m checks`.

A package of its own, at the top: no part of the product, imports nothing of it, and is not shipped.
"""
