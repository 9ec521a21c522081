"""What goes wrong in the testbed."""


class TestbedError(Exception):
    """The testbed cannot do what was asked; the message says what to do."""

    __test__ = False  # pytest takes it for a class of tests otherwise
