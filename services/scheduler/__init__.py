"""Beat: what runs when. It only sends; whether a run may start is decided by the collector."""
