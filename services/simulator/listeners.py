"""Four HTTPS listeners, one for each face."""

import ipaddress
import ssl
from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web

FACES = ("azure", "login", "servicenow", "control")
_EVERYWHERE = "0.0.0.0"  # noqa: S104 - only where the operator names a host, as a container does


@dataclass(frozen=True, slots=True)
class Address:
    """Where to bind, the name that goes into URLs, and all names for the certificate."""

    bind: str
    name: str
    names: tuple[str, ...]


def address_of(hosts: list[str]) -> Address:
    """`--host` values: the first IP address is bound; names without an address bind everywhere.

    No value means loopback only. `localhost` and 127.0.0.1 are always in the certificate.
    """
    addresses = [host for host in hosts if _is_ip(host)]
    names = [host for host in hosts if not _is_ip(host)]
    if addresses:
        bind = addresses[0]
    elif set(names) <= {"localhost"}:
        bind = "127.0.0.1"
    else:
        bind = _EVERYWHERE
    reachable = [host for host in hosts if host not in {_EVERYWHERE, "::"}]
    name = reachable[0] if reachable else "localhost" if hosts else "127.0.0.1"
    return Address(bind, name, tuple(dict.fromkeys([name, *reachable, "localhost", "127.0.0.1"])))


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


async def listen(
    applications: Mapping[str, web.Application], address: Address, port: int, context: ssl.SSLContext
) -> tuple[list[web.AppRunner], dict[str, str]]:
    """Start all faces on free ports (port 0) or four from `port` on; returns runners and base URLs.

    Raises OSError when a port is taken.
    """
    runners: list[web.AppRunner] = []
    urls: dict[str, str] = {}
    for offset, face in enumerate(FACES):
        # A client that gives up must not cancel a commit: a real server goes on, too.
        runner = web.AppRunner(
            applications[face], handler_cancellation=False, access_log=None, shutdown_timeout=0.2
        )
        await runner.setup()
        wanted = port + offset if port else 0
        await web.TCPSite(runner, address.bind, wanted, ssl_context=context, backlog=512).start()
        runners.append(runner)
        name = f"[{address.name}]" if ":" in address.name else address.name
        urls[face] = f"https://{name}:{runner.addresses[0][1]}"
    return runners, urls


async def close(runners: list[web.AppRunner]) -> None:
    """Stop listening and drop what is still open."""
    for runner in runners:
        await runner.cleanup()
