"""Icons, drawn as SVG by the server: lines on a square of 24."""

from __future__ import annotations

from collections.abc import Mapping

from markupsafe import Markup

ICONS: Mapping[str, str] = {
    "home": "M4 11 12 4l8 7v8a1 1 0 0 1-1 1h-4v-6H9v6H5a1 1 0 0 1-1-1z",
    "inbox": "M4 13h4l2 3h4l2-3h4M4 13 6.5 5h11L20 13v5a1 1 0 0 1-1 1H5a1 1 0 0 1-1-1z",
    "memories": "M6 4h11a2 2 0 0 1 2 2v14l-7-4-7 4V5a1 1 0 0 1 1-1z",
    "simulator": "M4 5h9v7H8l-4 3zM16 9h4v9l-4-3h-5v-1",
    "agents": "M12 4v3M6 7h12v11H6zM9.500 11.500v1M14.500 11.500v1M9.500 15.200h5M3.500 11v3"
    "M20.500 11v3",
    "channels": "M4 12 20 4l-6 16-3-6zM11 14l9-10",
    "tools": "M14.500 6.500a4 4 0 0 0-5.300 5L4 16.700 7.300 20l5.200-5.200a4 4 0 0 0 5-5.300"
    "L15 12l-3-3z",
    "webhooks": "M5 12a3 3 0 1 0 3 3h8M12 5a3 3 0 0 1 2.600 4.500L18 15"
    "a3 3 0 1 1-1 2.500M12 8 8.500 14",
    "access": "M8 15a4 4 0 1 1 3.500-6H21v3h-2v3h-3v-3h-4.500A4 4 0 0 1 8 15zM8 11h.01",
    "limits": "M4 17a8 8 0 1 1 16 0M12 17l4-5M4 17h2M18 17h2",
    "backups": "M5 6c0-3 14-3 14 0v12c0 3-14 3-14 0zM5 6c0 3 14 3 14 0M5 12c0 3 14 3 14 0",
    "settings": "M4 7h9M17 7h3M4 12h3M11 12h9M4 17h9M17 17h3M15 5v4M9 10v4M15 15v4",
    "search": "M10.500 17a6.500 6.500 0 1 1 0-13 6.500 6.500 0 0 1 0 13zM15.500 15.500 20 20",
    "done": "M5 12.500 10 17.500 19.500 7",
    "attention": "M12 4 21 19H3zM12 10v4M12 16.500v.01",
    "person": "M12 12a4 4 0 1 1 0-8 4 4 0 0 1 0 8zM5 20c0-4 3-6 7-6s7 2 7 6",
    "group": "M9 12a3.500 3.500 0 1 1 0-7 3.500 3.500 0 0 1 0 7zM3 19c0-3 2.500-5 6-5s6 2 6 5"
    "M16 5.500a3.300 3.300 0 0 1 0 6M17.500 14.500c2.200.6 3.500 2.200 3.500 4.500",
    "stop": "M12 20a8 8 0 1 1 0-16 8 8 0 0 1 0 16zM6.500 6.500l11 11",
    "time": "M12 20a8 8 0 1 1 0-16 8 8 0 0 1 0 16zM12 8v4l3 2",
    "send": "M4 12h15M13 6l6 6-6 6",
    "back": "M20 12H5M11 6l-6 6 6 6",
    "file": "M6 4h8l4 4v12H6zM14 4v4h4",
    "pause": "M8 5v14M16 5v14",
    "play": "M8 5l11 7-11 7z",
    "brand": "M12 3c5 0 9 3.400 9 7.700 0 4.200-4 7.600-9 7.600-1 0-2-.1-3-.4L4 21l1-4.500"
    "c-1.300-1.400-2-3.400-2-5.800C3 6.400 7 3 12 3zM9 11h.01M12 11h.01M15 11h.01",
}


def icon(name: str) -> Markup:
    """Return an icon, for the eye alone: the words beside it say the same."""
    return Markup(
        '<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d="{}"/></svg>'
    ).format(ICONS[name])
