"""docs/metrics.md says what the metrics are."""

from pathlib import Path

import pytest

from common.observe import names

DOCUMENT = (Path(__file__).resolve().parents[4] / "docs" / "metrics.md").read_text()


@pytest.mark.parametrize("metric", names.ALL, ids=lambda metric: metric.name)
def test_every_metric_is_documented_as_it_is(metric: names.Metric) -> None:
    """Name, kind, labels, origin and help of each metric stand in its row."""
    origin = "Redis" if metric.stored else "process"
    row = f"| `{metric.name}` | {metric.kind} | {', '.join(metric.labels)} | {origin} | {metric.help} |"
    assert row in DOCUMENT
