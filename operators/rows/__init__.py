"""Rows of tables and answers as events: a map says which column is what."""
