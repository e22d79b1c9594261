"""connections.yaml: what loads, and how mistakes are told."""

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from common.errors import Fatal
from common.settings.connection import ClientSecret, Connection
from common.settings.connections import load_connections
from common.settings.problems import ConfigurationError

TENANT = "11111111-1111-4111-8111-111111111111"
SUBSCRIPTION = "22222222-2222-4222-8222-2222222222AB"


def entry(**changes: Any) -> dict[str, Any]:
    """One good connection."""
    return {
        "id": "contoso",
        "azure": {
            "tenant_id": TENANT,
            "client_id": TENANT,
            "credential": {"kind": "client_secret", "secret": {"file": "azure-secret"}},
        },
        "servicenow": {
            "url": "https://Contoso.service-now.com/",
            "user": "isthmus",
            "auth": {"kind": "client_credentials", "client_id": "x", "client_secret": {"file": "sn-secret"}},
        },
        "scope": {"subscriptions": [SUBSCRIPTION]},
        "rules": "rules.yaml",
        **changes,
    }


def load(directory: Path, *entries: dict[str, Any], check_files: bool = False) -> tuple[Connection, ...]:
    path = directory / "connections.yaml"
    path.write_text(yaml.safe_dump({"version": 1, "connections": list(entries)}, sort_keys=False))
    return load_connections(path, check_files=check_files)


def mistakes(directory: Path, *entries: dict[str, Any], check_files: bool = False) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        load(directory, *entries, check_files=check_files)
    return [str(problem) for problem in caught.value.problems]


def changed(path: str, value: Any) -> dict[str, Any]:
    """A connection with one value changed; `path` is dotted."""
    one = entry()
    node = one
    *parents, last = path.split(".")
    for name in parents:
        node = node[name]
    node[last] = value
    return one


def test_a_good_file_loads_with_its_defaults(tmp_path: Path) -> None:
    """Ids and hosts are normalised, paths count from the file, the schedule is daily."""
    [one] = load(tmp_path, entry())
    assert one.servicenow.url == "https://contoso.service-now.com"
    assert one.scope.subscriptions == (SUBSCRIPTION.lower(),)
    assert one.rules == tmp_path / "rules.yaml"
    assert (one.azure.cloud, one.servicenow.in_flight, one.schedule.text) == ("public", 2, "24h")
    assert one.disclose == "summary"


def test_secrets_are_read_anew_each_time(tmp_path: Path) -> None:
    """A rotated secret takes effect without a restart; a removed one is named, not shown."""
    secret = tmp_path / "azure-secret"
    secret.write_text("first\n")
    [one] = load(tmp_path, entry())
    assert isinstance(one.azure.credential, ClientSecret)
    assert one.azure.credential.secret.read().get_secret_value() == "first"
    secret.write_text("rotated")
    assert one.azure.credential.secret.read().get_secret_value() == "rotated"
    assert "rotated" not in repr(one)
    secret.unlink()
    with pytest.raises(Fatal, match="azure-secret can't be read"):
        one.azure.credential.secret.read()


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        ("id", "Contoso!", "[0].id: must be 1 to 20 of a-z, 0-9 and -"),
        ("azure.cloud", "china", "retired on 2026-08-18; use public or usgov"),
        ("azure.cloud", "mars", "[0].azure.cloud: has a value that is not offered; use 'public' or 'usgov'"),
        ("azure.tenant_id", "x", "[0].azure.tenant_id: is no UUID"),
        ("azure.credential.secret", "hunter2", "credential.secret: must not stand in this file"),
        ("azure.credential.secret", {"value": "hunter2"}, "credential.secret: must not stand in this file"),
        ("azure.credential.secret", {}, "must name one place; write {env: NAME} or {file: PATH}"),
        ("azure.credential.kind", "magic", "[0].azure.credential: has a kind that is not offered"),
        ("azure.client_id", None, "[0].azure: credential kind client_secret needs a client"),
        ("azure.authorty", "https://x", "authorty: is not known; did you mean 'authority'?"),
        ("servicenow.url", "http://x", "[0].servicenow.url: must begin with https://"),
        ("servicenow.url", "https://u:hunter2@x", "[0].servicenow.url: must be a bare address"),
        ("servicenow.url", "https://x/nav", "[0].servicenow.url: must be a bare address"),
        ("servicenow.auth", {"kind": "basic", "password": {"env": "P"}}, "add `allow_basic: true`"),
        ("servicenow.in_flight", 0, "[0].servicenow.in_flight: must be greater than or equal to 1"),
        ("scope", {}, "[0].scope: names nothing to read"),
        ("scope.exclude", [SUBSCRIPTION], "names and excludes"),
        ("schedule", 24, "[0].schedule: must be text"),
        ("schedule", "daily", "[0].schedule: is no schedule"),
        ("schedule", "1m", "[0].schedule: is shorter than 5 minutes"),
        ("disclose", "all", "use 'summary' or 'full'"),
    ],
)
def test_a_mistake_is_named_with_its_mend(tmp_path: Path, path: str, value: Any, told: str) -> None:
    """File, line and path, what is wrong and what to do; a secret is never repeated."""
    [problem] = mistakes(tmp_path, changed(path, value))
    assert told in problem
    assert problem.startswith("connections.yaml:")
    assert "hunter2" not in problem


def test_all_mistakes_come_at_once_with_their_lines(tmp_path: Path) -> None:
    """Two broken connections and a wrong version: one list, in the file's order."""
    (tmp_path / "connections.yaml").write_text(
        "version: 2\nconections: []\nconnections:\n- id: A\n  scope: {}\n- id: b\n  id: b\n  rules: 3\n"
    )
    with pytest.raises(ConfigurationError) as caught:
        load_connections(tmp_path / "connections.yaml")
    found = {(problem.line, problem.path) for problem in caught.value.problems}
    assert {
        (1, "version"),
        (2, "conections"),
        (4, "connections[0].id"),
        (4, "connections[0].azure"),
        (5, "connections[0].scope"),
        (7, "connections[1].id"),
        (8, "connections[1].rules"),
    } <= found
    lines = [problem.line for problem in caught.value.problems]
    assert lines == sorted(lines)


def test_absent_files_and_secrets_are_mistakes(tmp_path: Path) -> None:
    """What the file names must be there; a disabled connection's may be missing."""
    os.environ.pop("NOT_SET", None)
    found = mistakes(tmp_path, changed("azure.credential.secret", {"env": "NOT_SET"}), check_files=True)
    assert len(found) == 3
    assert any("the environment variable NOT_SET is empty or not set" in text for text in found)
    assert any("rules: names the file" in text for text in found)
    assert load(tmp_path, entry(enabled=False), check_files=True)


def test_two_connections_may_not_claim_a_subscription_for_one_instance(tmp_path: Path) -> None:
    """Else a finding would have two tickets; another instance, or a disabled connection, is fine."""
    [problem] = mistakes(tmp_path, entry(), entry(id="second"))
    assert "is claimed by connection 'contoso' for the same instance" in problem
    other = changed("servicenow.url", "https://other.service-now.com")
    assert len(load(tmp_path, entry(), other | {"id": "second"})) == 2
    assert len(load(tmp_path, entry(), entry(id="second", enabled=False))) == 2


def test_an_id_stands_once(tmp_path: Path) -> None:
    """The id is part of every ticket's correlation_id."""
    other = changed("servicenow.url", "https://other.service-now.com")
    [problem] = mistakes(tmp_path, entry(), other)
    assert "'contoso' is taken" in problem


@pytest.mark.parametrize(
    "text", ["", "- a", "a: [", "version: 1", "a: 1\n---\nb: 2", "a: !!python/object:x 1"]
)
def test_nonsense_is_told_not_thrown(tmp_path: Path, text: str) -> None:
    """Whatever stands in the file, the answer is a ConfigurationError with a sentence."""
    path = tmp_path / "connections.yaml"
    path.write_text(text)
    with pytest.raises(ConfigurationError):
        load_connections(path)


def test_an_absent_file_is_told_with_its_mend(tmp_path: Path) -> None:
    """The setting that names the directory is the mend."""
    with pytest.raises(ConfigurationError, match="set ISTHMUS_CONFIG_DIR"):
        load_connections(tmp_path / "connections.yaml")
