"""Calls of many tasks in few messages."""
