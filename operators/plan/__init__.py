"""The plan: its files read and checked into one frozen value."""
