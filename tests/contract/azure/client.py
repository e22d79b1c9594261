"""ARM and Resource Graph over plain requests, and the collector's kind of query."""

from collections.abc import Mapping
from typing import Any

import requests

from tests.simulator import Simulator

PAGE = """securityresources
| where type =~ 'microsoft.security/assessments'
| project id, name, subscriptionId, resourceGroup, code = properties.status.code,
  risk = properties.risk.level, title = properties.displayName
| order by id asc"""


class Azure:
    """ARM and Resource Graph over plain requests."""

    def __init__(self, sim: Simulator) -> None:
        self.sim = sim
        self.session = sim.session()
        self.session.headers.update(sim.azure_headers())

    def query(self, query: str, options: Mapping[str, Any] | None = None, **scope: Any) -> requests.Response:
        body = {
            "query": query,
            "options": {"$top": 1000, "resultFormat": "objectArray", **(options or {})},
            **scope,
        }
        return self.post(body)

    def post(self, body: Any, version: str = "2022-10-01") -> requests.Response:
        url = f"{self.sim.azure}/providers/Microsoft.ResourceGraph/resources?api-version={version}"
        return self.session.post(url, json=body, timeout=30)

    def rows(
        self, query: str, options: Mapping[str, Any] | None = None, **scope: Any
    ) -> list[dict[str, Any]]:
        """All pages."""
        found: list[dict[str, Any]] = []
        given = dict(options or {})
        while True:
            response = self.query(query, given, **scope)
            assert response.status_code == 200, response.text
            answer = response.json()
            found += answer["data"]
            if "$skipToken" not in answer:
                return found
            given["$skipToken"] = answer["$skipToken"]

    def get(self, path: str, version: str, **query: str) -> requests.Response:
        return self.session.get(
            f"{self.sim.azure}{path}", params={"api-version": version, **query}, timeout=30
        )

    def details(self, response: requests.Response) -> list[str]:
        """The codes in `error.details`."""
        return [detail["code"] for detail in response.json()["error"]["details"]]
