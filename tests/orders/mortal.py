"""A Redis client whose owner dies at a chosen command."""

from typing import Any

import redis
from redis.client import Pipeline

from tests.orders.stepping import Killed


class Life:
    """How many commands are left: `lost` says that the last one is carried out and its answer is lost."""

    def __init__(self, commands: int, *, lost: bool) -> None:
        self.left = commands
        self.lost = lost

    def begin(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise Killed

    def end(self) -> None:
        if self.lost and self.left == 0:
            raise redis.ConnectionError("the answer is lost")


class MortalRedis(redis.Redis):
    """Ends with its life; a pipeline counts as one command."""

    life: Life

    def execute_command(self, *args: Any, **options: Any) -> Any:
        self.life.begin()
        answer = super().execute_command(*args, **options)  # type: ignore[no-untyped-call]
        self.life.end()
        return answer

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> Pipeline:
        pipe = MortalPipeline(self.connection_pool, self.response_callbacks, transaction, shard_hint)
        pipe.life = self.life
        return pipe


class MortalPipeline(Pipeline):
    life: Life

    def execute(self, raise_on_error: bool = True) -> list[Any]:
        self.life.begin()
        answers = super().execute(raise_on_error)
        self.life.end()
        return answers
