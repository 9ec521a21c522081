"""Past requests and their lengths: read from files, kept in a database."""
