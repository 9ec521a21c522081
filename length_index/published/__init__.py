"""Where versions of an index are published: a folder, or an object store by URL."""

from length_index.published.published import Published

__all__ = ["Published"]
