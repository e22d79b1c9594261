"""What befalls a service that was caught at a point."""

import random
import signal
import time
from collections.abc import Callable, Mapping

from common.operate.starting import ALREADY_RUNNING
from common.state import keys
from tests.chaos.healing import Healing
from tests.chaos.pace import Pace
from tests.chaos.points import Caught
from tests.stack import CONNECTION, Stack

Strike = Callable[[Stack, Pace, Healing, str, Caught, random.Random], None]


def kill(stack: Stack, pace: Pace, healing: Healing, who: str, caught: Caught, rng: random.Random) -> None:
    """SIGKILL. What it sent may be carried out all the same, or never reach the other side."""
    del pace
    in_hand = healing.in_hand()
    stack.services[who].send(signal.SIGKILL)
    healing.began("SIGKILL", in_hand)
    caught.release(drop=rng.random() < 0.5)


def terminate(
    stack: Stack, pace: Pace, healing: Healing, who: str, caught: Caught, rng: random.Random
) -> None:
    """SIGTERM: it ends what it has begun."""
    del pace, rng
    in_hand = healing.in_hand()
    stack.services[who].send(signal.SIGTERM)
    healing.began("SIGTERM", in_hand)
    caught.release(drop=False)


def stop(stack: Stack, pace: Pace, healing: Healing, who: str, caught: Caught, rng: random.Random) -> None:
    """SIGSTOP for longer than a lease: others take over, then it wakes up in the middle of its sentence."""
    del rng
    in_hand = healing.in_hand()
    service = stack.services[who]
    service.send(signal.SIGSTOP)
    healing.began("SIGSTOP", in_hand)
    caught.release(drop=False)
    time.sleep(pace.returned + 1)
    service.send(signal.SIGCONT)


def deploy(stack: Stack, pace: Pace, healing: Healing, who: str, caught: Caught, rng: random.Random) -> None:
    """Every service is asked to end, and a new one takes its place."""
    del pace, who, rng
    in_hand = healing.in_hand()
    for service in stack.services.values():
        if service.alive:
            service.send(signal.SIGTERM)
    healing.began("deploy", in_hand)
    caught.release(drop=False)


def supersede(
    stack: Stack, pace: Pace, healing: Healing, who: str, caught: Caught, rng: random.Random
) -> None:
    """It stands still while its run gives way to another one, and wakes up when that one has ended."""
    del rng
    service = stack.services[who]
    service.send(signal.SIGSTOP)
    caught.release(drop=False)
    in_hand = healing.in_hand()
    run = _another(stack)
    healing.began("superseded", in_hand)
    stack.finish(run, seconds=pace.patience)
    service.send(signal.SIGCONT)


def _another(stack: Stack) -> str:
    """A run in the place of the one under way: one that made no progress for 15 minutes may be replaced."""
    while True:
        stack.client.hset(keys.connection(CONNECTION), "progress", "0")
        run = stack.begin()
        if stack.runs().record(run).get("reason") != ALREADY_RUNNING:  # the others moved it on just now
            return run


STRIKES: Mapping[str, Strike] = {
    "SIGKILL": kill,
    "SIGTERM": terminate,
    "SIGSTOP": stop,
    "deploy": deploy,
    "superseded": supersede,
}
