"""Rows of CRMs and other systems, asked for from time to time."""
