"""Persons that are probably one: blocking keys, similarities, weights, and what is found with them."""
