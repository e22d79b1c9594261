"""What people write instead: look up by correlation_id, insert what is not there, one by one."""

from collections import Counter
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

import pysnow
import requests

from tests.simulator import Simulator

TRIES = 3  # after a broken connection it looks and inserts again


def upsert(simulator: Simulator, tickets: Iterable[Mapping[str, str]]) -> Counter[str]:
    """One run of the script; answers how often it found, created, tried again and gave up."""
    session = requests.Session()
    session.trust_env, session.verify = False, simulator.ca
    session.auth = (simulator.servicenow_user, simulator.servicenow_password)
    host = urlsplit(simulator.servicenow).netloc
    told: Counter[str] = Counter()
    with pysnow.Client(host=host, session=session) as client:
        incidents = client.resource(api_path="/table/incident")
        for ticket in tickets:
            for _ in range(TRIES):
                try:
                    told[_upsert_one(incidents, ticket)] += 1
                    break
                except requests.exceptions.ConnectionError:
                    told["again"] += 1
            else:
                told["given up"] += 1
    return told


def _upsert_one(incidents: pysnow.Resource, ticket: Mapping[str, str]) -> str:
    query = {"correlation_id": ticket["correlation_id"]}
    if incidents.get(query=query, fields=["sys_id", "correlation_id"]).all():
        return "found"
    incidents.create(payload=dict(ticket))
    return "created"
