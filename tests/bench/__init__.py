"""Numbers, measured on the running stack: `make bench`."""
