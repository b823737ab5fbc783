"""Make screenshots small: few colours, in a palette."""

from __future__ import annotations

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

MAX_COLOURS = 256
Pixels = NDArray[np.uint8]


def smaller(png: bytes) -> bytes:
    """Return an RGB or RGBA screenshot with at most 256 colours."""
    width, height, channels, packed = _parts(png)
    pixels = _unfiltered(zlib.decompress(packed), width, height, channels)[:, :, :3]
    every, places, often = np.unique(
        pixels.reshape(-1, 3), axis=0, return_inverse=True, return_counts=True
    )
    colours = every[np.argsort(-often, kind="stable")[:MAX_COLOURS]]
    away = every[:, None, :].astype(np.int32) - colours[None, :, :].astype(np.int32)
    places = np.argmin((away**2).sum(axis=2), axis=1)[places.reshape(-1)]
    rows = places.reshape(height, width).astype(np.uint8)
    body = b"".join(b"\0" + row.tobytes() for row in rows)
    return (
        png[:8]
        + _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0))
        + _chunk(b"PLTE", colours.tobytes())
        + _chunk(b"IDAT", zlib.compress(body, 9))
        + _chunk(b"IEND", b"")
    )


def _parts(png: bytes) -> tuple[int, int, int, bytes]:
    """Return width, height, bytes of a pixel and the compressed rows."""
    width, height = struct.unpack(">II", png[16:24])
    channels = {2: 3, 6: 4}[png[25]]
    at, packed = 8, b""
    while at < len(png):
        (size,), kind = struct.unpack(">I", png[at : at + 4]), png[at + 4 : at + 8]
        packed += png[at + 8 : at + 8 + size] if kind == b"IDAT" else b""
        at += size + 12
    return width, height, channels, packed


def _unfiltered(data: bytes, width: int, height: int, channels: int) -> Pixels:
    rows = np.frombuffer(data, np.uint8).reshape(height, width * channels + 1)
    done = np.zeros((height, width, channels), np.uint8)
    above = np.zeros((width, channels), np.uint8)
    for y, row in enumerate(rows):
        given = row[1:].reshape(width, channels)
        if row[0] == 0:
            above = given
        elif row[0] == 1:
            above = np.cumsum(given, axis=0, dtype=np.uint64).astype(np.uint8)
        elif row[0] == 2:
            above = given + above
        else:
            above = _one_by_one(int(row[0]), given, above)
        done[y] = above
    return done


def _one_by_one(kind: int, given: Pixels, above: Pixels) -> Pixels:
    made = np.zeros_like(given)
    left = corner = [0] * given.shape[1]
    for x, (values, up) in enumerate(zip(given.tolist(), above.tolist(), strict=True)):
        left = [
            (v + ((a + b) // 2 if kind == 3 else _paeth(a, b, c))) & 255
            for v, a, b, c in zip(values, left, up, corner, strict=True)
        ]
        corner = up
        made[x] = left
    return made


def _paeth(a: int, b: int, c: int) -> int:
    guess = a + b - c
    return min((a, b, c), key=lambda one: abs(guess - one))


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
