"""Cut long texts without splitting a word, an emoji or, where possible, a code block.

Pure and deterministic.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_left
from collections.abc import Sequence
from operator import itemgetter


def cuts(
    text: str, units: Sequence[int], blocks: Sequence[tuple[int, int]], limit: int
) -> list[tuple[int, int]]:
    """Return the parts of a text as (start, end) pairs, each at most ``limit`` units long.

    ``units``: the offset of each character in the platform's units, plus the total length at the
    end. ``blocks``: start and end of each code block in units, sorted and not overlapping.
    """
    parts, start = [], 0
    while units[-1] - units[start] > limit:
        end = start
        while units[end + 1] - units[start] <= limit:
            end += 1
        cut = _best_cut(text, units, blocks, start, end, limit)
        last = start + len(text[start:cut].rstrip())
        if last > start:
            parts.append((start, last))
        start = cut
        inside = _inside(blocks, units[start])
        while start < len(text) and (text[start] == "\n" or (text[start] == " " and not inside)):
            start += 1
    last = start + len(text[start:].rstrip())
    if last > start or not parts:
        parts.append((start, last))
    return parts


def _best_cut(
    text: str,
    units: Sequence[int],
    blocks: Sequence[tuple[int, int]],
    start: int,
    end: int,
    limit: int,
) -> int:
    """Return the best place to cut, with ``start`` < cut <= ``end``. The next part begins there."""
    half = start + (end - start) // 2
    for separator in ("\n\n", "\n"):
        cut = text.rfind(separator, half, end + 1)
        while cut > half:
            if not _inside(blocks, units[cut]):
                return cut
            cut = text.rfind(separator, half, cut)
    at = _after(blocks, units[end])
    for first, last in blocks[at - 1 : at]:
        # If a cut would split a code block that fits into the next part, move the block there.
        if units[start] < first < units[end] < last and last - first <= limit:
            cut = max(index for index in range(start, end + 1) if units[index] <= first)
            if cut > start and text[start:cut].strip():
                return cut
    for separator in ("\n", " "):
        cut = text.rfind(separator, start + 1, end + 1)
        if cut > start:
            return cut
    cut = end
    while cut > start + 1 and not _begins_a_character(text, cut):
        cut -= 1
    return cut if cut > start + 1 else end


def _inside(blocks: Sequence[tuple[int, int]], unit: int) -> bool:
    at = _after(blocks, unit)
    return at > 0 and unit < blocks[at - 1][1]


def _after(blocks: Sequence[tuple[int, int]], unit: int) -> int:
    """Return the index of the first block that begins at or after a unit."""
    return bisect_left(blocks, unit, key=itemgetter(0))


def _begins_a_character(text: str, at: int) -> bool:
    """Return whether a grapheme cluster (a flag, a family, an accented letter) begins here."""
    here, before = text[at], text[at - 1]
    if here in _JOINING or before == _JOINER or unicodedata.category(here)[0] == "M":
        return False
    if 0x1F3FB <= ord(here) <= 0x1F3FF or 0xE0020 <= ord(here) <= 0xE007F:
        return False
    if _is_flag_letter(here):
        run = at
        while run > 0 and _is_flag_letter(text[run - 1]):
            run -= 1
        return (at - run) % 2 == 0
    return True


_JOINER = "\u200d"
_JOINING = {_JOINER, "\ufe0e", "\ufe0f", "\u20e3"}


def _is_flag_letter(character: str) -> bool:
    return 0x1F1E6 <= ord(character) <= 0x1F1FF
