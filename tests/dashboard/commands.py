"""Where the dashboard does what each command of ``sb`` does, or why it doesn't."""

from __future__ import annotations

from collections.abc import Mapping


class Missing(str):
    """Why the dashboard doesn't offer what a command does."""

    __slots__ = ()


MACHINE = Missing(
    "for whoever runs the machine: it moves or replaces the database under the server"
)
PROCESS = Missing("it is a process of its own, and the dashboard is a page of a running one")

DASHBOARD: Mapping[str, tuple[str, str] | Missing] = {
    "admission allow": ("POST", "/channels/allow"),
    "admission list": ("GET", "/channels"),
    "admission set": ("POST", "/channels/{id}"),
    "agents create": ("POST", "/agents"),
    "agents list": ("GET", "/agents"),
    "agents pause": ("POST", "/agents/{id}"),
    "agents rename": ("POST", "/agents/{id}"),
    "agents resume": ("POST", "/agents/{id}"),
    "agents set": ("POST", "/agents/{id}"),
    "agents show": ("GET", "/agents/{id}"),
    "agents test": ("POST", "/agents/{id}"),
    "backup": ("POST", "/backups"),
    "budgets list": ("GET", "/limits"),
    "budgets remove": ("POST", "/budgets"),
    "budgets set": ("POST", "/budgets"),
    "channels add discord": ("POST", "/channels"),
    "channels add other": ("POST", "/channels"),
    "channels add telegram": ("POST", "/channels"),
    "channels add whatsapp": ("POST", "/channels"),
    "channels branch": ("POST", "/channels/branches"),
    "channels branches": ("GET", "/channels"),
    "channels debounce": ("POST", "/channels/{id}"),
    "channels list": ("GET", "/channels"),
    "channels move": ("POST", "/channels/{id}"),
    "channels remove": ("POST", "/channels/{id}"),
    "channels test": ("POST", "/channels/{id}"),
    "channels unbranch": ("POST", "/channels/branches"),
    "chat": ("POST", "/simulator"),
    "contacts block": ("POST", "/contacts/{id}"),
    "contacts drafts": ("POST", "/contacts/{id}"),
    "contacts erase": ("POST", "/contacts/{id}/erase"),
    "contacts erasures": ("GET", "/backups"),
    "contacts export": ("GET", "/contacts/{id}/export"),
    "contacts link": ("POST", "/contacts/{id}/link"),
    "contacts links": ("GET", "/links"),
    "contacts list": ("GET", "/inbox"),
    "contacts note": ("POST", "/contacts/{id}"),
    "contacts rename": ("POST", "/contacts/{id}"),
    "contacts show": ("GET", "/contacts/{id}"),
    "contacts unblock": ("POST", "/contacts/{id}"),
    "contacts unlink": ("POST", "/links"),
    "dashboard": ("GET", "/sign-ins"),
    "db check": MACHINE,
    "db init": MACHINE,
    "db invite": MACHINE,
    "db join": MACHINE,
    "db migrate": MACHINE,
    "drafts approve": ("POST", "/drafts"),
    "drafts edit": ("POST", "/drafts"),
    "drafts list": ("GET", "/"),
    "drafts reject": ("POST", "/drafts"),
    "help": Missing("each page says what it is for"),
    "limits reset": ("POST", "/limits"),
    "limits set": ("POST", "/limits"),
    "limits show": ("GET", "/limits"),
    "mcp": PROCESS,
    "memories add": ("POST", "/contacts/{id}"),
    "memories forget": ("POST", "/memories/{id}"),
    "memories history": ("GET", "/memories/{id}"),
    "memories list": ("GET", "/memories"),
    "memories recall": ("GET", "/memories"),
    "memories reembed": Missing(
        "it takes minutes, after a change of a setting that needs a restart"
    ),
    "memories remember": ("POST", "/contacts/{id}"),
    "memories restore": ("POST", "/memories/{id}"),
    "memories show": ("GET", "/memories/{id}"),
    "memories update": ("POST", "/memories/{id}"),
    "messages search": ("GET", "/contacts/{id}"),
    "owner link": ("POST", "/channels/owner"),
    "owner list": ("GET", "/channels"),
    "pairing approve": ("POST", "/pairings"),
    "pairing deny": ("POST", "/pairings"),
    "pairing list": ("GET", "/"),
    "quarantine list": ("GET", "/quarantine"),
    "quarantine retry": ("POST", "/quarantine"),
    "owner unlink": ("POST", "/channels/owner"),
    "restore": MACHINE,
    "serve": PROCESS,
    "service install": MACHINE,
    "service remove": MACHINE,
    "service show": MACHINE,
    "sessions follow": ("GET", "/contacts/{id}/live"),
    "sessions list": ("GET", "/inbox"),
    "sessions show": ("GET", "/contacts/{id}"),
    "status": ("GET", "/"),
    "takeover": ("POST", "/contacts/{id}/takeover"),
    "tokens create": ("POST", "/tokens"),
    "tokens list": ("GET", "/tokens"),
    "tokens revoke": ("POST", "/tokens/{id}"),
    "turns list": ("GET", "/contacts/{id}"),
    "turns show": ("GET", "/turns/{id}"),
    "usage": ("GET", "/usage"),
    "version": ("GET", "/settings"),
}
