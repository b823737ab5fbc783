"""Read the text of PDF, DOCX and HTML files. Their libraries are extras, imported when used.

A file is somebody's: what it unpacks to, its pages and its text are limited.
"""

from __future__ import annotations

import logging
import re
import zipfile
from collections.abc import Callable, Mapping
from html.parser import HTMLParser
from io import BytesIO
from typing import Any

from discreet.domain.errors import BadInput

__all__ = ["DOCUMENTS", "MAX_DOCUMENT_BYTES", "text_of_document"]

MAX_DOCUMENT_BYTES = 20_000_000
MAX_UNPACKED_BYTES = 100_000_000
MAX_PARTS = 5_000
MAX_PAGES = 1_000
MAX_TEXT_CHARACTERS = 1_000_000
_INSTALL = "pip install 'discreet[documents]'"
_HEADINGS = frozenset(f"h{level}" for level in range(1, 7))
_BLOCKS = frozenset(
    {"p", "div", "li", "tr", "table", "ul", "ol", "section", "article", "br", "blockquote", "pre"}
)
_UNSEEN = frozenset({"script", "style", "template", "noscript", "svg", "head"})


def text_of_document(suffix: str, data: bytes) -> str:
    """Return the text of a document, in which headings are lines that begin with ``#``.

    Raises:
        BadInput: it can't be read, its library isn't installed, or it exceeds a limit; the message
            completes a sentence that begins with the file's name.
    """
    try:
        text = DOCUMENTS[suffix](data)
    except ImportError:
        raise BadInput(f"needs a library: {_INSTALL}") from None
    except (BadInput, MemoryError):
        raise
    except Exception as error:
        # Libraries have errors of their own for each way in which a file can be damaged.
        raise BadInput(f"can't be read ({type(error).__name__})") from None
    if not text.strip():
        raise BadInput("has no text; run text recognition (OCR) on scans first")
    return _limited(text)


def _limited(text: str) -> str:
    if len(text) > MAX_TEXT_CHARACTERS:
        raise BadInput(f"has more than {MAX_TEXT_CHARACTERS:,} characters of text")
    return text.replace("\0", "")


def _pdf(data: bytes) -> str:
    from pypdf import PdfReader

    # It logs its repairs, or why it fails; the caller reports a failure in words.
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    reader = PdfReader(BytesIO(data))
    if reader.is_encrypted and not reader.decrypt(""):
        raise BadInput("is protected by a password")
    if len(reader.pages) > MAX_PAGES:
        raise BadInput(f"has {len(reader.pages):,} pages; at most {MAX_PAGES:,} are read")
    pages: list[str] = []
    length = 0
    for page in reader.pages:
        pages.append(page.extract_text() or "")
        length += len(pages[-1])
        if length > MAX_TEXT_CHARACTERS:
            break
    return "\n\n".join(pages)


def _docx(data: bytes) -> str:
    _refuse_bombs(data)
    from docx import Document
    from docx.table import Table

    lines: list[str] = []
    for block in Document(BytesIO(data)).iter_inner_content():
        if isinstance(block, Table):
            rows = (" | ".join(cell.text.strip() for cell in row.cells) for row in block.rows)
            lines.append("\n".join(rows))
            continue
        level = re.fullmatch(r"(?:Title|Heading (\d))", block.style.name if block.style else "")
        mark = "" if level is None else "#" * min(int(level[1] or 1), 6) + " "
        lines.append(f"{mark}{block.text}")
    return "\n\n".join(lines)


def _refuse_bombs(data: bytes) -> None:
    """Check the contents that an archive declares, before unpacking any of it."""
    with zipfile.ZipFile(BytesIO(data)) as archive:
        parts = archive.infolist()
    if len(parts) > MAX_PARTS or sum(part.file_size for part in parts) > MAX_UNPACKED_BYTES:
        raise BadInput(f"unpacks to more than {MAX_UNPACKED_BYTES:,} bytes or {MAX_PARTS:,} parts")


class _Html(HTMLParser):
    """Collects the visible text."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._unseen = 0

    def handle_starttag(self, tag: str, attrs: Any) -> None:  # noqa: ARG002
        if tag in _UNSEEN:
            self._unseen += 1
        elif tag in _HEADINGS:
            self.parts.append(f"\n\n{'#' * int(tag[1])} ")
        elif tag in _BLOCKS:
            self.parts.append("\n" if tag == "br" else "\n\n")
        elif tag in ("td", "th"):
            self.parts.append(" | ")

    def handle_endtag(self, tag: str) -> None:
        if tag in _UNSEEN:
            self._unseen = max(0, self._unseen - 1)
        elif tag in _HEADINGS or tag in _BLOCKS:
            self.parts.append("\n\n")

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self.parts.append(re.sub(r"\s+", " ", data))


def _html(data: bytes) -> str:
    parser = _Html()
    parser.feed(data.decode("utf-8-sig"))
    parser.close()
    lines = (line.strip(" |") for line in "".join(parser.parts).split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


DOCUMENTS: Mapping[str, Callable[[bytes], str]] = {
    ".pdf": _pdf,
    ".docx": _docx,
    ".html": _html,
    ".htm": _html,
}
"""What reads a file, by the end of its name."""
