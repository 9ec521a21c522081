"""Who may call what: TLS, and bearer tokens for each class of methods."""
