"""Separate what a question is about from how it is asked.

"Can you list the order in which I brought up different aspects of my budget, in order? Mention
only three items" is about a budget. The other words are rare in what people tell, so they would
count more than the subject.
"""

from __future__ import annotations

import re

__all__ = ["subject_of_question"]

_GIVE = (
    r"(?:list|name|give (?:me|us)|tell (?:me|us)|show (?:me|us)|remind (?:me|us)(?: of)?"
    r"|(?:walk|take) (?:me|us) through|provide|outline|describe|explain|recall)"
)
_TALKS = r"(?:conversations?|chats?|sessions?|discussions?|messages|requests|talks|exchanges)"
_FORMS = re.compile(
    "|".join(
        (
            rf"\b(?:can|could|would|will) you (?:please |kindly |also )?{_GIVE}\b",
            rf"(?:^|(?<=[.!?] ))(?:please )?{_GIVE}\b",
            r"\ban? (?:\w+ )?(?:summary|overview|recap|outline|timeline|rundown) of\b",
            r"\b(?:the )?(?:order|sequence) in which\b",
            r"\bin (?:(?:the )?(?:right|correct|chronological|exact) )?order(?! to\b)",
            r"\b(?:i|we|they)(?:'ve)? (?:first |have |had )*"
            r"(?:brought up|mentioned|discussed|talked about|asked (?:you )?about)\b",
            rf"\b(?:throughout|across|during|over|in|based on) (?:all )?(?:of )?"
            rf"(?:my|our|the|these|those|their|his|her)(?: \w+)? {_TALKS}\b",
            r"\b(?:mention|list|name|give|include)?,? only(?: and only)? (?:\w+ )?"
            r"(?:items?|things|points|topics)\b",
            r"\bdifferent (?:aspects|topics|kinds|types|parts)(?: of| related to)?\b",
            r"\bhow many (?:different |distinct )?\b",
            r"\b(?:what|which) can be (?:inferred|said|concluded|learned) about\b",
            r"\bso far\b",
        )
    )
)


def subject_of_question(text: str) -> str:
    """Return a question without the phrases that only say how to answer it.

    Known for English. Text that isn't such a phrase is returned unchanged, in its case.
    """
    lowered = text.casefold()
    if not text.isascii() or len(lowered) != len(text):
        return text
    kept, at = [], 0
    for match in _FORMS.finditer(lowered):
        kept.append(text[at : match.start()])
        at = match.end()
    if not kept:
        return text
    subject = " ".join(" ".join([*kept, text[at:]]).split())
    return subject if any(map(str.isalnum, subject)) else text
