"""Shared by channels over HTTP: clients, the meaning of responses, downloads."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx

from discreet.domain.errors import Unavailable
from discreet.domain.outbound import Later, NoFile, Rejected, SendResult, Sent, Unreachable
from discreet.proxies import check_proxies

__all__ = [
    "ANSWER_SECONDS",
    "CONNECT_SECONDS",
    "TOKEN_WAIT",
    "Answers",
    "download",
    "open_client",
    "read_object",
    "silence",
]

CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 60.0
"""A long timeout: whether a request that timed out was carried out is unknown."""
TOKEN_WAIT = timedelta(minutes=5)
"""A person has to replace a rejected token."""
MAX_WAIT = 3600.0
"""Maximum seconds that a platform may ask to wait."""


def silence(*names: str) -> None:
    """Disable loggers that log URLs, which contain tokens and recipients."""
    for name in names:
        logging.getLogger(name).disabled = True


def open_client(headers: Mapping[str, str]) -> httpx.AsyncClient:
    """Open a client. Close it with ``aclose``.

    Raises:
        BadInput: the proxy setting of the environment is invalid.
    """
    silence("httpx", "httpcore")
    check_proxies()
    return httpx.AsyncClient(
        headers=dict(headers), timeout=httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS)
    )


async def read_object(
    client: httpx.AsyncClient,
    url: str,
    *,
    base_url: str,
    refused: Callable[[httpx.Response], Exception | None],
    headers: Mapping[str, str] | None = None,
    params: Mapping[str, str] | None = None,
) -> Mapping[str, Any]:
    """Read one JSON object.

    ``refused`` returns an error for responses that are the caller's mistake.

    Raises:
        Unavailable: the API can't be reached, or returns something else.
        Exception: the one from ``refused``.
    """
    try:
        response = await client.get(url, headers=headers, params=params)
        if (mistake := refused(response)) is not None:
            raise mistake
        response.raise_for_status()
        found = response.json()
        if not isinstance(found, dict):
            raise ValueError("not an object")
    except (httpx.HTTPError, ValueError) as error:
        raise Unavailable(
            f"{base_url} can't be reached ({type(error).__name__}).",
            hint="Check the network and the URL.",
        ) from None
    return found


@dataclass(frozen=True, slots=True)
class Answers:
    """The meaning of one platform's responses.

    Attributes:
        platform: The platform's display name.
        error_of: The code and text of a rejection; code 0 if there is none.
        sent_id: The id of a sent message, from the response's JSON.
        wait_of: The seconds to wait, if the platform asks to slow down.
        slow_down: Error codes of rate limits.
        not_there: Error codes that mean that nothing can be delivered to this chat.
        not_there_statuses: HTTP statuses with the same meaning.
        wrong_token: Error codes that, with status 403, mean that the token was rejected.
        try_again: Error codes of problems on the platform's side.
    """

    platform: str
    error_of: Callable[[httpx.Response], tuple[int, str]]
    sent_id: Callable[[Any], str]
    wait_of: Callable[[httpx.Response, int], float]
    slow_down: frozenset[int] = frozenset()
    not_there: frozenset[int] = frozenset()
    not_there_statuses: frozenset[int] = frozenset()
    wrong_token: frozenset[int] = frozenset()
    try_again: frozenset[int] = frozenset()

    def result_of(self, response: httpx.Response) -> SendResult:
        """Return the result of a request to send."""
        if response.is_success:
            try:
                return Sent(self.sent_id(response.json()))
            except (ValueError, KeyError, TypeError, IndexError):
                # It was accepted; only its id is lost.
                return Sent("unknown")
        status, (code, words) = response.status_code, self.error_of(response)
        if status == 429 or code in self.slow_down:
            wait = min(max(self.wait_of(response, code), 0.1), MAX_WAIT)
            return Later(timedelta(seconds=wait), f"{self.platform} asks to slow down")
        if code in self.not_there:
            return self._not_there(words)
        if status == 401 or (status == 403 and code in self.wrong_token):
            command = f"sb channels add {self.platform.lower()}"
            return Later(TOKEN_WAIT, f"{self.platform} rejected the token: {command}")
        if status == 408 or status >= 500 or code in self.try_again:
            return self.unreachable(f"HTTP {status}")
        if status in self.not_there_statuses:
            return self._not_there(words)
        return Rejected(f"{self.platform} rejected it: {words}")

    def unreachable(self, why: str) -> Later:
        """Return the result of a request that got no response, or that should be retried later."""
        return Later(timedelta(0), f"{self.platform} can't be reached ({why})")

    def no_file(self, response: httpx.Response) -> NoFile | None:
        """Return why there is no file, or None if it is there.

        Raises:
            httpx.HTTPStatusError: not now.
        """
        if response.status_code in (400, 403, 404, 410):
            return NoFile(f"{self.platform} no longer has it (HTTP {response.status_code})")
        response.raise_for_status()
        return None

    def _not_there(self, words: str) -> Unreachable:
        return Unreachable(f"{self.platform} can't deliver it there: {words}")


async def download(
    client: httpx.AsyncClient, answers: Answers, url: str, max_bytes: int
) -> bytes | NoFile:
    """Download a file of at most ``max_bytes``.

    Raises:
        httpx.HTTPError, httpx.InvalidURL: not now.
    """
    content = bytearray()
    async with client.stream("GET", url) as response:
        if (refused := answers.no_file(response)) is not None:
            return refused
        async for piece in response.aiter_bytes():
            content += piece
            if len(content) > max_bytes:
                return NoFile(f"larger than {max_bytes:,} bytes")
    return bytes(content)
