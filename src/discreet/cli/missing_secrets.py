"""Say which connected channels have no secret that this home can read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from discreet.cli.runtime import in_app

if TYPE_CHECKING:
    from discreet.app import App


async def secretless_lines(app: App) -> list[str]:
    """Return a line for each channel that is idle because its token is missing."""
    from discreet.services.channels import unreadable_secrets

    return [
        f"{channel.label} on your pages can't recognise visitors who sign in: its secret is not "
        "in this home. Remove the chat and add it again"
        if channel.platform == "web"
        else f"{channel.label} on {channel.platform} receives and sends nothing: its token is not"
        f" in this home. Enter it again: sb channels add {channel.platform}"
        for channel in await unreadable_secrets(app.channels)
    ]


def print_secretless() -> None:
    """Print those lines, or that the tokens of all channels are there, if there is a channel."""
    from discreet.cli.printing import print_text
    from discreet.services.channels import list_channels

    async def look(app: App) -> tuple[int, list[str]]:
        channels = await list_channels(app.db, app.owner_id)
        return len(channels), await secretless_lines(app)

    many, lines = in_app(look)
    for line in lines:
        print_text(line)
    if many and not lines:
        print_text(
            "The tokens of its channels came with it: don't run this copy and the original at the "
            "same time."
        )
