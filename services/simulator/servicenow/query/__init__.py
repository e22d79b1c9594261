"""Encoded queries: parsing, conditions, dates, and running them over the store."""
