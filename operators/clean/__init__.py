"""Cleaning: what a person says, in the one form in which it can be compared. One kind of value a file; `clean` puts them to events."""
