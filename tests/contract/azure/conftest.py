"""One simulator for the contract tests of the Azure side."""

from collections.abc import Iterator

import pytest

from tests.contract.azure.client import Azure
from tests.simulator import Simulator


@pytest.fixture(scope="session")
def sim() -> Iterator[Simulator]:
    with Simulator(findings=3000, seed=7) as running:
        yield running


@pytest.fixture
def azure(sim: Simulator) -> Iterator[Azure]:
    """A client of a freshly reset world without limits."""
    sim.control("POST", "/reset")
    sim.control("POST", "/limits", {"mode": "none"})
    client = Azure(sim)
    yield client
    client.session.close()
