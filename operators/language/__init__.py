"""The rule language: parse, check, compile to slots."""
