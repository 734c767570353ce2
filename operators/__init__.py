"""What happens to a record: one file a step, pure. No clock, environment or network."""
