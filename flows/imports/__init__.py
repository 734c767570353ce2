"""Data that others made, turned into tracking events."""
