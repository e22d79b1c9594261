"""Faults, people and Azure mixed by a seed over the whole product, then an accounting: `make chaos`."""
