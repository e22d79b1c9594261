"""The sweeper never dies."""

import threading

from prometheus_client import generate_latest

from common.observe.metrics import Metrics
from common.runtime.sweeper import Sweeper


def test_it_goes_on_whatever_the_sweep_raises() -> None:
    """Failures are counted, and the next sweep comes."""
    calls: list[int] = []
    enough = threading.Event()

    def sweep() -> None:
        calls.append(1)
        if len(calls) < 4:
            raise RuntimeError("away")
        enough.set()

    metrics = Metrics("mapper")
    sweeper = Sweeper(sweep, 0.01, metrics)
    sweeper.start()
    assert enough.wait(10)
    sweeper.stop()
    shown = generate_latest(metrics.registry).decode()
    assert 'isthmus_sweeps_total{outcome="failed"} 3.0' in shown


def test_it_stops_without_waiting_for_the_interval() -> None:
    """A stop does not wait for the next sweep."""
    sweeper = Sweeper(lambda: None, 3600, Metrics("mapper"))
    sweeper.start()
    sweeper.stop(wait=5)
    assert not sweeper._thread.is_alive()


def test_a_stop_before_the_start_is_harmless() -> None:
    """A service that fails while starting is still closed in order."""
    Sweeper(lambda: None, 1, Metrics("mapper")).stop()
