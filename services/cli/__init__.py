"""The `isthmus` command: what it reads and does is in common/operate, how it looks is here."""
