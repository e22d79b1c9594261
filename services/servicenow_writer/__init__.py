"""Executes decisions on ServiceNow: looks first, reads back what it wrote, settles what is clear."""
