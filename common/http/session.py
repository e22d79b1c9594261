"""`requests` sessions that trust only what they are told to, and know whether a request left."""

import threading
from collections.abc import Mapping, Sequence
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection


class _Sent(threading.local):
    """Whether the current thread's request left this machine. A request never changes threads."""

    flag = False


_sent = _Sent()


def forget_sent() -> None:
    """Call before a request."""
    _sent.flag = False


def was_sent() -> bool:
    """Whether any byte of the request was handed to an open connection of this thread."""
    return _sent.flag


class _PlainConnection(HTTPConnection):
    """Marks the moment after which the server may have acted. A proxy's CONNECT is part of connecting."""

    ready = False

    def connect(self) -> None:
        self.ready = False
        super().connect()
        self.ready = True

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()
        _sent.flag = _sent.flag or self.ready
        super().send(data)


class _TlsConnection(_PlainConnection, HTTPSConnection):
    """As `_PlainConnection`; connected only once the handshake is over."""


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


_POOLS: dict[str, Any] = {"http": _PlainPool, "https": _TlsPool}


class _Adapter(HTTPAdapter):
    """No retries (they would sleep in a leased task: craft B.10); direct to the hosts in `no_proxy`."""

    def __init__(self, pool_size: int, no_proxy: Sequence[str]) -> None:
        self._no_proxy = tuple(entry.strip().lower().lstrip("*.") for entry in no_proxy if entry.strip())
        super().__init__(pool_connections=4, pool_maxsize=pool_size, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs)
        manager.pool_classes_by_scheme = _POOLS
        return manager

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        if self._goes_direct(request.url or ""):
            kwargs["proxies"] = {}
        return super().send(request, *args, **kwargs)

    def _goes_direct(self, url: str) -> bool:
        host = (urlsplit(url).hostname or "").lower()
        return any(host == entry or host.endswith("." + entry) for entry in self._no_proxy)


def build_session(
    ca_bundle: str | None,
    proxies: Mapping[str, str] | None,
    pool_size: int,
    user_agent: str,
    *,
    no_proxy: Sequence[str] = (),
) -> requests.Session:
    """Build a session that several threads may share; nothing of it is changed afterwards.

    `ca_bundle` is a file of trusted certificates, None means certifi's. Neither REQUESTS_CA_BUNDLE, proxy
    variables nor netrc are looked at (`trust_env` off): they would silently override both. Cookies are
    refused, since ServiceNow serialises the requests of one session (servicenow-api 4.5).
    """
    session = requests.Session()
    session.trust_env = False
    session.verify = ca_bundle or True
    session.proxies = dict(proxies or {})
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
    session.headers.update(
        {"User-Agent": user_agent, "Accept": "application/json", "Accept-Encoding": "gzip"}
    )
    adapter = _Adapter(pool_size, no_proxy)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session
