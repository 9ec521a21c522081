"""Hostile callers against the service."""
