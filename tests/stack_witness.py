"""What should stand in ServiceNow, by the tests' own model of rules and world, beside what does.

Independent of the product: it reads the simulator's ground truth and raw records, parses footers by itself,
and remembers which ticket a finding has, since a finding stays with its open ticket.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tests.stack_rules import MODEL, ModelRule, Row

Record = Mapping[str, str]
Key = tuple[str, tuple[str, ...]]  # rule id, grouping values in the rule's order

_ENDED = ("6", "7", "8")
_LEAVE_CODES = ("duplicate", "user error")
_OPEN = re.compile(r"^Open: (\d+) of \d+", re.MULTILINE)
_HEAD = re.compile(r"^\[isthmus\] connection=(\S+) rule=(\S+) generation=(\d+)$", re.MULTILINE)
_VALUE = re.compile(r"^\[isthmus\] [\w:-]+=(.*?)(?: \| .*)?$", re.MULTILINE)


@dataclass(slots=True)
class Accounting:
    """Groups due a ticket, and how they stand. `problems` has a sentence for each that is not right."""

    attempted: int = 0
    ok: int = 0
    duplicated: int = 0
    lost: int = 0
    unknown: int = 0
    wrong: int = 0
    overwritten: int = 0
    problems: list[str] = field(default_factory=list)
    keys: list[Key] = field(default_factory=list)  # of the groups that are not right

    @property
    def right(self) -> bool:
        return self.attempted == self.ok and not self.problems and not self.unknown

    def line(self) -> str:
        names = ("attempted", "ok", "duplicated", "lost", "unknown", "wrong", "overwritten")
        return "accounting: " + " ".join(f"{name}={getattr(self, name)}" for name in names)

    def __str__(self) -> str:
        return "\n".join([self.line(), *self.problems[:20]])


@dataclass(slots=True)
class Due:
    """What the findings of one group ask for. `doubtful`: not open, but no evidence of a fix either."""

    open: int = 0
    doubtful: int = 0
    below: bool = False


class Witness:
    """One connection's model. `judge` is called when nothing moves; it learns who is whose member."""

    def __init__(self, connection: str, rules: Sequence[ModelRule] = MODEL) -> None:
        self._connection = connection
        self._rules = {rule.id: rule for rule in rules}
        self._member: dict[str, Key] = {}
        self._key_of: dict[str, Key] = {}  # sys_id -> the footer as it was first seen
        self._newest: dict[Key, str] = {}  # the sys_id of a group's latest ticket
        self._left: set[Key] = set()
        self._doubted: set[Key] = set()
        self._uncertain: set[Key] = set()
        self._edits: dict[str, dict[str, str]] = {}

    def approved(self, rules: Sequence[ModelRule]) -> None:
        """Other rules are in force; findings stay with the open tickets that they have."""
        self._rules = {rule.id: rule for rule in rules}

    # what people did

    def edited(self, sys_id: str, fields: Mapping[str, str]) -> None:
        """A person wrote this; it must stand for ever."""
        self._edits.setdefault(sys_id, {}).update(fields)

    def left_alone(self, sys_ids: Iterable[str]) -> None:
        """A person deleted these tickets: groups that lost their latest one get none."""
        for sys_id in sys_ids:
            self._edits.pop(sys_id, None)
            key = self._key_of.get(sys_id)
            if key is not None and self._newest[key] == sys_id:
                self._left.add(key)

    # what a loss of Redis leaves open

    def doubt(self, rows: Iterable[Row]) -> None:
        """These findings vanish: until a run has settled that, Redis alone knows whose they were."""
        self._doubted |= self._keys_of(rows)

    def settled(self) -> None:
        """A complete run has seen the world as it is."""
        self._doubted.clear()

    def lost(self, rows: Iterable[Row]) -> None:
        """Redis was lost. Nobody knows now whose a finding is that is neither open nor fixed, or vanished.

        The tickets of such groups may be held; a group whose ticket was deleted may get another one.
        """
        unclear = self._keys_of(row for row in rows if row["code"] == "NotApplicable")
        self._uncertain |= self._doubted | self._left | unclear
        self._doubted.clear()
        self._left.clear()

    def _keys_of(self, rows: Iterable[Row]) -> set[Key]:
        keys = (self._member.get(str(row["id"]).lower()) or self._classified(row) for row in rows)
        return {key for key in keys if key is not None}

    # judging

    def learn(self, records: Iterable[Record]) -> None:
        """See whose tickets these are, before anybody deletes them or their text."""
        self._by_key(records)

    def expected(self, rows: Iterable[Row], records: Iterable[Record]) -> dict[Key, Due]:
        """What each group is due, by the world as it is."""
        return self._due(list(rows), self._by_key(records))

    def judge(self, rows: Iterable[Row], records: Iterable[Record]) -> Accounting:
        """Compare every group and ticket."""
        tickets = self._by_key(records)
        due = self._due(list(rows), tickets)
        found = Accounting()
        for key in sorted(due.keys() | tickets.keys()):
            owed = due.get(key, Due())
            if key not in tickets and (owed.open == 0 or owed.below):
                continue
            found.attempted += 1
            self._judge_group(found, key, owed, tickets.get(key, []))
        return found

    def key_of(self, ticket: Record) -> Key:
        """The group of a ticket, by its footer as it was first seen."""
        return self._key_of.get(ticket["sys_id"]) or _footer_key(ticket)

    def open_members(self, rows: Iterable[Row]) -> dict[Key, list[Row]]:
        """The unhealthy findings of each group, as of the last judging."""
        found: dict[Key, list[Row]] = defaultdict(list)
        for row in rows:
            key = self._member.get(str(row["id"]).lower())
            if key is not None and row["code"] == "Unhealthy":
                found[key].append(row)
        return dict(found)

    def _judge_group(self, found: Accounting, key: Key, owed: Due, tickets: list[Record]) -> None:
        still_open = [t for t in tickets if t["state"] not in _ENDED]
        before = len(found.problems)
        overwritten = [problem for t in tickets for problem in self._overwritten(t)]
        found.overwritten += bool(overwritten)
        found.problems += overwritten
        if len(still_open) > 1:
            found.duplicated += len(still_open) - 1
            found.problems.append(f"{key}: {len(still_open)} open tickets: {[_name(t) for t in still_open]}")
        elif key in self._uncertain:
            pass
        elif key in self._left or (tickets and _leave(tickets[-1])):
            self._expect_none(found, key, still_open, "a person wants it left alone")
        elif owed.open and not still_open:
            found.lost += 1
            stand = [f"{_name(t)} state {t['state']}" for t in tickets]
            found.problems.append(f"{key}: {owed.open} findings open, no open ticket; there are {stand}")
        elif owed.open:
            self._expect_count(found, key, owed.open, still_open[0])
        elif not owed.doubtful:
            self._expect_none(found, key, still_open, "nothing is open any more")
        if len(found.problems) == before:
            found.ok += 1
        else:
            found.keys.append(key)

    def _expect_none(self, found: Accounting, key: Key, still_open: list[Record], why: str) -> None:
        if still_open:
            found.wrong += 1
            found.problems.append(f"{key}: {_name(still_open[0])} is open, but {why}")

    def _expect_count(self, found: Accounting, key: Key, count: int, ticket: Record) -> None:
        if "description" in self._edits.get(ticket["sys_id"], {}):
            return
        told = _OPEN.search(ticket["description"])
        if told is None or int(told[1]) != count:
            found.wrong += 1
            says = told[0] if told else "nothing"
            found.problems.append(f"{key}: {count} findings open, {_name(ticket)} says {says!r}")

    def _overwritten(self, ticket: Record) -> list[str]:
        wanted = self._edits.get(ticket["sys_id"], {})
        return [
            f"{_name(ticket)}: a person's {name} {value!r} became {ticket[name]!r}"
            for name, value in wanted.items()
            if ticket[name] != value
        ]

    # the model

    def _by_key(self, records: Iterable[Record]) -> dict[Key, list[Record]]:
        """Our tickets by group, the oldest generation first."""
        found: dict[Key, list[Record]] = defaultdict(list)
        for record in records:
            if not record["correlation_id"].startswith(f"isth:{self._connection}:"):
                continue
            key = self._key_of[record["sys_id"]] = self.key_of(record)
            found[key].append(record)
        for key, tickets in found.items():
            tickets.sort(key=lambda t: int(t["correlation_id"].rpartition(":")[2]))
            self._newest[key] = tickets[-1]["sys_id"]
        return dict(found)

    def _due(self, rows: list[Row], tickets: Mapping[Key, list[Record]]) -> dict[Key, Due]:
        due: dict[Key, Due] = defaultdict(Due)
        joining: dict[str, Key] = {}
        for row in rows:
            name = str(row["id"]).lower()
            key = self._sticking(name, tickets)
            if key is None:
                key = self._classified(row)
                if key is not None and row["code"] == "Unhealthy":
                    joining[name] = key
            if key is None:
                continue
            due[key].open += row["code"] == "Unhealthy"
            due[key].doubtful += row["code"] == "NotApplicable"
        for key, owed in due.items():
            owed.below = key not in tickets and owed.open < self._rules[key[0]].at_least
        # A group without a ticket holds nobody: its findings are classified anew the next time.
        self._member.update((name, key) for name, key in joining.items() if not due[key].below)
        return dict(due)

    def _sticking(self, name: str, tickets: Mapping[Key, list[Record]]) -> Key | None:
        key = self._member.get(name)
        if key is None or key not in tickets or tickets[key][-1]["state"] in ("7", "8"):
            return None
        return key

    def _classified(self, row: Row) -> Key | None:
        if row["preview"]:
            return None
        rule = next((rule for rule in self._rules.values() if rule.takes(row)), None)
        if rule is None or not rule.group:
            return None
        return rule.id, tuple(read(row) for _, read in rule.group)


def groups_by_rule(due: Mapping[Key, Due]) -> Counter[str]:
    """How many tickets each rule is due."""
    return Counter(key[0] for key, owed in due.items() if owed.open and not owed.below)


def _leave(ticket: Record) -> bool:
    return ticket["state"] == "8" or (
        ticket["state"] in ("6", "7") and ticket["close_code"].lower() in _LEAVE_CODES
    )


def _name(ticket: Record) -> str:
    return ticket["number"] or ticket["sys_id"]


def _footer_key(record: Record) -> Key:
    head = _HEAD.search(record["description"])
    assert head is not None, f"{_name(record)} has no footer:\n{record['description'][-600:]}"
    return head[2], tuple(match[1] for match in _VALUE.finditer(record["description"], head.end()))
