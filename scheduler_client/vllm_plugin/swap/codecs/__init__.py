"""How a block becomes a row of bytes in the host's memory, and a row a block again."""
