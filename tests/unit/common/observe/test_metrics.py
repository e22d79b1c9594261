"""Metrics: names, zeros and values read at scrape."""

import re
from collections.abc import Iterable

import pytest
import requests
from prometheus_client import generate_latest

from common.observe import names
from common.observe.metrics import Metrics, Sample


def text(metrics: Metrics) -> list[str]:
    return generate_latest(metrics.registry).decode().splitlines()


def test_what_can_be_known_beforehand_starts_at_zero() -> None:
    """Else the first failure would be no increase that an alert sees."""
    shown = text(Metrics("collector", connections=["c"]))
    for line in (
        'isthmus_decisions_total{outcome="created",reason="none"} 0.0',
        'isthmus_requests_total{code_class="429",side="servicenow"} 0.0',
        'isthmus_workers_consuming{service="servicenow_writer"} 0.0',
        'isthmus_duplicates_found_total{connection="c"} 0.0',
        'isthmus_runs_total{connection="c",status="partial"} 0.0',
    ):
        assert line in shown


def test_two_processes_worth_of_metrics_do_not_meet() -> None:
    """Each Metrics has its own registry."""
    one, other = Metrics("collector"), Metrics("mapper")
    one.count(names.DECISIONS, "created", "new")
    assert 'isthmus_decisions_total{outcome="created",reason="new"} 1.0' in text(one)
    assert not any('reason="new"' in line for line in text(other))


def test_stored_values_are_read_at_each_scrape() -> None:
    """A value from Redis is never older than the scrape."""
    held = [1.0]

    def scrape() -> Iterable[Sample]:
        yield Sample(names.HELD, held[0], ("c",))

    metrics = Metrics("collector")
    metrics.read_at_scrape(scrape)
    assert 'isthmus_held{connection="c"} 1.0' in text(metrics)
    held[0] = 5
    assert 'isthmus_held{connection="c"} 5.0' in text(metrics)


def test_a_scrape_without_redis_serves_the_rest() -> None:
    """Stored series are absent rather than old, and the failure is counted."""

    def scrape() -> Iterable[Sample]:
        yield Sample(names.HELD, 1, ("c",))
        raise ConnectionError

    metrics = Metrics("collector")
    metrics.read_at_scrape(scrape)
    text(metrics)
    shown = text(metrics)
    assert not any(line.startswith("isthmus_held{") for line in shown)
    assert any(re.fullmatch(r"isthmus_scrape_failures_total [12]\.0", line) for line in shown)


def test_it_is_served_over_http() -> None:
    """The endpoint takes a free port for 0 and ends when closed."""
    server = Metrics("collector").serve("127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.port}/metrics"
    assert "isthmus_build_info" in requests.get(url, timeout=5).text
    server.close()


def test_names_and_labels_keep_to_the_book() -> None:
    """Prefix, unit suffixes, help, and no label of unbounded size."""
    words = (
        "version service stage outcome reason connection status table field kind side code_class"
        " ledger queue type priority state"
    )
    allowed = frozenset(words.split(" "))
    for metric in names.ALL:
        assert re.fullmatch(r"isthmus_[a-z_]+", metric.name)
        assert metric.name.endswith("_total") == (metric.kind == "counter"), metric.name
        assert metric.kind != "histogram" or metric.name.endswith("_seconds")
        assert set(metric.labels) <= allowed, metric.name
        assert metric.help.endswith(".")
    assert len({metric.name for metric in names.ALL}) == len(names.ALL)


def test_a_wrong_label_count_is_refused() -> None:
    """A caller that forgets a label hears of it."""
    with pytest.raises(ValueError, match="label"):
        Metrics("collector").count(names.DECISIONS, "created")
