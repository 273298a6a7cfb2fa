"""Throw-away certificates for C2PA, good and bad ones, as the files an operator would have."""

from __future__ import annotations

import datetime
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import c2pa
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NOW = datetime.datetime.now(datetime.UTC)
DIGITAL_SIGNATURE = x509.KeyUsage(True, False, False, False, False, False, False, False, False)
ISSUES = x509.KeyUsage(False, False, False, False, False, True, True, False, False)


@dataclass(frozen=True)
class Files:
    """C2PA_CERT and C2PA_KEY, and the authority that a reader trusts."""

    cert: Path
    key: Path
    authority: bytes

    def read(self, data: bytes, kind: str) -> dict[str, Any]:
        """What the library's own reader says of a picture, with the authority as its anchor."""
        settings = {
            "trust": {"trust_anchors": self.authority.decode()},
            "verify": {"verify_trust": True},
        }
        context = c2pa.Context.from_dict(settings)
        reader = c2pa.Reader(kind, io.BytesIO(data), None, context)
        found: dict[str, Any] = json.loads(reader.json())
        return found


def make_files(
    folder: Path,
    *,
    days: tuple[int, int] = (-1, 9),
    usage: x509.ObjectIdentifier = ExtendedKeyUsageOID.EMAIL_PROTECTION,
    password: bytes | None = None,
) -> Files:
    authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root = (
        _begun("Test authority", "Test authority", authority_key, (-10, 10))
        .add_extension(x509.BasicConstraints(True, None), True)
        .add_extension(ISSUES, True)
        .sign(authority_key, hashes.SHA256())
    )
    of_root = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key())
    leaf = (
        _begun("Test shop", "Test authority", key, days)
        .add_extension(x509.BasicConstraints(False, None), True)
        .add_extension(DIGITAL_SIGNATURE, True)
        .add_extension(x509.ExtendedKeyUsage([usage]), False)
        .add_extension(of_root, False)
        .sign(authority_key, hashes.SHA256())
    )
    folder.mkdir(exist_ok=True)
    files = Files(folder / "chain.pem", folder / "key.pem", _pem(root))
    files.cert.write_bytes(_pem(leaf) + _pem(root))
    locked = (
        serialization.BestAvailableEncryption(password)
        if password
        else serialization.NoEncryption()
    )
    pkcs8 = serialization.PrivateFormat.PKCS8
    files.key.write_bytes(key.private_bytes(serialization.Encoding.PEM, pkcs8, locked))
    return files


def _begun(
    name: str, issuer: str, key: ec.EllipticCurvePrivateKey, days: tuple[int, int]
) -> x509.CertificateBuilder:
    first, last = (NOW + datetime.timedelta(days=each) for each in days)
    return (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(first)
        .not_valid_after(last)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
    )


def _name(name: str) -> x509.Name:
    parts = ((NameOID.COMMON_NAME, name), (NameOID.ORGANIZATION_NAME, name))
    return x509.Name([x509.NameAttribute(oid, text) for oid, text in parts])


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
