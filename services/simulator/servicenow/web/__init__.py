"""The HTTP side: one handler module per API."""
