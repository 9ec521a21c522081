"""Row schemas of tools' own logs, a file each."""
