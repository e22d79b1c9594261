"""Tokens planted in names, by which the ledger knows what a ticket is about, whatever its mark says."""

import random

_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"


def token(kind: str, rng: random.Random) -> str:
    """`tk` + r recommendation, s subscription, a cloud account or c resource + 8 characters."""
    return f"tk{kind}{''.join(rng.choices(_ALPHABET, k=8))}"
