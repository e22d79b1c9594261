"""Builds of the product with one safeguard taken out: chaos must catch each, else it proves nothing."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from tests.simulator import ROOT

_COPIED = ("common", "services", "deploy")
Patch = tuple[str, str, str]  # file, what stands there once, what takes its place

SABOTAGES: Mapping[str, tuple[Patch, ...]] = {
    # A create is sent without a look at what is there already.
    "lookup": (
        (
            "services/servicenow_writer/looking.py",
            "    if tried:\n        return True, True\n",
            "    return False, False\n",
        ),
    ),
    # Whoever worked before Redis was lost goes on after it.
    "epoch": (
        (
            "common/state/lua/fence.lua",
            "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return redis.error_reply('STALE epoch') end\n",
            "",
        ),
        (
            "services/servicenow_writer/stage.py",
            "if standing.fence != Fence(todo[0].order.epoch, todo[0].order.run):",
            "if standing.fence.run != todo[0].order.run:",
        ),
        (
            "services/servicenow_writer/stage.py",
            "if Fence(job.order.epoch, job.order.run) != fence]",
            "if job.order.run != fence.run]",
        ),
    ),
    # A unit is taken for whole however its counts differ, and what it does not show for fixed.
    "completeness": (
        ("services/mapper/stage_map.py", "        exact = self._exact()\n", "        exact = True\n"),
        (
            "services/mapper/staging.py",
            "                tally.ask.append(record)\n                yield missing(record)\n",
            "                yield missing(record)._replace(standing=0)\n",
        ),
    ),
}


def sabotaged(name: str, directory: Path) -> Path:
    """A copy of the product without the safeguard. Raises AssertionError when the code is not as expected."""
    for part in _COPIED:
        shutil.copytree(ROOT / part, directory / part, ignore=shutil.ignore_patterns("__pycache__"))
    for file, before, after in SABOTAGES[name]:
        path = directory / file
        text = path.read_text()
        assert text.count(before) == 1, f"{file} holds {before!r} {text.count(before)} times"
        path.write_text(text.replace(before, after))
    return directory
