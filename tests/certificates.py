"""A certificate that only its own file vouches for."""

import os
import shutil
import ssl
import subprocess
from dataclasses import dataclass
from functools import cache
from tempfile import mkdtemp

import pytest


@dataclass
class Authority:
    """The file of a certificate, the context of a server that shows it, and what that loads."""

    path: str
    server: ssl.SSLContext
    chain: tuple[str, str]


@cache
def authority() -> Authority:
    """One for 127.0.0.1 and agents.example."""
    if shutil.which("openssl") is None:
        reason = "openssl is not installed. On Debian: apt-get install openssl"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    folder = mkdtemp()
    certificate, key = f"{folder}/ca.pem", f"{folder}/key.pem"
    ask = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=x"
    names = "subjectAltName=IP:127.0.0.1,DNS:agents.example"
    files = ["-keyout", key, "-out", certificate]
    subprocess.run([*ask.split(), "-addext", names, *files], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return Authority(certificate, context, (certificate, key))


def hashed(path: str) -> str:
    """The name under which OpenSSL looks for a certificate in a folder."""
    ask = ["openssl", "x509", "-hash", "-noout", "-in", path]
    return subprocess.run(ask, check=True, capture_output=True, text=True).stdout.strip() + ".0"
