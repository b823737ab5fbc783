"""The bank of ``accounts`` with an authorization server of authlib, at an address of its own.

Only what it stores, and the page on which somebody says yes or no, is written here.

One file, although it is long: it is a complete authorization server.
"""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from authlib.common.security import generate_token
from authlib.oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import ClientMixin, JsonRequest, OAuth2Request, TokenMixin, grants
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc6750 import BearerTokenGenerator
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7591 import ClientRegistrationEndpoint
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc9207 import IssuerParameter
from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.auth.provider import AccessToken
from mcp.server.auth.settings import AuthSettings
from mcp.server.mcpserver import MCPServer
from mcp_types import ToolAnnotations
from pydantic import AnyHttpUrl
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.support.waiting import until


@dataclass
class Client(ClientMixin):
    id: str
    secret: str | None
    metadata: Mapping[str, Any]

    def get_client_id(self) -> str:
        return self.id

    def get_default_redirect_uri(self) -> str:
        return str(self.metadata["redirect_uris"][0])

    def get_allowed_scope(self, scope: str | None) -> str:
        return scope or ""

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri in self.metadata["redirect_uris"]

    def check_client_secret(self, client_secret: str) -> bool:
        return client_secret == self.secret

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method == self.metadata["token_endpoint_auth_method"]

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in self.metadata["grant_types"]


@dataclass
class Code:
    """A code, with what authlib compares when it is exchanged."""

    code: str
    client_id: str
    person: str
    redirect_uri: str
    resource: str
    code_challenge: str
    code_challenge_method: str

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return ""


@dataclass
class Token(TokenMixin):
    access: str
    refresh: str
    client_id: str
    person: str
    resource: str
    ends_at: float

    def check_client(self, client: Client) -> bool:
        return client.id == self.client_id

    def get_scope(self) -> str:
        return ""

    def get_expires_in(self) -> int:
        return int(self.ends_at - time.time())

    def is_expired(self) -> bool:
        return self.ends_at <= time.time()

    def is_revoked(self) -> bool:
        return False

    def get_user(self) -> str:
        return self.person

    def get_client(self) -> str:
        return self.client_id


@dataclass
class AuthlibAccounts:
    """What the bank stores; ``url`` is the tool server's, ``issuer`` the authorization server's."""

    url: str
    issuer: str
    clients: dict[str, Client] = field(default_factory=dict)
    codes: dict[str, Code] = field(default_factory=dict)
    tokens: list[Token] = field(default_factory=list)
    refreshed: int = 0
    used_by: list[str] = field(default_factory=list)

    def people(self) -> set[str]:
        return {one.person for one in self.tokens}

    def expire(self) -> None:
        """Accept no access token that was given so far."""
        for token in self.tokens:
            token.ends_at = 0.0

    def take_back(self, person: str) -> None:
        self.tokens = [one for one in self.tokens if one.person != person]

    async def verify_token(self, token: str) -> AccessToken | None:
        for one in self.tokens:
            if one.access == token and not one.is_expired():
                return AccessToken(
                    token=token,
                    client_id=one.client_id,
                    scopes=[],
                    expires_at=int(one.ends_at),
                    resource=one.resource,
                    subject=one.person,
                )
        return None


class _Authorizations(AuthorizationServer):
    def __init__(self, accounts: AuthlibAccounts) -> None:
        super().__init__()
        self.accounts = accounts
        self.register_token_generator("default", BearerTokenGenerator(_random, _random, 3600))
        self.register_grant(_CodeGrant, [CodeChallenge(required=True)])
        self.register_grant(_RefreshGrant)
        self.register_endpoint(_Revocation)
        self.register_endpoint(_Registration)
        self.register_extension(_Issuer)

    def query_client(self, client_id: str) -> Client | None:
        return self.accounts.clients.get(client_id)

    def save_token(self, token: Mapping[str, Any], request: OAuth2Request) -> None:
        resource = (request.authorization_code or request.refresh_token).resource
        self.accounts.tokens.append(
            Token(
                token["access_token"],
                token["refresh_token"],
                request.client.id,
                request.user,
                resource,
                time.time() + token["expires_in"],
            )
        )

    def create_oauth2_request(self, request: Any) -> OAuth2Request:
        if isinstance(request, OAuth2Request):
            return request
        made = _Form(request.method, _as_https(request.url), headers=request.headers)
        made.given = {**request.query_params, **request.state.form}
        made.payload = BasicOAuth2Payload(made.given)
        return made

    def create_json_request(self, request: Any) -> JsonRequest:
        made = JsonRequest(request.method, _as_https(request.url), request.headers)
        made.payload = BasicOAuth2Payload(request.state.form)
        return made

    def handle_response(self, status: int, body: Any, headers: Any) -> Response:
        text = json.dumps(body) if isinstance(body, dict) else body
        return _Answer(text, status, dict(headers))

    def send_signal(self, name: str, *args: object, **kwargs: object) -> None:
        pass


class _Answer(Response):
    @property
    def location(self) -> str | None:
        return self.headers.get("location")

    @location.setter
    def location(self, url: str) -> None:
        self.headers["location"] = url


class _Form(OAuth2Request):
    given: Mapping[str, str]

    @property
    def args(self) -> Mapping[str, str]:
        return self.given

    @property
    def form(self) -> Mapping[str, str]:
        return self.given


def _random(**_: object) -> str:
    return str(generate_token(40))


def _as_https(url: object) -> str:
    return str(url).replace("http://", "https://", 1)  # authlib takes no other


class _CodeGrant(grants.AuthorizationCodeGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = ("none", "client_secret_basic", "client_secret_post")

    def save_authorization_code(self, code: str, request: OAuth2Request) -> None:
        asked = request.payload.data
        self.server.accounts.codes[code] = Code(
            code,
            request.client.id,
            request.user,
            request.payload.redirect_uri,
            asked["resource"],
            asked["code_challenge"],
            asked["code_challenge_method"],
        )

    def query_authorization_code(self, code: str, client: Client) -> Code | None:
        found = self.server.accounts.codes.get(code)
        return found if found is not None and found.client_id == client.id else None

    def delete_authorization_code(self, authorization_code: Code) -> None:
        del self.server.accounts.codes[authorization_code.code]

    def authenticate_user(self, authorization_code: Code) -> str:
        return authorization_code.person


class _RefreshGrant(grants.RefreshTokenGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = _CodeGrant.TOKEN_ENDPOINT_AUTH_METHODS
    INCLUDE_NEW_REFRESH_TOKEN = True

    def authenticate_refresh_token(self, refresh_token: str) -> Token | None:
        tokens = self.server.accounts.tokens
        return next((one for one in tokens if one.refresh == refresh_token), None)

    def authenticate_user(self, refresh_token: Token) -> str:
        return refresh_token.person

    def revoke_old_credential(self, refresh_token: Token) -> None:
        self.server.accounts.refreshed += 1
        self.server.accounts.tokens.remove(refresh_token)


class _Revocation(RevocationEndpoint):
    CLIENT_AUTH_METHODS = _CodeGrant.TOKEN_ENDPOINT_AUTH_METHODS

    def query_token(self, token_string: str, token_type_hint: str | None) -> Token | None:
        tokens = self.server.accounts.tokens
        return next((one for one in tokens if token_string in (one.access, one.refresh)), None)

    def revoke_token(self, token: Token, request: OAuth2Request) -> None:
        self.server.accounts.tokens.remove(token)


class _Registration(ClientRegistrationEndpoint):
    def authenticate_token(self, request: JsonRequest) -> str:
        return "everybody"

    def get_server_metadata(self) -> Mapping[str, object]:
        return {}

    def save_client(
        self, client_info: Mapping[str, Any], client_metadata: Mapping[str, Any], request: object
    ) -> Client:
        client_id = client_info["client_id"]
        made = Client(client_id, client_info["client_secret"], client_metadata)
        self.server.accounts.clients[client_id] = made
        return made


class _Issuer(IssuerParameter):
    def __init__(self, server: _Authorizations) -> None:
        self._issuer = server.accounts.issuer
        super().__call__(server)

    def get_issuer(self) -> str:
        return self._issuer


def _authorizing(accounts: AuthlibAccounts) -> Starlette:
    server = _Authorizations(accounts)
    issuer = accounts.issuer

    async def read(request: Request) -> None:
        is_json = request.headers.get("content-type") == "application/json"
        request.state.form = await request.json() if is_json else dict(await request.form())

    async def metadata(request: Request) -> Response:
        return JSONResponse(
            {
                "issuer": issuer,
                "authorization_endpoint": f"{issuer}/authorize",
                "token_endpoint": f"{issuer}/token",
                "registration_endpoint": f"{issuer}/register",
                "revocation_endpoint": f"{issuer}/revoke",
                "response_types_supported": ["code"],
                "code_challenge_methods_supported": ["S256"],
                "token_endpoint_auth_methods_supported": ["client_secret_basic", "none"],
                "authorization_response_iss_parameter_supported": True,
            }
        )

    async def authorize(request: Request) -> Response:
        """Show a page; with ``answer`` in the query, somebody said yes or no there."""
        await read(request)
        if "answer" not in request.query_params:
            return Response(status_code=302, headers={"Location": f"{request.url}&answer=given"})
        asked = server.create_oauth2_request(request)
        grant = server.get_consent_grant(asked)
        person = request.query_params.get("person")
        answer: Response = server.create_authorization_response(asked, person, grant)
        return answer

    async def token(request: Request) -> Response:
        await read(request)
        answer: Response = server.create_token_response(request)
        return answer

    async def register(request: Request) -> Response:
        await read(request)
        answer: Response = server.create_endpoint_response("client_registration", request)
        return answer

    async def revoke(request: Request) -> Response:
        await read(request)
        answer: Response = server.create_endpoint_response("revocation", request)
        return answer

    return Starlette(
        routes=[
            Route("/.well-known/oauth-authorization-server", metadata),
            Route("/authorize", authorize),
            Route("/token", token, methods=["POST"]),
            Route("/register", register, methods=["POST"]),
            Route("/revoke", revoke, methods=["POST"]),
        ]
    )


def _tools(accounts: AuthlibAccounts) -> Starlette:
    server = MCPServer(
        "bank",
        token_verifier=accounts,
        auth=AuthSettings(
            issuer_url=AnyHttpUrl(accounts.issuer),
            resource_server_url=AnyHttpUrl(f"{accounts.url}/mcp"),
            validate_token_resource=True,
        ),
    )

    def whose() -> str:
        token = get_access_token()
        person = token.subject if token is not None else None
        accounts.used_by.append(str(person))
        return f"the account of {person}"

    server.add_tool(
        whose, description="Say whose it is.", annotations=ToolAnnotations(read_only_hint=True)
    )
    return server.streamable_http_app()


@asynccontextmanager
async def authlib_bank() -> AsyncIterator[AuthlibAccounts]:
    """Serve the bank's tool and its authorization server on loopback."""
    async with AsyncExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(2)]
        urls = [f"http://127.0.0.1:{one.getsockname()[1]}" for one in sockets]
        accounts = AuthlibAccounts(*urls)
        for app, listening in zip((_tools(accounts), _authorizing(accounts)), sockets, strict=True):
            await stack.enter_async_context(_serving(app, listening))
        yield accounts


@asynccontextmanager
async def _serving(app: Starlette, listening: socket.socket) -> AsyncIterator[None]:
    running = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="on"))
    running.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    task = asyncio.get_running_loop().create_task(running.serve([listening]))
    try:
        await until(lambda: running.started, "the server listens")
        yield
    finally:
        running.should_exit = True
        await task
