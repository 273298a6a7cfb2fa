"""Throw-away certificates: good ones, and bad ones of every kind; and who trusts them."""

from __future__ import annotations

import datetime
import ipaddress
import itertools
import ssl
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

#: What an authority's key is not used for.
OTHER_USES = (
    *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment"),
    *("key_agreement", "encipher_only", "decipher_only"),
)
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
_numbers = itertools.count()


@dataclass(frozen=True)
class Issued:
    """A certificate, its key, and the certificates between it and its authority."""

    certificate: x509.Certificate
    key: Key
    chain: tuple[x509.Certificate, ...] = ()

    def pem(self) -> bytes:
        private = self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return private + b"".join(_pem(each) for each in (self.certificate, *self.chain))


class Authority:
    """A new certificate authority; `client()` trusts it, and nothing else."""

    def __init__(self) -> None:
        self.root = _signed(f"Test root {next(_numbers)}", None, days=(-10, 10), is_authority=True)

    def issue(
        self, name: str, *, days: tuple[int, int] = (-1, 1), key: Key | None = None
    ) -> Issued:
        """For a host's name or address, valid from day to day, counted from today."""
        return _signed(name, self.root, days=days, key=key)

    def issue_by_intermediate(self, name: str, *, send_it: bool) -> Issued:
        """With an authority between; a host that does not send that one is misconfigured."""
        between = _signed("Test intermediate", self.root, days=(-10, 10), is_authority=True)
        leaf = _signed(name, between, days=(-1, 1))
        return Issued(leaf.certificate, leaf.key, (between.certificate,) if send_it else ())

    def client(self) -> ssl.SSLContext:
        return ssl.create_default_context(cadata=_pem(self.root.certificate).decode())

    @staticmethod
    def server(issued: Issued, folder: Path) -> ssl.SSLContext:
        """A server's context; `folder` keeps the file that OpenSSL wants."""
        file = folder / f"certificate-{next(_numbers)}.pem"
        file.write_bytes(issued.pem())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context


def self_signed(name: str) -> Issued:
    return _signed(name, None, days=(-1, 1))


def loopback_tls(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A context for a server on 127.0.0.1, and one for clients that trust it."""
    issued = self_signed("127.0.0.1")
    client = ssl.create_default_context(cadata=_pem(issued.certificate).decode())
    return Authority.server(issued, folder), client


def _signed(
    name: str,
    issuer: Issued | None,
    *,
    days: tuple[int, int],
    is_authority: bool = False,
    key: Key | None = None,
) -> Issued:
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder(
            issuer.certificate.subject if issuer else subject,
            subject,
            key.public_key(),
            x509.random_serial_number(),
        )
        .not_valid_before(now + datetime.timedelta(days=days[0]))
        .not_valid_after(now + datetime.timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
    )
    for extension, critical in _extensions_of_strict_clients(key, issuer, is_authority):
        builder = builder.add_extension(extension, critical)
    if not is_authority:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([_general_name(name)]), critical=False
        )
    return Issued(builder.sign(issuer.key if issuer else key, hashes.SHA256()), key)


def _extensions_of_strict_clients(
    key: Key, issuer: Issued | None, is_authority: bool
) -> list[tuple[x509.ExtensionType, bool]]:
    """What RFC 5280 wants, and Python's clients since 3.13 (VERIFY_X509_STRICT)."""
    of_issuer = (issuer.key if issuer else key).public_key()
    extensions: list[tuple[x509.ExtensionType, bool]] = [
        (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False),
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(of_issuer), False),
    ]
    if is_authority:
        unused = dict.fromkeys(OTHER_USES, False)
        extensions.append((x509.KeyUsage(key_cert_sign=True, crl_sign=True, **unused), True))
    return extensions


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
