"""Units that options are counted in."""

MIB = 2**20
