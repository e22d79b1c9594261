"""Every order of a few workers over the real scripts on a real Redis; `make chaos` plays all of them."""
