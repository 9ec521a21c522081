"""Requests and answers as logs tell of them, between a tool's row and a record."""
