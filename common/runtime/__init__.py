"""How a service runs: Celery worker, liveness, sweeping, metrics. Nothing happens at import."""
