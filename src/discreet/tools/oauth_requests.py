"""Requests to an authorization server and to what it names: checked, pinned and bounded."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from discreet.domain.errors import BadInput, DiscreetError, Unavailable
from discreet.tools.bounds import AS_IT_IS, bound_response

if TYPE_CHECKING:
    import httpx2

CALL_SECONDS = 15.0
"""Seconds for one request to an authorization server."""
MAX_BYTES = 256_000
"""Bytes of one of its responses."""

CheckUrl = Callable[[str], Awaitable[str]]
"""Checks a URL named by a server and returns it with the resolved address in place of the host, so
that DNS rebinding has no effect. Raises ``BadInput`` if the URL must not be called."""


@dataclass(frozen=True, slots=True)
class OAuthRequests:
    """Requests to a server and to those it names, each with a limit of time and size."""

    client: httpx2.AsyncClient
    check: CheckUrl

    async def get(self, url: str) -> httpx2.Response:
        from mcp.client.auth.utils import create_oauth_metadata_request

        return await self.send(create_oauth_metadata_request(url))

    async def send(self, request: httpx2.Request) -> httpx2.Response:
        import httpx2

        to = await self.check(str(request.url))
        # Host header, SNI and certificate check keep the name; only the address is fixed.
        pinned = httpx2.Request(
            request.method,
            to,
            headers={**request.headers, **AS_IT_IS},
            content=request.content,
            extensions={"sni_hostname": request.url.host},
        )
        response = await self.client.send(pinned, stream=True)
        try:
            body = bytearray()
            async for part in response.aiter_bytes():
                body += part
                if len(body) > MAX_BYTES:
                    raise Unavailable("A response of the authorization server is too long.")
        finally:
            await response.aclose()
        kept = [(k, v) for k, v in response.headers.multi_items() if k not in _OF_TRANSPORT]
        return httpx2.Response(
            response.status_code, headers=kept, content=bytes(body), request=request
        )

    async def challenge(self, url: str) -> tuple[str | None, str | None]:
        """Return the scope and the address of metadata that the server asks for when called."""
        import httpx2
        from mcp.client.auth.utils import (
            extract_resource_metadata_from_www_auth,
            extract_scope_from_www_auth,
        )

        accepts = {"Accept": "application/json, text/event-stream"}
        request = httpx2.Request("GET", url, headers=accepts)
        response = await self.client.send(request, stream=True)
        await response.aclose()
        if response.status_code not in (401, 403):
            return None, None
        return (
            extract_scope_from_www_auth(response),
            extract_resource_metadata_from_www_auth(response),
        )


_OF_TRANSPORT = ("content-encoding", "content-length", "transfer-encoding")


@asynccontextmanager
async def oauth_requests(server_url: str, check: CheckUrl) -> AsyncIterator[OAuthRequests]:
    """Yield what talks to the authorization server of ``server_url``.

    Raises:
        BadInput: it names a place that must not be called.
        Unavailable: it can't be reached, or answers with what nobody understands.
    """
    import httpx2
    from mcp.client.auth import OAuthFlowError
    from pydantic import ValidationError

    async def checked(url: str) -> str:
        if not _is_near(url, server_url):
            raise BadInput(f"The server names {url[:200]!a}, which isn't https.")
        return await check(url)

    try:
        async with httpx2.AsyncClient(
            timeout=CALL_SECONDS,
            follow_redirects=False,
            trust_env=False,  # a proxy would look the name up again
            verify=httpx2.create_ssl_context(),  # with SSL_CERT_FILE, as for calls of tools
            event_hooks={"response": [bound_response]},
        ) as client:
            yield OAuthRequests(client, checked)
    except DiscreetError:
        raise
    except (httpx2.HTTPError, httpx2.InvalidURL, OAuthFlowError, ValidationError, OSError) as error:
        raise Unavailable(
            f"The authorization server can't be used ({type(error).__name__})."
        ) from None


def _is_near(url: str, server_url: str) -> bool:
    """Return whether a URL is https, or http on the host of a tool server that is by http too."""
    parts, server = urlsplit(url), urlsplit(server_url)
    if parts.scheme == "https":
        return True
    return parts.scheme == "http" == server.scheme and parts.hostname == server.hostname
