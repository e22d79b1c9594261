"""The certificate authority made at start, kept in a directory so that a restart stays trusted."""

import os
import ssl
from pathlib import Path

import trustme

CA_FILE = "ca.pem"
KEY_FILE = "ca.key"


def authority(directory: Path) -> trustme.CA:
    """The directory's CA, made on first use. Clients that loaded ca.pem once keep trusting later starts.

    The CA certificate carries basic constraints, key usage and a subject key identifier, and the server's an
    authority key identifier: Python 3.13 verifies with VERIFY_X509_STRICT.
    """
    directory.mkdir(parents=True, exist_ok=True)
    certificate, key = directory / CA_FILE, directory / KEY_FILE
    if certificate.exists() and key.exists():
        return trustme.CA.from_pem(certificate.read_bytes(), key.read_bytes())
    ca = trustme.CA(organization_name="Isthmus simulator")
    _write(key, ca.private_key_pem.bytes(), 0o600)
    _write(certificate, ca.cert_pem.bytes(), 0o644)
    return ca


def server_context(ca: trustme.CA, names: list[str]) -> ssl.SSLContext:
    """A TLS server context with one certificate for all names and addresses."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    ca.issue_cert(*names, common_name=names[0]).configure_cert(context)
    return context


def _write(path: Path, content: bytes, mode: int) -> None:
    """All or nothing, so that a client which waits for the file never reads half of it."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.touch(mode=mode)
    part.write_bytes(content)
    part.replace(path)
