"""How a secret may be written: encoded, turned around, or in letters that look alike."""

from __future__ import annotations

import base64
import codecs
import unicodedata

__all__ = ["MIN_FORM", "forms_of", "plain_of"]

MIN_FORM = 8
"""Minimum characters of an encoded form, so that it never occurs by chance."""
_OTHER = bytes(code for code in range(128) if not chr(code).isalnum())
_LOOK_ALIKE = "аеорсухіјѕһԁԛԝкмнвтгпαβεηικνορτυχγ"
"""Cyrillic and Greek letters that look like Latin ones, which stand in the same place below."""
_LATIN = b"aeopcyxijshdqwkmhbtrnabenikvoptuxy"
_ASCII = bytes(range(128))
_NO_LETTERS = "\ufffe" * (128 - len(_LOOK_ALIKE))
_BYTES = codecs.charmap_build(f"{_ASCII.decode()}{_LOOK_ALIKE}{_NO_LETTERS}")
_AS_LATIN = _ASCII + _LATIN + b"-" * (128 - len(_LATIN))


def plain_of(text: str) -> str:
    """Return the Latin letters and digits of a text in lower case, disguises removed."""
    if text.isascii():
        raw = text.lower().encode()
    else:
        folded = unicodedata.normalize("NFKD", text).casefold()
        raw, _ = codecs.charmap_encode(folded, "ignore", _BYTES)
    return raw.translate(_AS_LATIN, _OTHER).decode("ascii")


def forms_of(secret: str, *, as_written: bool = False) -> dict[str, str]:
    """Return what ``plain_of`` makes of a secret in each encoding, by the encoding's name.

    ``as_written``: leave out encodings of the secret in capitals or turned around.
    """
    core = plain_of(secret)
    found = {core: "plain", core[::-1]: "reversed", codecs.encode(core, "rot13"): "rot13"}
    others = () if as_written else (secret.upper(), core.upper(), secret[::-1])
    for said in dict.fromkeys((secret, core, *others)):
        raw = said.encode()
        found[raw.hex()] = "hex"
        # Where an encoded text begins within a larger one decides its letters: three ways each.
        for shift in range(3):
            coded = base64.b64encode(b"\0" * shift + raw + b"\0\0").decode()
            inner = coded[(0, 2, 3)[shift] : (shift + len(raw)) * 8 // 6]
            found[plain_of(inner)] = "base64"
        for shift in range(5):
            coded = base64.b32encode(b"\0" * shift + raw + b"\0\0\0\0").decode()
            inner = coded[-(-shift * 8 // 5) : (shift + len(raw)) * 8 // 5]
            found[plain_of(inner)] = "base32"
        found["".join(str(code) for code in raw)] = "character codes"
        found["".join(f"{code:08b}" for code in raw)] = "binary"
        found["".join(f"x{code:02x}" for code in raw)] = "escapes"
        found["".join(f"u{code:04x}" for code in raw)] = "escapes"
    return {form: name for form, name in found.items() if len(form) >= MIN_FORM}
