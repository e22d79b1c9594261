"""`python -m services.simulator`: start both clouds, print one JSON line, serve until SIGTERM or SIGINT."""

import argparse
import asyncio
import gc
import signal
import sys
import tempfile
from pathlib import Path

import msgspec

from services.simulator import tls
from services.simulator.app import assemble
from services.simulator.listeners import FACES, address_of, close, listen
from services.simulator.options import Limits, azure_options, servicenow_options
from services.simulator.ready import Ready, ready

_LAST_PORT = 65535 - len(FACES) + 1


class Arguments(argparse.Namespace):
    """The command line, typed."""

    port: int
    findings: int
    seed: int
    load: Path | None
    limits: Limits
    ca_dir: Path | None
    host: list[str]


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= _LAST_PORT:
        raise argparse.ArgumentTypeError(f"{port} is not between 0 and {_LAST_PORT}")
    return port


def _directory(text: str) -> Path:
    if not Path(text).is_dir():
        raise argparse.ArgumentTypeError(f"{text} is no directory")
    return Path(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m services.simulator", description=__doc__)
    parser.add_argument("--port", type=_port, default=0, help="first of four ports; 0 takes free ones")
    parser.add_argument(
        "--findings", type=int, default=2000, metavar="N", help="assessment rows of every status"
    )
    parser.add_argument(
        "--seed", type=int, default=1, metavar="S", help="same seed, same world and credentials"
    )
    parser.add_argument(
        "--load", type=_directory, metavar="DIR", help="serve the payloads found here instead"
    )
    parser.add_argument("--limits", choices=("none", "realistic"), default="realistic")
    parser.add_argument(
        "--ca-dir", type=Path, metavar="DIR", help="keeps ca.pem and ready.json; default: temporary"
    )
    parser.add_argument("--host", nargs="+", action="extend", default=[], metavar="NAME")
    return parser


async def _serve(arguments: Arguments, ca_dir: Path) -> None:
    azure = azure_options(arguments.seed, arguments.findings, arguments.load, arguments.limits)
    servicenow = servicenow_options(arguments.seed, arguments.limits)
    address = address_of(arguments.host)
    context = tls.server_context(tls.authority(ca_dir), list(address.names))
    faces = assemble(azure, servicenow)
    # The world lives as long as the process: walking it in every full collection would stall requests.
    gc.collect()
    gc.freeze()
    stop = _stop_signal()  # before the ready line: whoever reads it may stop us at once
    runners, urls = await listen(faces.by_name(), address, arguments.port, context)
    try:
        _announce(ready(urls, (ca_dir / tls.CA_FILE).resolve(), azure, servicenow), ca_dir)
        await stop.wait()
    finally:
        await close(runners)


def _announce(line: Ready, ca_dir: Path) -> None:
    """On stdout, and as ready.json beside the CA for other containers."""
    text = msgspec.json.encode(line)
    part = ca_dir / "ready.json.part"
    part.touch(mode=0o600)
    part.write_bytes(text + b"\n")
    part.replace(ca_dir / "ready.json")
    sys.stdout.write(text.decode() + "\n")
    sys.stdout.flush()


def _stop_signal() -> asyncio.Event:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


def main(argv: list[str] | None = None) -> int:
    """Exit code 0 after a signal, 2 on a wrong command line, 1 with one sentence when it cannot start."""
    arguments = _parser().parse_args(argv, namespace=Arguments())
    try:
        with tempfile.TemporaryDirectory(prefix="isthmus-simulator-") as temporary:
            asyncio.run(_serve(arguments, arguments.ca_dir or Path(temporary)))
    except KeyboardInterrupt:  # before the listeners took over the signals
        return 130
    except (OSError, ValueError) as error:
        sys.stderr.write(f"simulator: cannot start: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
