"""The dictionary: which tables and columns there are, how long, with which choices."""
