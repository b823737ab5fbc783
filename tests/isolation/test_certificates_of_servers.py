"""A server that a tool server names is called at the address that was checked, and its certificate
has to be of its name."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from starlette.requests import Request
from starlette.responses import JSONResponse

from discreet.domain.errors import Unavailable
from discreet.domain.ids import AgentId, OwnerId
from discreet.services.kept_tokens import check_for
from discreet.tools.oauth import Kept, renew, revoke
from discreet.tools.servers import McpServer
from tests.support.waiting import until


class Authority:
    """A certificate authority that somebody made for themselves."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self._signed(
            "Authority", self.key.public_key(), x509.BasicConstraints(ca=True, path_length=0)
        )
        folder.mkdir()
        (folder / "authority.pem").write_bytes(_pem(self.certificate))

    def certify(self, *names: str) -> Path:
        """Return a file with a key and a certificate of these names or addresses."""
        key = ec.generate_private_key(ec.SECP256R1())
        found = [
            x509.IPAddress(ipaddress.ip_address(name)) if name[-1].isdigit() else x509.DNSName(name)
            for name in names
        ]
        certificate = self._signed("Server", key.public_key(), x509.SubjectAlternativeName(found))
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        path = self.folder / f"{names[0]}.pem"
        path.write_bytes(private + _pem(certificate))
        return path

    def _signed(
        self, name: str, key: ec.EllipticCurvePublicKey, extension: x509.ExtensionType
    ) -> x509.Certificate:
        issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Authority")])
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        identifier = x509.SubjectKeyIdentifier.from_public_key(self.key.public_key())
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(datetime.now(UTC) - timedelta(days=1))
            .not_valid_after(datetime.now(UTC) + timedelta(days=1))
            .add_extension(extension, critical=True)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier),
                critical=False,
            )
            .sign(self.key, hashes.SHA256())
        )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


@asynccontextmanager
async def serving(certificate: Path) -> AsyncIterator[tuple[int, list[str]]]:
    """Serve tokens by https at the first address of localhost; yield the port, and who asked."""
    asked: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        asked.append(f"{Request(scope).url}")
        await JSONResponse({"access_token": "new", "token_type": "Bearer"})(scope, receive, send)

    family, _, _, _, address = socket.getaddrinfo("localhost", 0, type=socket.SOCK_STREAM)[0]
    with socket.create_server(address[:2], family=family) as listening:
        files = {"ssl_certfile": str(certificate), "ssl_keyfile": str(certificate)}
        config = uvicorn.Config(app, log_level="critical", lifespan="off", **files)
        running = uvicorn.Server(config)
        running.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
        task = asyncio.get_running_loop().create_task(running.serve([listening]))
        try:
            await until(lambda: running.started, "the server listens")
            yield listening.getsockname()[1], asked
        finally:
            running.should_exit = True
            await task


def kept_at(port: int) -> Kept:
    server = f"https://localhost:{port}"
    return Kept(
        client={"client_id": "x", "redirect_uris": ["https://agent.example/connect/back"]},
        issuer=server,
        token_endpoint=f"{server}/token",
        revocation_endpoint=f"{server}/revoke",
        redirect_uri="https://agent.example/connect/back",
        resource="http://127.0.0.1:1/mcp",
        refresh_token="renews it",
    )


@pytest.fixture
def ours(tmp_path: Path) -> Iterator[Authority]:
    """Yield an authority that this process trusts while the test runs."""
    authority, before = Authority(tmp_path / "ours"), os.environ.get("SSL_CERT_FILE")
    os.environ["SSL_CERT_FILE"] = str(authority.folder / "authority.pem")
    yield authority
    if before is None:
        del os.environ["SSL_CERT_FILE"]
    else:
        os.environ["SSL_CERT_FILE"] = before


async def test_tokens_go_only_to_a_server_whose_certificate_is_of_its_name(
    tmp_path: Path, ours: Authority
) -> None:
    unknown = Authority(tmp_path / "unknown")
    tool_server = McpServer(
        uuid4(), OwnerId(uuid4()), AgentId(uuid4()), "bank", "http://127.0.0.1:1/mcp"
    )
    check = await check_for(tool_server)
    # The server is called at its address, but the certificate has to be of the name.
    async with serving(ours.certify("localhost")) as (port, asked):
        renewed = await renew(tool_server.url or "", kept_at(port), check)
        assert renewed.access_token == "new"
        assert asked == [f"https://localhost:{port}/token"]
    for what, certificate in (
        ("another name", ours.certify("bank.example")),
        ("only the address", ours.certify("127.0.0.1", "::1")),
        ("an unknown authority", unknown.certify("localhost")),
    ):
        async with serving(certificate) as (port, asked):
            for attempt in (renew, revoke):
                with pytest.raises(Unavailable, match="ConnectError"):
                    await attempt(tool_server.url or "", kept_at(port), check)
            assert asked == [], what
