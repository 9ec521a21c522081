"""A build on Ray beside a local build, and long histories."""
