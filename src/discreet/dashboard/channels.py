"""Channels: connect accounts on platforms, and say who may write there."""

from __future__ import annotations

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from discreet.dashboard.context import Dashboard, Views, form_of, id_of, number_of, text_of
from discreet.dashboard.rendering import go_to
from discreet.domain.addresses import Address
from discreet.domain.errors import BadInput, DiscreetError
from discreet.domain.ids import ChannelId
from discreet.domain.platform import ChannelSecret
from discreet.schemas.admission import AdmissionToSet
from discreet.services import admission, agents, branches, channels, moving_channels

PAGE = "/channels"


async def show(dashboard: Dashboard, request: Request) -> Response:
    """List channels with who may write on them."""
    return await _page(dashboard, request)


async def _page(
    dashboard: Dashboard, request: Request, problem: DiscreetError | None = None
) -> Response:
    """``problem``: why an account wasn't connected; its form is as it was, without the token."""
    db, owner_id = dashboard.db, dashboard.owner_id
    policies = await admission.list_policies(db, owner_id)
    return dashboard.renderer.page(
        request,
        "channels.html",
        status=200 if problem is None else 422,
        problem=problem,
        given=form_of(request),
        channels=await channels.list_channels(db, owner_id),
        policies={policy.id: policy for policy in policies},
        agents=await agents.names_of_agents(db, owner_id),
        branches=await branches.list_branches(db, owner_id),
        own=await admission.list_owner_addresses(db, owner_id),
        platforms=sorted(set(dashboard.app.channels.platforms) - {"terminal"}),
    )


async def connect(dashboard: Dashboard, request: Request) -> Response:
    """Connect an account; the platform says first whose secret it is."""
    try:
        return go_to(PAGE, await connected(dashboard, request.state.form))
    except DiscreetError as problem:
        return await _page(dashboard, request, problem)


async def connected(dashboard: Dashboard, form: FormData) -> str:
    """Connect the account that a form names, and say what is connected.

    Raises:
        BadInput, Conflict, NotFound, Unavailable: it can't be connected; nothing was stored.
    """
    token = text_of(form, "token").strip()
    if not token:
        raise BadInput("The token is missing.", hint="Get one from the platform.")
    secret = ChannelSecret(token, app_secret=text_of(form, "app_secret").strip())
    made = await channels.connect_channel(
        dashboard.app.channels,
        text_of(form, "agent") or None,
        text_of(form, "platform"),
        secret,
        text_of(form, "account").strip(),
    )
    done = f"{made.label} on {made.platform} is connected to {made.agent}."
    if made.platform == "whatsapp":
        done += f" Verify token for Meta's dashboard: {secret.webhook_secret}"
    return done


async def change(dashboard: Dashboard, request: Request) -> Response:
    """Test a channel, disconnect it, or set its admission, labels or waiting time."""
    form, channel_id = request.state.form, ChannelId(id_of(request))
    db, owner_id, access = dashboard.db, dashboard.owner_id, dashboard.app.channels
    found = await channels.find_channel(db, owner_id, str(channel_id))
    match text_of(form, "what"):
        case "test":
            await channels.test_channel(access, str(channel_id))
            done = f"{found.label} works."
        case "remove":
            await channels.disconnect_channel(access, str(channel_id))
            done = f"{found.label} is disconnected and its token deleted."
        case "move":
            agent = text_of(form, "agent")
            await moving_channels.move_channel(db, owner_id, str(channel_id), agent)
            done = f"{agent} answers there from the next message on."
        case "labels":
            labels = text_of(form, "labels").replace(",", " ").split()
            await channels.set_contact_labels(db, owner_id, channel_id, labels)
            done = "Saved."
        case "debounce":
            await channels.set_debounce(db, owner_id, channel_id, number_of(form, "seconds"))
            done = "Saved."
        case _:
            asked = AdmissionToSet.model_validate(
                {"agent": found.agent, "platform": found.platform, "admission": form["admission"]}
            )
            outcome = await admission.set_admission(
                db, owner_id, asked.agent, asked.platform, asked.admission
            )
            done = f"Saved. {outcome.let_in} who waited were admitted."
    return go_to(PAGE, done)


async def allow(dashboard: Dashboard, request: Request) -> Response:
    """Let an address in before it has written."""
    form = request.state.form
    address = Address.parse(text_of(form, "address").strip())
    await admission.allow_address(
        dashboard.db,
        dashboard.owner_id,
        text_of(form, "agent"),
        address,
        of_group=bool(text_of(form, "group")),
    )
    return go_to(PAGE, f"{address} may write.")


async def link_owner(dashboard: Dashboard, request: Request) -> Response:
    """Show a code; the account that sends it is the owner's. Or let an account go."""
    account = text_of(request.state.form, "unlink")
    if account:
        await admission.unlink_owner(dashboard.db, dashboard.owner_id, account)
        return go_to(PAGE, f"{account} is no longer yours.")
    platform = text_of(request.state.form, "platform")
    code = await admission.make_owner_link(dashboard.db, dashboard.owner_id, platform)
    return go_to(PAGE, f"Send {code} to your agent on {platform}, in a direct chat.")


async def branch(dashboard: Dashboard, request: Request) -> Response:
    """Lead one chat to another agent, or back."""
    form, db, owner_id = request.state.form, dashboard.db, dashboard.owner_id
    channel, chat = text_of(form, "channel").strip(), text_of(form, "chat").strip()
    if text_of(form, "what") == "end":
        agent = await branches.remove_branch(db, owner_id, channel, chat)
    else:
        agent = text_of(form, "agent")
        await branches.add_branch(db, owner_id, channel, chat, agent)
    return go_to(PAGE, f"{agent} answers there from the next message on.")


VIEWS: Views = (
    ("GET", PAGE, show),
    ("POST", PAGE, connect),
    ("POST", "/channels/allow", allow),
    ("POST", "/channels/owner", link_owner),
    ("POST", "/channels/branches", branch),
    ("POST", "/channels/{id}", change),
)
