"""Tests, and what they share: `from tests.simulator import Simulator`."""
