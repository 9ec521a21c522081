"""Where versions of an index are published: a folder, or an object store by URL."""

from lengthwise.index.store.published import Published

__all__ = ["Published"]
