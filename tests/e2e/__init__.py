"""The whole, in real processes."""
