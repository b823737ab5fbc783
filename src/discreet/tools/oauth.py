"""Signing in at a tool server by OAuth 2.1, as the authorization of MCP says.

Discovery, registration and checks are those of the ``mcp`` package. Its own flow waits for the
browser in one process; here each step is a call of its own, and what the next one needs is a value
to store.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from pydantic import AnyUrl, BaseModel

from discreet.domain.errors import Unavailable
from discreet.tools.oauth_requests import CheckUrl, OAuthRequests, oauth_requests
from discreet.tools.servers import ClientId

if TYPE_CHECKING:
    from mcp.shared.auth import OAuthMetadata, ProtectedResourceMetadata

EARLY_SECONDS = 30.0
"""Seconds before its end from which a token counts as expired."""


class SignInLost(Exception):
    """The authorization server no longer accepts what was kept: sign in again."""


class Kept(BaseModel):
    """What is kept of a sign-in, encrypted: first to finish it, then its tokens.

    ``valid_until``: in seconds since 1970; None: the server didn't say.
    """

    client: dict[str, Any]
    issuer: str
    token_endpoint: str
    revocation_endpoint: str | None = None
    redirect_uri: str
    resource: str
    scope: str | None = None
    states_issuer: bool = False
    verifier: str = ""
    access_token: str = ""
    refresh_token: str | None = None
    valid_until: float | None = None

    @property
    def is_fresh(self) -> bool:
        """Whether its token can be used now, as far as is known."""
        return self.valid_until is None or time.time() < self.valid_until - EARLY_SECONDS


@dataclass(frozen=True, slots=True)
class Begun:
    """A sign-in that began: where the browser goes, and with which ``state`` it comes back."""

    url: str
    state: str
    kept: Kept


async def look(server_url: str, check: CheckUrl) -> None:
    """Find out whether one can sign in for a server.

    Raises:
        BadInput, Unavailable: as for ``begin``.
    """
    async with oauth_requests(server_url, check) as http:
        _, metadata_url = await http.challenge(server_url)
        about = await _resource(http, server_url, metadata_url)
        await _authorization_server(http, server_url, about)


async def begin(
    server_url: str, redirect_uri: str, check: CheckUrl, client: ClientId | None = None
) -> Begun:
    """Find out where to sign in for a server, and register there unless ``client`` is given.

    Raises:
        BadInput: it names a place that must not be called.
        Unavailable: it can't be reached, or doesn't offer what is needed.
    """
    from mcp.client.auth import PKCEParameters
    from mcp.client.auth.utils import get_client_metadata_scopes

    async with oauth_requests(server_url, check) as http:
        challenge, metadata_url = await http.challenge(server_url)
        about = await _resource(http, server_url, metadata_url)
        found = await _authorization_server(http, server_url, about)
        await http.check(str(found.authorization_endpoint))
        scope = get_client_metadata_scopes(
            challenge, about, found, ["authorization_code", "refresh_token"]
        )
        registered = (
            await _register(http, found, redirect_uri, scope)
            if client is None
            else _registered_by_hand(client, redirect_uri)
        )
    pkce, state = PKCEParameters.generate(), secrets.token_urlsafe(32)
    kept = Kept(
        client=registered,
        issuer=str(found.issuer),
        token_endpoint=str(found.token_endpoint),
        revocation_endpoint=_named(found.revocation_endpoint),
        redirect_uri=redirect_uri,
        resource=_resource_of(server_url, about),
        scope=scope,
        states_issuer=bool(found.authorization_response_iss_parameter_supported),
        verifier=pkce.code_verifier,
    )
    asked = {
        "response_type": "code",
        "client_id": registered["client_id"],
        "redirect_uri": redirect_uri,
        "state": state,
        "code_challenge": pkce.code_challenge,
        "code_challenge_method": "S256",
        "resource": kept.resource,
    }
    if scope:
        asked["scope"] = scope
        if "offline_access" in scope.split():
            asked["prompt"] = "consent"
    endpoint = str(found.authorization_endpoint)
    joined = "&" if "?" in endpoint else "?"
    return Begun(f"{endpoint}{joined}{urlencode(asked)}", state, kept)


async def finish(
    server_url: str, kept: Kept, code: str, issuer: str | None, check: CheckUrl
) -> Kept:
    """Exchange the code that the browser brought back for tokens.

    ``issuer``: the ``iss`` that came with it, if any (RFC 9207).

    Raises:
        SignInLost: the code isn't accepted, or it is of another server.
        Unavailable: there is no answer.
    """
    if (issuer is None and kept.states_issuer) or issuer not in (None, kept.issuer):
        raise SignInLost("the answer comes from another authorization server")
    asked = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": kept.redirect_uri,
        "code_verifier": kept.verifier,
    }
    return await _tokens(server_url, kept, asked, check)


async def renew(server_url: str, kept: Kept, check: CheckUrl) -> Kept:
    """Get a new token for an expired or refused one.

    Raises:
        SignInLost: there is none: access was taken back, or has run out.
        Unavailable: there is no answer.
    """
    if not kept.refresh_token:
        raise SignInLost("there is nothing to renew it with")
    asked = {"grant_type": "refresh_token", "refresh_token": kept.refresh_token}
    return await _tokens(server_url, kept, asked, check)


async def revoke(server_url: str, kept: Kept, check: CheckUrl) -> bool:
    """Revoke the tokens at the server (RFC 7009); return whether it confirmed that.

    Raises:
        BadInput, Unavailable: the server could not be asked.
    """
    import httpx2

    token = kept.refresh_token or kept.access_token
    if kept.revocation_endpoint is None or not token:
        return False
    hint = "refresh_token" if kept.refresh_token else "access_token"
    data, headers = _authenticated(kept, {"token": token, "token_type_hint": hint})
    # Empty counts as left out (RFC 6749), but servers of the mcp package look for it.
    data.setdefault("client_secret", "")
    async with oauth_requests(server_url, check) as http:
        request = httpx2.Request("POST", kept.revocation_endpoint, data=data, headers=headers)
        response = await http.send(request)
    return response.is_success


def _named(url: AnyUrl | None) -> str | None:
    return None if url is None else str(url)


async def _tokens(server_url: str, kept: Kept, asked: Mapping[str, str], check: CheckUrl) -> Kept:
    import httpx2
    from mcp.shared.auth import OAuthToken
    from pydantic import ValidationError

    data, headers = _authenticated(kept, {**asked, "resource": kept.resource})
    headers["Accept"] = "application/json"
    async with oauth_requests(server_url, check) as http:
        request = httpx2.Request("POST", kept.token_endpoint, data=data, headers=headers)
        response = await http.send(request)
    if 400 <= response.status_code < 500 and response.status_code not in (408, 429):
        raise SignInLost(f"the authorization server answered {response.status_code}")
    if response.status_code not in (200, 201):
        raise Unavailable(f"The authorization server answered {response.status_code}.")
    try:
        given = OAuthToken.model_validate_json(response.content)
    except ValidationError:
        raise Unavailable("The authorization server gave no token.") from None
    lasts = given.expires_in
    return kept.model_copy(
        update={
            "verifier": "",
            "access_token": given.access_token,
            "refresh_token": given.refresh_token or kept.refresh_token,
            "scope": given.scope or kept.scope,
            "valid_until": None if lasts is None else time.time() + lasts,
        }
    )


def _authenticated(kept: Kept, data: dict[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Add what proves which client is asking, as it was registered."""
    from mcp.client.auth.oauth2 import OAuthContext
    from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata

    client = OAuthClientInformationFull.model_validate(kept.client)
    metadata = OAuthClientMetadata(redirect_uris=[AnyUrl(kept.redirect_uri)])
    context = OAuthContext(kept.resource, metadata, _NOTHING, None, None, client_info=client)
    return context.prepare_token_auth({**data, "client_id": client.client_id}, {})


_NOTHING: Any = None
"""In place of the package's storage, which these steps don't use."""


async def _resource(
    http: OAuthRequests, server_url: str, named: str | None
) -> ProtectedResourceMetadata | None:
    """Return the server's metadata as a protected resource (RFC 9728); None: it has none."""
    from mcp.client.auth.utils import (
        build_protected_resource_metadata_discovery_urls,
        handle_protected_resource_response,
    )
    from mcp.shared.auth_utils import check_resource_allowed, resource_url_from_server_url

    for url in build_protected_resource_metadata_discovery_urls(named, server_url):
        found = await handle_protected_resource_response(await http.get(url))
        if found is None:
            continue
        mine = resource_url_from_server_url(server_url)
        if not check_resource_allowed(mine, str(found.resource)):
            raise Unavailable("The server says that its tokens are for another address.")
        return found
    return None


async def _authorization_server(
    http: OAuthRequests, server_url: str, about: ProtectedResourceMetadata | None
) -> OAuthMetadata:
    """Return the metadata of the authorization server (RFC 8414)."""
    from mcp.client.auth.utils import (
        build_oauth_authorization_server_metadata_discovery_urls,
        handle_auth_metadata_response,
        issuers_match,
    )

    parts = urlsplit(server_url)
    named = None if about is None else str(about.authorization_servers[0])
    issuer = named or f"{parts.scheme}://{parts.netloc}"
    for url in build_oauth_authorization_server_metadata_discovery_urls(named, server_url):
        goes_on, found = await handle_auth_metadata_response(await http.get(url))
        if found is not None:
            if not issuers_match(str(found.issuer), issuer):
                raise Unavailable("The authorization server names a different issuer.")
            if "S256" not in (found.code_challenge_methods_supported or []):
                raise Unavailable("The authorization server doesn't offer PKCE with S256.")
            return found
        if not goes_on:
            break
    raise Unavailable("The server doesn't say where to sign in.")


async def _register(
    http: OAuthRequests, found: OAuthMetadata, redirect_uri: str, scope: str | None
) -> dict[str, Any]:
    from mcp.client.auth import OAuthRegistrationError
    from mcp.client.auth.oauth2 import check_registration_usable
    from mcp.client.auth.utils import (
        create_client_registration_request,
        handle_registration_response,
    )
    from mcp.shared.auth import OAuthClientMetadata

    if found.registration_endpoint is None:
        raise Unavailable(
            "The authorization server doesn't register clients itself.",
            hint="Register a client there, and add the server with --client-id.",
        )
    wanted = OAuthClientMetadata(
        redirect_uris=[AnyUrl(redirect_uri)],
        client_name="Discreet",
        scope=scope,
        application_type="web" if redirect_uri.startswith("https://") else "native",
        token_endpoint_auth_method=_auth_method(found),
    )
    request = create_client_registration_request(found, wanted, "")
    try:
        client = await handle_registration_response(await http.send(request))
        check_registration_usable(client)
    except OAuthRegistrationError:
        raise Unavailable(
            "The authorization server didn't register this installation.",
            hint="Register a client there, and add the server with --client-id.",
        ) from None
    return client.model_dump(mode="json", exclude_none=True)


def _auth_method(found: OAuthMetadata) -> Any:
    offered = found.token_endpoint_auth_methods_supported or ["client_secret_basic"]
    known = ("client_secret_basic", "client_secret_post", "none")
    return next((method for method in known if method in offered), None)


def _registered_by_hand(client: ClientId, redirect_uri: str) -> dict[str, Any]:
    method = "none" if client.secret is None else "client_secret_basic"
    made = {
        "client_id": client.id,
        "client_secret": client.secret,
        "redirect_uris": [redirect_uri],
        "token_endpoint_auth_method": method,
    }
    return {name: value for name, value in made.items() if value is not None}


def _resource_of(server_url: str, about: ProtectedResourceMetadata | None) -> str:
    """Return what the token is for (RFC 8707)."""
    from mcp.shared.auth_utils import resource_url_from_server_url

    return resource_url_from_server_url(server_url) if about is None else str(about.resource)
