"""Classify failures of a model: whether they are transient, and how long to wait.

Only the class and the status of a provider's error are reported: its text may repeat the prompt.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg

from discreet.domain.errors import DiscreetError
from discreet.turn.lease import LeaseLost
from discreet.turn.result import ModelError

__all__ = ["failures"]

PASSING = frozenset({408, 409, 425, 429})
"""Statuses below 500 after which the same request may succeed."""
MESSAGE_CHARACTERS = 300
"""Maximum characters used of a provider's own message; quotes of the prompt come after it."""
MAX_WAIT = 3_600.0

# How providers and servers say that a prompt is too long, with the size of the context and their
# token count where they name them.
_EXCEEDED = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"maximum context length is (?P<window>[\d,]+)"
        r"(?:.{0,160}?(?:resulted in|requested(?: about)?|passed) (?P<sent>[\d,]+))?",
        r"passed (?P<sent>[\d,]+) input tokens.{0,120}context length is only (?P<window>[\d,]+)",
        r"prompt is too long: (?P<sent>[\d,]+) tokens > (?P<window>[\d,]+)",
        r"exceed context limit: (?P<sent>[\d,]+ \+ [\d,]+) > (?P<window>[\d,]+)",
        r"requested tokens \((?P<sent>[\d,]+)\) exceed context window of (?P<window>[\d,]+)",
        r"\((?P<sent>[\d,]+) tokens\) exceeds the available context size \((?P<window>[\d,]+)",
        r"exceeds the available context size",
        r"too large for model.{0,200}Limit (?P<window>[\d,]+), Requested (?P<sent>[\d,]+)",
        r"input token count \(?(?P<sent>[\d,]+)\)? exceeds the maximum number of tokens allowed"
        r" \(?(?P<window>[\d,]+)",
        r"maximum prompt length is (?P<window>[\d,]+)"
        r"(?:.{0,80}contains (?P<sent>[\d,]+) tokens)?",
        r"contains (?P<sent>[\d,]+) tokens.{0,80}model with (?P<window>[\d,]+) maximum context",
        r"loaded with context length of only (?P<window>[\d,]+)",
        r"cannot exceed (?P<window>[\d,]+) - received (?P<sent>[\d,]+)",
        r"must be <= (?P<window>[\d,]+)\. Given: (?P<sent>[\d,]+)",
        r"(?:input|prompt)\b.{0,40}\b(?:is too long|too large for (?:this|the) model)",
        r"context (?:length|window|size)\b.{0,40}\b(?:exceeded|overflow)",
        r"exceed\w*\b.{0,40}\bcontext (?:length|window|size|limit)",
        r"reduce the length of the (?:messages|prompt|input)",
    )
)


@contextmanager
def failures(silence: float) -> Iterator[None]:
    """Turn any failure of a model into a ``ModelError``."""
    from pydantic_ai import exceptions as wrong

    try:
        yield
    except (LeaseLost, DiscreetError, psycopg.Error):
        raise  # from a tool or a draft: the installation's fault, not the model's
    except (TimeoutError, wrong.ModelTimeoutError, wrong.ModelRequestTimeout) as error:
        raise ModelError("timeout", f"The model sent nothing for {silence:g} seconds.") from error
    except wrong.ContentFilterError as error:
        raise ModelError("refused", "The provider's content filter refused the request.") from error
    except wrong.ModelAPIError as error:
        raise _of_provider(error) from error
    except wrong.UnexpectedModelBehavior as error:
        raise ModelError(
            "confused", f"The model's answer is invalid ({type(error).__name__})."
        ) from error
    except Exception as error:
        # Provider libraries have their own exception types; the turn must end either way.
        raise ModelError(
            "provider", f"The model's library failed ({type(error).__name__})."
        ) from error


def _of_provider(error: Any) -> ModelError:
    from pydantic_ai import exceptions as wrong

    exceeded = _exceeded(error)
    if exceeded is not None:
        return exceeded
    if isinstance(error, wrong.ModelAuthenticationError):
        return ModelError(
            "setup",
            "The provider rejected the API key.",
            hint="Check the provider's API key.",
            final=True,
        )
    if isinstance(error, wrong.ModelNotFoundError):
        return ModelError(
            "setup",
            "The provider does not know this model.",
            hint="Check the model's name.",
            final=True,
        )
    if isinstance(error, wrong.ModelQuotaExceededError):
        return ModelError(
            "setup", "The account at the provider has no quota or credit left.", final=True
        )
    if isinstance(error, wrong.ModelHTTPError):
        status = error.status_code
        wait = None if error.retry_after is None else min(max(error.retry_after, 0.0), MAX_WAIT)
        return ModelError(
            "provider",
            f"The provider answered with status {status}.",
            final=400 <= status < 500 and status not in PASSING,
            wait=wait,
        )
    return ModelError("provider", f"The provider can't be reached ({type(error).__name__}).")


def _exceeded(error: Any) -> ModelError | None:
    """Return the failure if the prompt was too long for the model."""
    from pydantic_ai.exceptions import ModelContextWindowExceededError, ModelHTTPError

    body = _inner(error.body)
    text = str(body.get("message") or "")[:MESSAGE_CHARACTERS]
    found = next((match for pattern in _EXCEEDED if (match := pattern.search(text))), None)
    if isinstance(error, ModelHTTPError) and error.status_code in (401, 403, 404, 429):
        return None
    is_typed = "exceed_context" in f"{error.provider_error_type} {body.get('type')}"
    if found is None and not is_typed and not isinstance(error, ModelContextWindowExceededError):
        return None
    failure = ModelError("context", "The prompt is too long for the model.", final=True)
    named = {} if found is None else found.groupdict()
    failure.window = _number(named.get("window") or body.get("n_ctx"))
    failure.sent = _number(named.get("sent") or body.get("n_prompt_tokens"))
    return failure


def _inner(body: Any) -> Mapping[str, Any]:
    """Return the part of an error's body that says what happened."""
    if not isinstance(body, Mapping):
        return {"message": body if isinstance(body, str) else ""}
    inner = body.get("error")
    if isinstance(inner, Mapping):
        return inner
    return {"message": inner, **body} if isinstance(inner, str) else body


def _number(text: object) -> int | None:
    """Parse a number, or the sum of two, as they appear in an error."""
    found = re.findall(r"\d+", str(text or "").replace(",", ""))
    return sum(int(one[:9]) for one in found) or None
