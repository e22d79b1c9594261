"""Fixtures for every test."""

pytest_plugins = ["tests.redis_server"]
