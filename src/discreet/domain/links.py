"""Find links in a text as platforms do, and show them as text that nobody can follow. Pure.

Platforms make links of URLs and of bare domains, also where markup, entities or invisible
characters break them up in the source. So a text is judged by what a reader would see, too.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator

from discreet.domain.layout import Look, lay_out

__all__ = ["links_in", "without_links"]

_DOTS = ".\u3002\uff0e\uff61\u2024"
_SCHEMES = (
    "mailto|tel|sms|smsto|data|javascript|vbscript|tg|xmpp|sip|skype|callto|facetime|whatsapp"
    "|viber|signal|magnet|geo|market|intent|file|blob|about|view-source|bitcoin|webcal"
)
# Every repetition is bounded, so that a long text without spaces takes no quadratic time.
_RUN = re.compile(r"\S+")
_BEGINS = re.compile(
    r"(?P<slashes>(?<=[a-z0-9+.-])://(?=[^\s`*_~|<>'\\]))"
    rf"|(?P<scheme>(?<![^\W_])(?:{_SCHEMES}):(?=[\w+/?&%@#-]))"
    rf"|(?P<domain>(?<=[^\W_])[{_DOTS}](?=[^\W\d_][^\W_]))"
    rf"|(?P<ip>(?<![\w.])\d{{1,3}}(?:[{_DOTS}]\d{{1,3}}){{3}}(?!\w))",
    re.IGNORECASE,
)
_SCHEME_BEFORE = re.compile(r"[a-z0-9+.-]{0,32}\Z", re.IGNORECASE)
_HOST_BEFORE = re.compile(rf"[\w{_DOTS}-]{{0,253}}\Z")
_HOST = re.compile(rf"[\w{_DOTS}-]+")
_MAILBOX_BEFORE = re.compile(r"[\w.+-]@\Z")
_BREAKS = re.compile(rf"[{_DOTS}](?=\w)|:(?=\S)")
_CLOSING = ".,;:!?)]}>'\"*_~`|\u2026\u201d\u2019\u00bb"
_MAY_JOIN = re.compile(r"[&\\*_~`\[\]<]")
"""What markup removes from a text, so that the words around it meet."""
_LOOK = Look()


def links_in(text: str) -> list[str]:
    """Return the links of a text as written, without the punctuation behind them."""
    return [text[start:end].rstrip(_CLOSING) for start, end in _links(text)]


def without_links(text: str, allowed: Collection[str] = ()) -> str:
    """Return a text in which only the ``allowed`` links can be followed; others are broken visibly.

    ``https://a.example/b`` becomes ``https[:]//a[.]example/b``. The text may be CommonMark or
    plain: it has no other link in either reading.
    """
    broken = _broken(text, allowed)
    if not _has_others(_without_hidden(broken), allowed) and (
        not _MAY_JOIN.search(text) or not _has_others(_visible(broken), allowed)
    ):
        return broken
    # Markup or invisible characters hid a link. What is visible is shown, as one block of code.
    seen = _broken(_visible(broken), allowed)
    marks = "`" * (max((len(run) for run in re.findall("`+", seen)), default=0) + 3)
    return f"{marks}\n{seen}\n{marks}"


def _links(text: str) -> Iterator[tuple[int, int]]:
    """Yield where the links are. One that has begun takes all up to the next white space."""
    for run in _RUN.finditer(text):
        at, end = run.span()
        while (found := _BEGINS.search(text, at, end)) is not None:
            start = max(run.start(), _start(text, found))
            host = _HOST.match(text, start, end) if found.lastgroup == "domain" else None
            if host is not None and _is_of_mailbox(text, start, host.end(), end):
                at = host.end()
                continue
            yield start, end
            break


def _start(text: str, found: re.Match[str]) -> int:
    match found.lastgroup:
        case "slashes":
            before = _SCHEME_BEFORE
        case "domain":
            before = _HOST_BEFORE
        case _:
            return found.start()
    begun = before.search(text, max(0, found.start() - 253), found.start())
    return found.start() if begun is None else begun.start()


def _is_of_mailbox(text: str, start: int, end: int, run_end: int) -> bool:
    """Return whether a domain is an e-mail address's, with nothing behind it that a URL has."""
    return _MAILBOX_BEFORE.search(text, max(0, start - 2), start) is not None and text[
        end : min(end + 1, run_end)
    ] not in ("/", "?", "#", ":", "@")


def _has_others(text: str, allowed: Collection[str]) -> bool:
    return any(text[start:end].rstrip(_CLOSING) not in allowed for start, end in _links(text))


def _visible(text: str) -> str:
    return _without_hidden(lay_out(text, _LOOK).text)


def _without_hidden(text: str) -> str:
    if text.isascii():
        return text
    return "".join(c for c in text if unicodedata.category(c) not in ("Cf", "Mn", "Me", "Co", "Cn"))


def _broken(text: str, allowed: Collection[str]) -> str:
    pieces, at = list[str](), 0
    for start, end in _links(text):
        if text[start:end].rstrip(_CLOSING) in allowed:
            continue
        pieces += (text[at:start], _BREAKS.sub(_in_brackets, text[start:end]))
        at = end
    return "".join([*pieces, text[at:]])


def _in_brackets(found: re.Match[str]) -> str:
    return "[:]" if found[0] == ":" else "[.]"
