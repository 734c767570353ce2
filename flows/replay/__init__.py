"""Replays: a plan over a log that has happened, into scratch state; what would have come of it, and how two plans differ."""
