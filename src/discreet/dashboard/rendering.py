"""Turn a template and its data into a page. Other people's texts are data everywhere."""

from __future__ import annotations

import hashlib
import json
import unicodedata
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.responses import HTMLResponse, RedirectResponse

from discreet.dashboard.icons import icon
from discreet.dashboard.security import COOKIE, csrf_token

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

NOTICE_COOKIE = "discreet_notice"
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
MAX_NOTICE_BYTES = 1_000
"""A cookie holds four thousand, and a byte may take three of them."""
PROBLEM = "!"
"""Begins the notice of what went wrong."""
MAX_SHOWN_CHARACTERS = 20_000
_REORDERING = dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A)), REPLACEMENT)
"""Characters that change the direction of others. Marks, which right-to-left names use, don't."""

# Address, title, icon, and whether it is about setting things up, which a phone has on one page.
NAVIGATION = (
    ("/", "Home", "home", False),
    ("/inbox", "Inbox", "inbox", False),
    ("/memories", "Memories", "memories", False),
    ("/simulator", "Simulator", "simulator", False),
    ("/settings", "Settings", "settings", False),
    ("/agents", "Agents", "agents", True),
    ("/channels", "Channels", "channels", True),
    ("/tools", "Tools", "tools", True),
    ("/reminders", "Reminders", "time", True),
    ("/limits", "Limits", "limits", True),
    ("/usage", "Usage", "time", True),
    ("/tokens", "Tokens", "access", True),
    ("/backups", "Backups", "backups", True),
    ("/sign-ins", "Sign-ins", "person", True),
)
AGES = ((60, 1, "now"), (3_600, 60, "{} min"), (86_400, 3_600, "{} h"), (604_800, 86_400, "{} d"))
"""Up to how many seconds, in units of how many seconds, and how it is said."""


@dataclass(frozen=True, slots=True)
class Renderer:
    """The templates of the dashboard."""

    environment: Environment

    def page(
        self, request: Request, template: str, status: int = 200, **context: Any
    ) -> HTMLResponse:
        """Render a page; the result of the last form is shown once."""
        notice = unquote(request.cookies.get(NOTICE_COOKIE, ""))[:MAX_NOTICE_BYTES]
        text = self.environment.get_template(template).render(
            context,
            csrf=csrf_token(request.cookies.get(COOKIE, "")),
            notice=notice.removeprefix(PROBLEM),
            notice_is_bad=notice.startswith(PROBLEM),
            navigation=NAVIGATION,
            path=request.url.path,
            query=f"?{request.url.query}" if request.url.query else "",
            method=request.method,
        )
        response = HTMLResponse(text, status)
        if notice:
            response.delete_cookie(NOTICE_COOKIE, path="/", httponly=True, samesite="strict")
        return response

    def part(self, template: str, **context: Any) -> HTMLResponse:
        """Render a part of a page that is replaced while the page stays."""
        return HTMLResponse(self.environment.get_template(template).render(context))


def make_renderer() -> Renderer:
    """Load the templates; a name that a template misspells is an error, not an empty text."""
    environment = Environment(
        loader=PackageLoader("discreet.dashboard"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "moment": _moment,
        "day": _day,
        "clock": _clock,
        "ago": _ago,
        "said": _said,
        "name": _name,
        "visible": _visible,
        "one_line": one_line,
        "counted": _counted,
        "hue": _hue,
        "initials": _initials,
        "json": _json,
        "query": _query,
    }
    environment.globals["icon"] = icon
    environment.globals["static"] = static
    return Renderer(environment)


@cache
def static(name: str) -> str:
    """Return the address of a file of ours: another one once the file changes."""
    content = files("discreet.dashboard").joinpath("static", name).read_bytes()
    return f"/static/{name}?{hashlib.sha256(content).hexdigest()[:12]}"


def go_to(path: str, notice: str = "", *, failed: bool = False) -> Response:
    """Lead back from a form, and say what it did; ``failed``: that it could not."""
    response = RedirectResponse(path, 303)
    if notice:
        response.set_cookie(
            NOTICE_COOKIE,
            quote(f"{PROBLEM if failed else ''}{notice}".encode()[:MAX_NOTICE_BYTES]),
            max_age=60,
            path="/",
            httponly=True,
            samesite="strict",
        )
    return response


def _time(moment: datetime | None, style: str, shown: str) -> Markup:
    """Return a time in UTC, which the script turns into the browser's own."""
    if moment is None:
        return Markup("&ndash;")
    return Markup('<time datetime="{}" data-style="{}">{}</time>').format(
        moment.astimezone(UTC).isoformat(), style, moment.astimezone(UTC).strftime(shown)
    )


def _moment(moment: datetime | None) -> Markup:
    return _time(moment, "moment", "%Y-%m-%d %H:%M UTC")


def _day(moment: datetime | None) -> Markup:
    return _time(moment, "day", "%Y-%m-%d")


def _clock(moment: datetime | None) -> Markup:
    return _time(moment, "clock", "%Y-%m-%d %H:%M UTC")


def _ago(moment: datetime | None) -> Markup:
    """Return how long ago something was, or its day where that is long."""
    if moment is None:
        return Markup("&ndash;")
    age = (datetime.now(UTC) - moment).total_seconds()
    for most, unit, said in AGES:
        if age < most:
            return _time(moment, "ago", said.format(int(age // unit)))
    return _day(moment)


def _said(text: str | None) -> Markup:
    """Return a person's text as it is: isolated, with controls made visible, cut where endless."""
    shown = _visible(text or "")
    more = "" if len(shown) <= MAX_SHOWN_CHARACTERS else " … (cut)"
    return Markup('<p class="said" dir="auto">{}{}</p>').format(shown[:MAX_SHOWN_CHARACTERS], more)


def _name(text: str | None) -> Markup:
    """Return a person's name or a file's, isolated from the words around it.

    Its characters keep the order in which they are written: "photo", U+202E, "gpj.exe" is no
    picture.
    """
    return Markup('<bdi class="name">{}</bdi>').format(one_line(text or ""))


def _counted(number: int, noun: str) -> str:
    plural = noun[:-1] + "ies" if noun.endswith("ory") else noun + "s"
    return f"{number:,} {noun if number == 1 else plural}"


def _hue(key: object) -> int:
    """Return which of the four colours something has, always the same one."""
    return zlib.crc32(str(key).encode()) % 4


def _initials(label: str) -> str:
    words = [word for word in label.split() if word[0].isalnum()]
    return "".join(word[0].upper() for word in words[:2]) or "?"


def _json(value: object) -> str:
    return _visible(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def _query(fields: Mapping[str, str]) -> str:
    """Return the query of an address, without the fields that are empty."""
    given = {name: value for name, value in fields.items() if value}
    return f"?{urlencode(given)}" if given else ""


def one_line(text: str) -> str:
    """Return a name on one line, with what would reorder or hide its characters made visible."""
    return " ".join(_visible(text).translate(_REORDERING).split())


def _visible(text: str) -> str:
    return "".join(
        c if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cs") else REPLACEMENT
        for c in text
    )


__all__ = ["Renderer", "escape", "go_to", "make_renderer", "one_line"]
