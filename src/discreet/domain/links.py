"""Find links in a text as platforms do, and show them as text that nobody can follow. Pure.

Platforms make links of URLs and of bare domains, also where markup, entities or invisible
characters break them up in the source. So a text is judged by what a reader would see, too.
"""

from __future__ import annotations

import html
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
# Every repetition is bounded, so that a long text without spaces takes no quadratic time. A link
# has a colon or a dot: those are looked for, and then what is around them.
# The set of signs comes first, because a search for a set skips all other characters quickly.
_SIGN = re.compile(
    rf"[:{_DOTS}](?:"
    r"(?P<colon>(?<=:)(?=[\w+/?&%@#-]))"
    rf"|(?P<domain>(?<=[^\W_][{_DOTS}])(?=[^\W\d_][^\W_]))"
    rf"|(?P<ip>(?<=\d[{_DOTS}])(?=\d)))"
)
_SLASHES = re.compile(r"(?<=[a-z0-9+.-])://(?=[^\s`*_~|<>'\\])", re.IGNORECASE)
_KNOWN_SCHEME_BEFORE = re.compile(rf"(?<![^\W_])(?:{_SCHEMES})\Z", re.IGNORECASE)
_SCHEME_ENDS = re.compile(rf"(?:{_SCHEMES})\Z", re.IGNORECASE)
_IP_BEFORE = re.compile(r"(?<![\w.])\d{1,3}\Z")
_IP_AFTER = re.compile(rf"[{_DOTS}]\d{{1,3}}(?:[{_DOTS}]\d{{1,3}}){{2}}")
_WORD, _SPACE = re.compile(r"\w"), re.compile(r"\s")
_SCHEME = re.compile(r"[a-z0-9+.-]{1,32}", re.IGNORECASE)
_HOST = re.compile(rf"[\w{_DOTS}-]+")
_MAILBOX_BEFORE = re.compile(r"[\w.+-]@\Z")
_COLON_BREAKS, _DOT_BREAKS = re.compile(r":(?=\S)"), re.compile(rf"[{_DOTS}](?=\w)")
_WEB = ("http", "https")
"""No known scheme ends with these, so the long search for one is saved for most links."""
_CLOSING = ".,;:!?)]}>'\"*_~`|\u2026\u201d\u2019\u00bb"
_MARKUP = re.compile(r"[*_~`]|\[(?![.:]\])|(?<!\[[.:])\]")
"""What markup removes from a text, so that the words around it meet. Not the signs of a break."""
_UNUSUAL = re.compile(
    r"[\\`|]|&#?\w|<\S|!\[|\[\W*\]\(|\]\([^\s)]*[^\x00-\x7f]"
    r"|\[[.:]\]\("  # a label of one sign
    r"|\)[*_~]*(?![*_~])(?:[^\s,;:!?)\].]|[.:](?=\S))"
)
"""Markup that does more than to remove signs: the text is laid out to see what a reader sees."""
_LOOK = Look()
# Where a link is expected, a browser also takes https:host, //host and the same with backslashes.
_ABSOLUTE = r"(?:[a-z][a-z0-9+.\t-]{1,31}:|[/\\]\t*[/\\])"
_DESTINATION = re.compile(
    r"(?:\]\(|(?:^|\n)[\s>*+.)0-9-]{0,40}\[[^\]\n]{1,200}\]:)"  # behind a label, or defined for one
    rf"\s*<?[\x00-\x20]*(?P<of_label>{_ABSOLUTE}[^\s)>]*)"
    r"|<(?P<alone>[a-z][a-z0-9+.-]{1,31}:[^\s<>]*)>"
    rf"|<[a-z][^<>]{{0,500}}?=\s*[\"']?[\x00-\x20]*(?P<of_tag>{_ABSOLUTE}[^\s>\"']*)",
    re.IGNORECASE,
)
_BROKEN_HOST = re.compile(r"(?:https?:[/\\]*|[/\\]{2,})[^/\\?#]*\[[.:]\]", re.IGNORECASE)
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")


def links_in(text: str) -> list[str]:
    """Return the links of a text as written, without the punctuation behind them."""
    return [text[start:end].rstrip(_CLOSING) for start, end in _links(text)]


def without_links(text: str, allowed: Collection[str] = ()) -> str:
    """Return a text in which only the ``allowed`` links can be followed; others are broken visibly.

    ``https://a.example/b`` becomes ``https[:]//a[.]example/b``. The text may be CommonMark or
    plain: it has no other link in either reading.
    """
    broken = _broken(text, allowed)
    if not _has_hidden(broken, allowed) and not _may_show_others(broken, allowed):
        return broken
    # Markup or invisible characters hid a link. What is visible is shown, as one block of code.
    seen = _broken(_visible(broken), allowed)
    marks = "`" * (max((len(run) for run in re.findall("`+", seen)), default=0) + 3)
    return f"{marks}\n{seen}\n{marks}"


def _has_hidden(broken: str, allowed: Collection[str]) -> bool:
    """Return whether invisible characters hide other links."""
    return not broken.isascii() and _has_others(_without_hidden(broken), allowed)


def _may_show_others(text: str, allowed: Collection[str]) -> bool:
    """Return whether a reader of the text's markup sees links that it doesn't have as it is."""
    if _has_destination(text, allowed):
        return True
    if not _UNUSUAL.search(text):
        if not _MARKUP.search(text):
            return False
        # Whichever of the signs are removed: no link without any of them.
        if not _has_likely(_without_hidden(_MARKUP.sub("", text)), allowed):
            return False
    return _has_others(_visible(text), allowed)


def _has_destination(text: str, allowed: Collection[str]) -> bool:
    """Return whether CommonMark or HTML has a link to elsewhere, without what makes it one alone.

    Its host needs no dot then, and no two slashes: ``![](https:134744072/p)``.
    """
    if "]" not in text and "<" not in text:
        return False
    readings = [text]
    if "&" in text or "\\" in text:
        read = _ESCAPED.sub(r"\1", html.unescape(text))
        readings += [] if read == text else [read]
    for reading in readings:
        for found in _DESTINATION.finditer(reading):
            url = found[found.lastgroup or 0]
            if _BROKEN_HOST.match(url) is None and not any(one.startswith(url) for one in allowed):
                return True
    return False


def _has_likely(text: str, allowed: Collection[str]) -> bool:
    """Return whether there are other links, also if a word ended where it now goes on."""
    at = 0
    while (found := _SIGN.search(text, at)) is not None:
        at = found.end()
        if found.lastgroup == "ip" and not _IP_AFTER.match(text, found.start()):
            continue
        if found.lastgroup == "colon" and not (
            _SLASHES.match(text, found.start())
            or _SCHEME_ENDS.search(text, max(0, found.start() - 16), found.start())
        ):
            continue
        start, space = _start(text, found), _SPACE.search(text, at)
        at = len(text) if space is None else space.start()
        if start is None or text[start:at].rstrip(_CLOSING) not in allowed:
            return True
    return False


def _links(text: str) -> Iterator[tuple[int, int]]:
    """Yield where the links are. One that has begun takes all up to the next white space."""
    at = 0
    while (found := _SIGN.search(text, at)) is not None:
        start = _start(text, found)
        at = found.end()
        if start is None:
            continue
        host = _HOST.match(text, start) if found.lastgroup == "domain" else None
        if host is not None and _is_of_mailbox(text, start, host.end()):
            at = host.end()
            continue
        space = _SPACE.search(text, at)
        at = len(text) if space is None else space.start()
        yield start, at


def _start(text: str, found: re.Match[str]) -> int | None:
    """Return where a link begins that has this sign, or None if there is none."""
    sign = found.start()
    match found.lastgroup:
        case "colon":
            if not text.endswith(_WEB, 0, sign):
                known = _KNOWN_SCHEME_BEFORE.search(text, max(0, sign - 16), sign)
                if known is not None:
                    return known.start()
            return None if _SLASHES.match(text, sign) is None else _before(_SCHEME, text, sign)
        case "domain":
            return _before(_HOST, text, sign)
        case _:
            after = _IP_AFTER.match(text, sign)
            if after is None or _WORD.match(text, after.end()):
                return None
            begun = _IP_BEFORE.search(text, max(0, sign - 3), sign)
            return None if begun is None else begun.start()


def _before(pattern: re.Pattern[str], text: str, sign: int) -> int:
    """Return where the characters of a pattern begin that end at a sign. Read backwards."""
    found = pattern.match(text[max(0, sign - 253) : sign][::-1])
    return sign if found is None else sign - found.end()


def _is_of_mailbox(text: str, start: int, end: int) -> bool:
    """Return whether a domain is an e-mail address's, with nothing behind it that a URL has."""
    return _MAILBOX_BEFORE.search(text, max(0, start - 2), start) is not None and text[
        end : end + 1
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
        pieces += (text[at:start], _in_brackets(text[start:end]))
        at = end
    return "".join([*pieces, text[at:]])


def _in_brackets(link: str) -> str:
    return _DOT_BREAKS.sub("[.]", _COLON_BREAKS.sub("[:]", link))
