"""Tests of scheduler_client."""
