"""The queues, by name. Producers and consumers share these constants and nothing else."""

COLLECT_BULK = "collect.bulk"  # units and pages of a run
COLLECT_POLL = "collect.poll"  # what must not wait behind them: starts of runs, polls
MAP = "map"
WRITE = "write"
WRITE_URGENT = "write.urgent"
SCHEDULE = "schedule"

ALL = (COLLECT_BULK, COLLECT_POLL, MAP, WRITE, WRITE_URGENT, SCHEDULE)
