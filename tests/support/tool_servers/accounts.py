"""A tool server that wants an account, with its own authorization server: those of the mcp package.

Only what they store, and the page on which somebody says yes or no, is written here.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

import httpx
import uvicorn
from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.auth.provider import (
    AccessToken,
    AuthorizationCode,
    AuthorizationParams,
    RefreshToken,
    construct_redirect_uri,
)
from mcp.server.auth.settings import AuthSettings, ClientRegistrationOptions, RevocationOptions
from mcp.server.mcpserver import MCPServer
from mcp.shared.auth import OAuthClientInformationFull, OAuthToken
from mcp_types import ToolAnnotations
from pydantic import AnyHttpUrl
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from discreet.api.connect_pages import connect_app
from discreet.services.tool_access import ToolAccess
from tests.support.waiting import until

PUBLIC = "https://agent.example"


def _set() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event


@dataclass
class Accounts:
    """What the authorization server stores. ``lasts``: seconds that an access token is valid;
    ``hangs``: it answers no request to take a token back until this is set; ``renews``: none for
    new tokens. ``asks``: a browser that doesn't say who it is gets a page with a button.
    """

    url: str
    lasts: int = 3600
    clients: dict[str, OAuthClientInformationFull] = field(default_factory=dict)
    asked: dict[str, tuple[OAuthClientInformationFull, AuthorizationParams]] = field(
        default_factory=dict
    )
    codes: dict[str, AuthorizationCode] = field(default_factory=dict)
    access: dict[str, AccessToken] = field(default_factory=dict)
    refresh: dict[str, RefreshToken] = field(default_factory=dict)
    refreshed: int = 0
    used_by: list[str] = field(default_factory=list)
    hangs: asyncio.Event = field(default_factory=_set)
    renews: asyncio.Event = field(default_factory=_set)
    asks: bool = False

    async def get_client(self, client_id: str) -> OAuthClientInformationFull | None:
        return self.clients.get(client_id)

    async def register_client(self, client_info: OAuthClientInformationFull) -> None:
        self.clients[client_info.client_id] = client_info

    async def authorize(
        self, client: OAuthClientInformationFull, params: AuthorizationParams
    ) -> str:
        number = secrets.token_hex(8)
        self.asked[number] = (client, params)
        return f"{self.url}/consent?request={number}"

    async def consent(self, request: Request) -> Response:
        """The page on which somebody who is signed in says yes or no."""
        client, params = self.asked[request.query_params["request"]]
        person = request.query_params.get("person")
        back = str(params.redirect_uri)
        if person is None and self.asks:
            return HTMLResponse(
                '<!doctype html><html lang="en"><title>Bank</title><h1>Bank</h1><form>'
                f'<input type="hidden" name="request" value="{request.query_params["request"]}">'
                '<button name="person" value="olga">Allow as Olga</button></form>'
            )
        if person is None:
            denied = {"error": "access_denied", "state": params.state}
            return RedirectResponse(construct_redirect_uri(back, **denied))
        code = AuthorizationCode(
            code=secrets.token_hex(16),
            scopes=params.scopes or [],
            expires_at=time.time() + 60,
            client_id=client.client_id,
            code_challenge=params.code_challenge,
            redirect_uri=params.redirect_uri,
            redirect_uri_provided_explicitly=True,
            resource=params.resource,
            subject=person,
        )
        self.codes[code.code] = code
        return RedirectResponse(construct_redirect_uri(back, code=code.code, state=params.state))

    async def load_authorization_code(
        self, client: OAuthClientInformationFull, authorization_code: str
    ) -> AuthorizationCode | None:
        return self.codes.get(authorization_code)

    async def exchange_authorization_code(
        self, client: OAuthClientInformationFull, authorization_code: AuthorizationCode
    ) -> OAuthToken:
        code = self.codes.pop(authorization_code.code)
        return self._tokens(client, code.scopes, code.resource, code.subject)

    async def load_refresh_token(
        self, client: OAuthClientInformationFull, refresh_token: str
    ) -> RefreshToken | None:
        return self.refresh.get(refresh_token)

    async def exchange_refresh_token(
        self, client: OAuthClientInformationFull, refresh_token: RefreshToken, scopes: list[str]
    ) -> OAuthToken:
        old = self.refresh.pop(refresh_token.token)  # each is accepted once
        self.refreshed += 1
        await self.renews.wait()
        return self._tokens(client, scopes, old.resource, old.subject)

    def _tokens(
        self,
        client: OAuthClientInformationFull,
        scopes: list[str],
        resource: str | None,
        subject: str | None,
    ) -> OAuthToken:
        access, refresh = secrets.token_hex(16), secrets.token_hex(16)
        common = {"client_id": client.client_id, "scopes": scopes}
        self.access[access] = AccessToken(
            token=access,
            expires_at=int(time.time()) + self.lasts,
            resource=resource,
            subject=subject,
            **common,  # type: ignore[arg-type]
        )
        self.refresh[refresh] = RefreshToken(
            token=refresh,
            resource=resource,
            subject=subject,
            **common,  # type: ignore[arg-type]
        )
        return OAuthToken(access_token=access, refresh_token=refresh, expires_in=self.lasts)

    async def load_access_token(self, token: str) -> AccessToken | None:
        return self.access.get(token)

    async def revoke_token(self, token: AccessToken | RefreshToken) -> None:
        await self.hangs.wait()
        self.access.pop(token.token, None)
        self.refresh.pop(token.token, None)

    def take_back(self, person: str) -> None:
        """End every permission of a person, as in the settings of their account."""
        self.access = {k: v for k, v in self.access.items() if v.subject != person}
        self.refresh = {k: v for k, v in self.refresh.items() if v.subject != person}


@asynccontextmanager
async def bank() -> AsyncIterator[Accounts]:
    """Serve a bank on loopback: its tool says whose account the caller has."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        accounts = Accounts(url)
        server = MCPServer(
            "bank",
            auth_server_provider=accounts,  # type: ignore[arg-type]
            auth=AuthSettings(
                issuer_url=AnyHttpUrl(url),
                resource_server_url=AnyHttpUrl(f"{url}/mcp"),
                client_registration_options=ClientRegistrationOptions(enabled=True),
                revocation_options=RevocationOptions(enabled=True),
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
        server.custom_route("/consent", methods=["GET"])(accounts.consent)
        config = uvicorn.Config(server.streamable_http_app(), log_level="error", lifespan="on")
        running = uvicorn.Server(config)
        running.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
        task = asyncio.get_running_loop().create_task(running.serve([listening]))
        try:
            await until(lambda: running.started, "the server listens")
            yield accounts
        finally:
            running.should_exit = True
            await task


class Browser:
    """A browser that opens links of the agent and signs in at the bank as one person."""

    def __init__(self, access: ToolAccess, person: str | None) -> None:
        self.person = person
        transport = httpx.ASGITransport(connect_app(access))
        self.pages = httpx.AsyncClient(transport=transport, base_url=PUBLIC)

    async def open(self, link: str) -> httpx.Response:
        """Look at a link and press its button."""
        shown = await self.pages.get(link)
        if shown.status_code != 200:
            return shown
        return await self.pages.post(link)

    async def consents(self, authorize: str) -> str:
        """Sign in at the bank, and return where it leads back to."""
        async with httpx.AsyncClient() as web:
            page = (await web.get(authorize)).headers["location"]
            person = "" if self.person is None else f"&person={self.person}"
            back: str = (await web.get(f"{page}{person}")).headers["location"]
            return back

    async def sign_in(self, link: str) -> httpx.Response:
        """Go through all of it, and return the last page."""
        opened = await self.open(link)
        if opened.status_code != 303:
            return opened
        return await self.pages.get(await self.consents(opened.headers["location"]))


def code_on(page: httpx.Response) -> str:
    """Return the code that a page shows."""
    _, _, rest = page.text.partition('class="code">')
    return rest.partition("<")[0].strip()


def state_of(url: str) -> str:
    """Return the state in a URL."""
    return parse_qs(urlsplit(url).query)["state"][0]
