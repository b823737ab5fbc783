"""Who is asking, signed for one server: a short JSON web token for each request of a call.

The key pair is derived from the credentials file, so every server of an installation has the same,
and none is stored. A server learns a pseudonym of the contact that no other server learns.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID, uuid4

from discreet.tools.servers import McpServer

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

TOKEN_SECONDS = 60
"""How long a token is valid. Each request gets a new one."""

PartyOfCall = Literal["direct", "group", "shared", "owner"]


@dataclass(frozen=True, slots=True)
class AskedBy:
    """The party of a call. ``who``: the id of the contact, group, agent or owner.

    ``roles``: the contact's labels; ``addresses``: only for a server that may know them.
    """

    kind: PartyOfCall
    who: UUID
    agent: str
    roles: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class IdentityKey:
    """The installation's key pair for identities, and its secret for pseudonyms.

    ``secret``: 32 bytes of the credentials file.
    """

    secret: bytes = field(repr=False)

    def token_for(self, server: McpServer, asked_by: AskedBy) -> str:
        """Return a new token that only ``server`` accepts."""
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": f"discreet:{self.key_id}",
            "aud": audience_of(server),
            "sub": self.pseudonym(server, asked_by.who),
            "iat": now,
            "exp": now + TOKEN_SECONDS,
            "jti": str(uuid4()),
            "agent": asked_by.agent,
            "kind": asked_by.kind,
            "roles": list(asked_by.roles),
        }
        if server.tells_addresses:
            claims["addresses"] = list(asked_by.addresses)
        head = {"alg": "EdDSA", "typ": "JWT", "kid": self.key_id}
        signed = f"{_encoded(head)}.{_encoded(claims)}"
        return f"{signed}.{_base64(self._private().sign(signed.encode()))}"

    def pseudonym(self, server: McpServer, who: UUID) -> str:
        """Return the name of a contact for one server: always the same, and another elsewhere."""
        said = f"{server.owner_id}|{audience_of(server)}|{who}".encode()
        return _base64(hmac.new(self._derived(b"pseudonyms"), said, hashlib.sha256).digest()[:18])

    @property
    def key_id(self) -> str:
        """The thumbprint of the public key (RFC 7638)."""
        key = self._public()
        required = {name: key[name] for name in ("crv", "kty", "x")}
        canonical = json.dumps(required, separators=(",", ":"), sort_keys=True)
        return _base64(hashlib.sha256(canonical.encode()).digest())

    def public_keys(self) -> dict[str, list[dict[str, str]]]:
        """Return the set of public keys (RFC 7517)."""
        return {"keys": [{**self._public(), "kid": self.key_id, "use": "sig", "alg": "EdDSA"}]}

    def _public(self) -> dict[str, str]:
        raw = self._private().public_key().public_bytes_raw()
        return {"kty": "OKP", "crv": "Ed25519", "x": _base64(raw)}

    def _private(self) -> Ed25519PrivateKey:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        return Ed25519PrivateKey.from_private_bytes(self._derived(b"identity key"))

    def _derived(self, purpose: bytes) -> bytes:
        return hmac.new(self.secret, b"discreet tools: " + purpose, hashlib.sha256).digest()


def audience_of(server: McpServer) -> str:
    """Return the audience claim of a token for this server."""
    return server.url if server.url is not None else f"discreet:tools/{server.name}"


def _encoded(part: Mapping[str, Any]) -> str:
    return _base64(json.dumps(part, separators=(",", ":")).encode())


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
