"""What enters a finding's fingerprint besides its row."""

import hashlib
from collections.abc import Mapping

from common.model.finding import Recommendation


class Salts(dict[str, bytes]):
    """By recommendation, made at first use. With another `seed` every finding is classified anew."""

    def __init__(self, seed: str, recommendations: Mapping[str, Recommendation]) -> None:
        super().__init__()
        self._seed = seed
        self._recommendations = recommendations

    def __missing__(self, name: str) -> bytes:
        text = f"{self._seed}{self._recommendations.get(name.lower())!r}".encode()
        salt = self[name] = hashlib.blake2b(text, digest_size=16).digest()
        return salt
