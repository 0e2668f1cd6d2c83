"""A certificate authority of the sandbox's own, as companies have one: for `verify=`."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Key = ec.EllipticCurvePrivateKey
VALID = timedelta(days=365)
OF_AUTHORITY = 10 * VALID


class Files(NamedTuple):
    """What a server serves with, and what its clients trust."""

    authority: Path
    certificate: Path
    key: Path


def certify(folder: Path, hosts: Iterable[str]) -> Files:
    """A certificate for some hosts, by the authority of a folder.

    It is made if the folder has none, or one that ends before what it would sign.

    Args:
        folder: Where the files are kept; clients read ``ca.pem`` in it.
        hosts: Names and addresses that the server answers to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = Files(folder / "ca.pem", folder / "server.pem", folder / "server-key.pem")
    authority, signer = _authority(paths.authority, folder / "ca-key.pem")
    key = ec.generate_private_key(ec.SECP256R1())
    names = x509.SubjectAlternativeName([_general_name(host) for host in hosts])
    built = _begun("sandbox", authority.subject, key).add_extension(names, critical=False)
    issuer = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    known = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer)
    signed = built.add_extension(known, critical=False).sign(signer, hashes.SHA256())
    _write_key(paths.key, key)
    paths.certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    return paths


def _authority(path: Path, key_path: Path) -> tuple[x509.Certificate, Key]:
    if path.exists() and key_path.exists():
        kept = serialization.load_pem_private_key(key_path.read_bytes(), None)
        authority = x509.load_pem_x509_certificate(path.read_bytes())
        lasts = authority.not_valid_after_utc > datetime.now(timezone.utc) + VALID
        if isinstance(kept, Key) and lasts:
            return authority, kept
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "remote-agents sandbox CA")])
    made = (
        _begun("remote-agents sandbox CA", name, key, OF_AUTHORITY)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(), critical=True)
        .sign(key, hashes.SHA256())
    )
    _write_key(key_path, key)
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return made, key


def _begun(
    name: str, issuer: x509.Name, key: Key, valid: timedelta = VALID
) -> x509.CertificateBuilder:
    now = datetime.now(timezone.utc)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + valid)
        .add_extension(own, critical=False)
    )


def _usage() -> x509.KeyUsage:
    no = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement"), False
    )
    return x509.KeyUsage(
        digital_signature=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
        **no,
    )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _write_key(path: Path, key: Key) -> None:
    text = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.touch(mode=0o600)
    path.write_bytes(text)
