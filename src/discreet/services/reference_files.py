"""Read reference texts from a folder, and split them into passages. No database access here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from discreet.domain.errors import BadInput
from discreet.services.documents import DOCUMENTS, MAX_DOCUMENT_BYTES, text_of_document

MAX_FILE_BYTES = 1_000_000
MAX_FILES = 1000
MAX_PASSAGES = 20_000
PASSAGE_WORDS = 160  # target size; a passage ends at the last paragraph that fits
PASSAGE_CHARACTERS = 1600  # for scripts without spaces between words
MAX_HEADING_CHARACTERS = 200
SUFFIXES = (".md", ".txt", *DOCUMENTS)
_READ = ".md, .txt, .pdf, .docx, .html"

_HEADING = re.compile(r"(#{1,6})\s+(.*?)\s*#*\s*")
_SENTENCE_END = re.compile(r"(?<=[.!?…。！？])\s+")


@dataclass(frozen=True, slots=True)
class ReferenceText:
    """One file. ``title``: its path relative to the folder, with forward slashes."""

    title: str
    passages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReferenceFiles:
    """The texts of a folder or a file, and the names of the files that were left out."""

    texts: tuple[ReferenceText, ...]
    skipped: tuple[str, ...] = ()


def read_references(place: Path) -> ReferenceFiles:
    """Read every text and document below a folder, sorted by title, or a single file.

    Hidden files are left out; other files are reported as skipped.

    Raises:
        BadInput: there is no such file or folder, it is empty, or some files can't be published;
            the message names each of them and the problem.
    """
    if place.is_file():
        root, paths, skipped = place.parent, [place], []
        if place.suffix.lower() not in SUFFIXES:
            raise BadInput(f"{place} is not a text or document.", hint=f"Readable types: {_READ}.")
    elif place.is_dir():
        root, found = place, sorted(_files(place))
        paths = [path for path in found if path.suffix.lower() in SUFFIXES]
        skipped = [path.relative_to(root).as_posix() for path in found if path not in set(paths)]
    else:
        raise BadInput(f"{place} is not a file or folder.", hint=f"Readable types: {_READ}.")
    if not paths:
        raise BadInput(f"{place} has no file that can be read.", hint=f"Readable types: {_READ}.")
    if len(paths) > MAX_FILES:
        raise BadInput(f"{place} holds {len(paths)} files; at most {MAX_FILES} are published.")
    texts: list[ReferenceText] = []
    wrong: list[str] = []
    for path in paths:
        title = path.relative_to(root).as_posix()
        try:
            texts.append(ReferenceText(title, tuple(split_reference(_read(path)))))
        except BadInput as error:
            wrong.append(f"{title} {error.message}")
    if wrong:
        raise BadInput(
            wrong[0] + "."
            if len(paths) == 1
            else f"{len(wrong)} of {len(paths)} files can't be published: {'; '.join(wrong)}.",
            hint="Nothing was changed.",
        )
    if sum(len(text.passages) for text in texts) > MAX_PASSAGES:
        raise BadInput(f"These texts are too long: more than {MAX_PASSAGES:,} passages.")
    return ReferenceFiles(tuple(texts), tuple(skipped))


def split_reference(text: str) -> Iterator[str]:
    r"""Return passages of about 160 words, cut at headings and paragraphs, each below its heading.

    >>> list(split("# Prices\n\nA haircut is 30 euros.\n\n# Hours\n\nTuesday to Saturday."))
    ['Prices\nA haircut is 30 euros.', 'Hours\nTuesday to Saturday.']
    """
    for heading, paragraphs in _sections(text):
        held: list[str] = []
        for piece in (piece for paragraph in paragraphs for piece in _pieces(paragraph)):
            if held and not _fits("\n".join([*held, piece])):
                yield "\n".join([*heading, *held])
                held = []
            held.append(piece)
        if held:
            yield "\n".join([*heading, *held])


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if not hidden and path.is_file():
            yield path


def _read(path: Path) -> str:
    most = _max_bytes(path.suffix.lower())
    try:
        if path.stat().st_size > most:
            raise BadInput(f"is larger than {most:,} bytes")
        data = path.read_bytes()
    except OSError as error:
        raise BadInput(f"can't be read ({error.strerror})") from None
    return text_of_file(path.name, data)


def text_of_file(name: str, data: bytes) -> str:
    """Return the text of a text file or document, by the end of its name.

    Raises:
        BadInput: it can't be read; the message completes a sentence that begins with the name.
    """
    suffix = Path(name).suffix.lower()
    if len(data) > (most := _max_bytes(suffix)):
        raise BadInput(f"is larger than {most:,} bytes")
    try:
        text = text_of_document(suffix, data) if suffix in DOCUMENTS else data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadInput("is not UTF-8") from None
    if "\0" in text:
        raise BadInput("contains a NUL character")
    if not any(True for _ in split_reference(text)):
        raise BadInput("is empty")
    return text


def _max_bytes(suffix: str) -> int:
    return MAX_DOCUMENT_BYTES if suffix in DOCUMENTS else MAX_FILE_BYTES


def _sections(text: str) -> Iterator[tuple[list[str], list[str]]]:
    """Yield (heading, paragraphs) in order; a heading is at most one line.

    A section without paragraphs is joined to the next.
    """
    trail: list[tuple[int, str]] = []
    paragraphs: list[str] = []
    lines: list[str] = []

    def heading() -> list[str]:
        return [" > ".join(title for _, title in trail)] if trail else []

    for line in [*text.splitlines(), ""]:
        match = _HEADING.fullmatch(line)
        if line.strip() and not match:
            lines.append(line.rstrip())
            continue
        if lines:
            paragraphs.append("\n".join(lines))
            lines = []
        if match:
            if paragraphs:
                yield heading(), paragraphs
                paragraphs = []
            level = len(match[1])
            trail = [(depth, title) for depth, title in trail if depth < level]
            if match[2]:
                trail.append((level, match[2][:MAX_HEADING_CHARACTERS]))
    if paragraphs:
        yield heading(), paragraphs


def _pieces(paragraph: str) -> Iterator[str]:
    """Yield the paragraph if it fits, else groups of its sentences, else of its words."""
    if _fits(paragraph):
        yield paragraph
        return
    held = ""
    for part in _small_parts(paragraph):
        joined = f"{held} {part}" if held else part
        if held and not _fits(joined):
            yield held
            joined = part
        held = joined
    if held:
        yield held


def _small_parts(paragraph: str) -> Iterator[str]:
    for sentence in _SENTENCE_END.split(paragraph):
        if _fits(sentence):
            yield sentence
            continue
        for word in sentence.split():
            for start in range(0, len(word), PASSAGE_CHARACTERS):
                yield word[start : start + PASSAGE_CHARACTERS]


def _fits(text: str) -> bool:
    return len(text) <= PASSAGE_CHARACTERS and len(text.split()) <= PASSAGE_WORDS
