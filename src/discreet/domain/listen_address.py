"""Addresses to listen on, written ``host:port``."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Self

_BRACKETED = re.compile(r"\[([^\[\]]+)\]:([0-9]{1,5})")
_PLAIN = re.compile(r"([A-Za-z0-9._-]+):([0-9]{1,5})")
_HIGHEST_PORT = 65_535


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """``host`` is a name or an IP address (IPv6 without brackets). Port 0 means any free port."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse ``host:port``, or ``[host]:port`` for IPv6.

        Raises:
            ValueError: it is neither; the message completes "The setting ...".
        """
        found = _BRACKETED.fullmatch(text) or _PLAIN.fullmatch(text)
        if found is None:
            if text.count(":") > 1 and "[" not in text:
                raise ValueError(f"must have IPv6 in brackets, like [::1]:8780 (got {text!a})")
            raise ValueError(f"must be host:port, like 127.0.0.1:8780 (got {text!a})")
        host, port = found[1], int(found[2])
        if port > _HIGHEST_PORT:
            raise ValueError(f"must have a port up to {_HIGHEST_PORT} (got {text!a})")
        if text.startswith("["):
            try:
                ipaddress.IPv6Address(host)
            except ValueError:
                raise ValueError(f"must have an IPv6 address in brackets (got {text!a})") from None
        return cls(host, port)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
