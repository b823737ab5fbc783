"""Tokens, channels, admission, limits, turns and status."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID

from discreet.client.transport import Transport
from discreet.schemas.admission import (
    AddressAllowed,
    AddressToAllow,
    AdmissionSet,
    AdmissionToSet,
    ChannelPolicyList,
    OwnerAddressList,
    OwnerLink,
    OwnerLinkToMake,
    PairingDecided,
    PairingList,
    PairingToDecide,
)
from discreet.schemas.backups import BackupList
from discreet.schemas.channels import (
    Branch,
    BranchList,
    BranchRemoved,
    BranchToAdd,
    ChannelList,
    ChannelPatch,
    ChannelToConnect,
    ChannelToMove,
    ChatOfChannel,
    ConnectedChannel,
)
from discreet.schemas.events import (
    AddedWebhook,
    Webhook,
    WebhookList,
    WebhookTested,
    WebhookToAdd,
)
from discreet.schemas.held_answers import AnswerToApprove, HeldAnswer, HeldAnswerList
from discreet.schemas.limits import BudgetList, BudgetToSet, ContactLimits
from discreet.schemas.operations import Health, Me, Status, Usage, UsageBy
from discreet.schemas.quarantine import QuarantineList, QuarantineRetried, QuarantineToRetry
from discreet.schemas.retention import (
    RetentionPreview,
    RetentionRules,
    RetentionRun,
    RetentionRuns,
    RetentionToSet,
)
from discreet.schemas.tokens import (
    CreatedToken,
    MintedToken,
    Token,
    TokenList,
    TokenToCreate,
    TokenToMint,
)
from discreet.schemas.tools import (
    SigningKeys,
    ToolChangesToApprove,
    ToolRights,
    ToolServer,
    ToolServerList,
    ToolServerToAdd,
)
from discreet.schemas.turns import Turn, TurnPage, TurnRecord
from discreet.schemas.web_chats import AddedWebChat, WebChatToAdd


class AdministrationCalls(Transport):
    """Calls for the person who runs the installation.

    They need an owner's token, except for ``me`` and ``mint_token``.

    """

    async def me(self) -> Me:
        """Return the identity of the token."""
        return await self._get(Me, "/api/me")

    async def status(self) -> Status:
        """Return what needs attention, in numbers."""
        return await self._get(Status, "/api/admin/status")

    async def usage(self, *, by: UsageBy = "day", days: int = 14) -> Usage:
        """Return what turns used, in tokens and US dollars."""
        return await self._get(Usage, "/api/admin/usage", by=by, days=days)

    async def add_webhook(self, given: WebhookToAdd) -> AddedWebhook:
        """Add a webhook."""
        return await self._post(AddedWebhook, "/api/admin/webhooks", given)

    async def webhooks(self) -> WebhookList:
        """Return the webhooks, oldest first."""
        return await self._get(WebhookList, "/api/admin/webhooks")

    async def remove_webhook(self, webhook_id: UUID) -> Webhook:
        """Remove a webhook."""
        return await self._delete(Webhook, f"/api/admin/webhooks/{webhook_id}")

    async def test_webhook(self, webhook_id: UUID) -> WebhookTested:
        """Send a webhook a test event."""
        return await self._post(WebhookTested, f"/api/admin/webhooks/{webhook_id}/test", None)

    async def backups(self) -> BackupList:
        """Return the backups that are still in their place."""
        return await self._get(BackupList, "/api/admin/backups")

    async def create_token(self, given: TokenToCreate) -> CreatedToken:
        """Create a token."""
        return await self._post(CreatedToken, "/api/admin/tokens", given)

    async def tokens(self, *, minted: bool = False) -> TokenList:
        """Return the tokens, newest first."""
        return await self._get(TokenList, "/api/admin/tokens", minted=minted)

    async def revoke_token(self, token_id: UUID) -> Token:
        """Revoke a token, and those that it minted."""
        return await self._delete(Token, f"/api/admin/tokens/{token_id}")

    async def mint_token(self, given: TokenToMint) -> MintedToken:
        """Mint a token for one contact, with an agent's token."""
        return await self._post(MintedToken, "/api/tokens", given)

    async def channels(self) -> ChannelList:
        """Return the channels."""
        return await self._get(ChannelList, "/api/admin/channels")

    async def connect_channel(self, given: ChannelToConnect) -> ConnectedChannel:
        """Connect an account on a platform."""
        secrets = {
            "token": given.token.get_secret_value(),
            "app_secret": given.app_secret.get_secret_value(),
        }
        body = {**given.model_dump(mode="json", exclude_unset=True), **secrets}
        return await self._post(ConnectedChannel, "/api/admin/channels", body)

    async def add_web_chat(self, given: WebChatToAdd) -> AddedWebChat:
        """Put a chat on your own web pages. Its secret is shown only once."""
        return await self._post(AddedWebChat, "/api/admin/channels/web", given)

    async def update_channel(self, channel_id: UUID, given: ChannelPatch) -> ConnectedChannel:
        """Change a channel."""
        return await self._send(
            ConnectedChannel, "PATCH", f"/api/admin/channels/{channel_id}", given
        )

    async def move_channel(self, channel_id: UUID, given: ChannelToMove) -> ConnectedChannel:
        """Let another agent answer on a channel."""
        return await self._post(ConnectedChannel, f"/api/admin/channels/{channel_id}/move", given)

    async def test_channel(self, channel_id: UUID) -> ConnectedChannel:
        """Ask the platform whether a channel works."""
        return await self._post(ConnectedChannel, f"/api/admin/channels/{channel_id}/test", None)

    async def remove_channel(self, channel_id: UUID) -> ConnectedChannel:
        """Disconnect a channel."""
        return await self._delete(ConnectedChannel, f"/api/admin/channels/{channel_id}")

    async def branches(self) -> BranchList:
        """Return the chats that lead to another agent."""
        return await self._get(BranchList, "/api/admin/branches")

    async def add_branch(self, given: BranchToAdd) -> Branch:
        """Lead a chat to another agent."""
        return await self._post(Branch, "/api/admin/branches", given)

    async def remove_branch(self, given: ChatOfChannel) -> BranchRemoved:
        """Lead a chat back to the agent of its channel."""
        return await self._post(BranchRemoved, "/api/admin/branches/remove", given)

    async def admission(self) -> ChannelPolicyList:
        """Return who may write on each channel."""
        return await self._get(ChannelPolicyList, "/api/admin/admission")

    async def set_admission(self, given: AdmissionToSet) -> AdmissionSet:
        """Set who may write."""
        return await self._post(AdmissionSet, "/api/admin/admission", given)

    async def allow_address(self, given: AddressToAllow) -> AddressAllowed:
        """Let an address in before it has written."""
        return await self._post(AddressAllowed, "/api/admin/admission/allow", given)

    async def held_answers(self) -> HeldAnswerList:
        """Return the answers that wait for approval."""
        return await self._get(HeldAnswerList, "/api/admin/drafts")

    async def approve_answer(self, draft_id: UUID, given: AnswerToApprove) -> HeldAnswer:
        """Send an answer that waits, or another text."""
        return await self._post(HeldAnswer, f"/api/admin/drafts/{draft_id}/approve", given)

    async def reject_answer(self, draft_id: UUID) -> HeldAnswer:
        """Discard a waiting answer without sending it."""
        return await self._post(HeldAnswer, f"/api/admin/drafts/{draft_id}/reject", None)

    async def signing_keys(self) -> SigningKeys:
        """Return the public keys with which tool servers verify the signed identity."""
        return await self._get(SigningKeys, "/.well-known/jwks.json")

    async def tool_servers(self, agent_id: UUID) -> ToolServerList:
        """Return the servers whose tools an agent may use."""
        return await self._get(ToolServerList, f"/api/admin/agents/{agent_id}/tools")

    async def add_tool_server(self, agent_id: UUID, given: ToolServerToAdd) -> ToolServer:
        """Add a server at a URL. Nobody may use its tools until you allow them."""
        return await self._post(ToolServer, f"/api/admin/agents/{agent_id}/tools", given)

    async def tool_server(self, agent_id: UUID, name: str) -> ToolServer:
        """Return a server, its tools, and changes that wait for approval."""
        return await self._get(ToolServer, f"/api/admin/agents/{agent_id}/tools/{name}")

    async def test_tool_server(self, agent_id: UUID, name: str) -> ToolServer:
        """Connect to a server and compare its tools with those that you approved."""
        return await self._post(ToolServer, f"/api/admin/agents/{agent_id}/tools/{name}/test", None)

    async def remove_tool_server(self, agent_id: UUID, name: str) -> ToolServer:
        """Remove a server, with its secrets."""
        return await self._delete(ToolServer, f"/api/admin/agents/{agent_id}/tools/{name}")

    async def approve_tools(
        self, agent_id: UUID, name: str, given: ToolChangesToApprove
    ) -> ToolServer:
        """Approve the changes of this digest."""
        return await self._post(
            ToolServer, f"/api/admin/agents/{agent_id}/tools/{name}/approve", given
        )

    async def allow_tools(self, agent_id: UUID, name: str, given: ToolRights) -> ToolServer:
        """Set who may use which tools. It applies from the next call."""
        return await self._post(
            ToolServer, f"/api/admin/agents/{agent_id}/tools/{name}/allow", given
        )

    async def pairings(self) -> PairingList:
        """Return the strangers who ask for admission."""
        return await self._get(PairingList, "/api/admin/pairings")

    async def decide_pairing(self, given: PairingToDecide) -> PairingDecided:
        """Admit or deny a stranger."""
        return await self._post(PairingDecided, "/api/admin/pairings/decide", given)

    async def owner_addresses(self) -> OwnerAddressList:
        """Return the owner's own addresses."""
        return await self._get(OwnerAddressList, "/api/admin/owner/addresses")

    async def make_owner_link(self, given: OwnerLinkToMake) -> OwnerLink:
        """Create a code that links an account to the owner."""
        return await self._post(OwnerLink, "/api/admin/owner/addresses", given)

    async def unlink_owner(self, *, address: str) -> OwnerAddressList:
        """Make one of the owner's addresses a stranger's again."""
        return await self._delete(OwnerAddressList, "/api/admin/owner/addresses", address=address)

    async def limits(
        self, *, contact_id: UUID | None = None, sender: str | None = None
    ) -> ContactLimits:
        """Return the limits of a contact, or of everyone."""
        return await self._get(
            ContactLimits, "/api/admin/limits", contact_id=contact_id, sender=sender
        )

    async def set_limits(
        self, given: ContactLimits, *, contact_id: UUID | None = None, sender: str | None = None
    ) -> ContactLimits:
        """Set limits."""
        return await self._send(
            ContactLimits, "PATCH", "/api/admin/limits", given, contact_id=contact_id, sender=sender
        )

    async def reset_limits(
        self, *, contact_id: UUID | None = None, sender: str | None = None
    ) -> ContactLimits:
        """Remove the limits that were set."""
        return await self._delete(
            ContactLimits, "/api/admin/limits", contact_id=contact_id, sender=sender
        )

    async def budgets(self) -> BudgetList:
        """Return the budgets of agents."""
        return await self._get(BudgetList, "/api/admin/budgets")

    async def set_budget(self, given: BudgetToSet) -> BudgetList:
        """Set a budget, and return all."""
        return await self._send(BudgetList, "PUT", "/api/admin/budgets", given)

    async def remove_budget(self, *, agent: str | None = None) -> BudgetList:
        """Remove a budget, and return those that are left."""
        return await self._delete(BudgetList, "/api/admin/budgets", agent=agent)

    async def retention(self) -> RetentionRules:
        """Return how long messages, files and memories are kept."""
        return await self._get(RetentionRules, "/api/admin/retention")

    async def set_retention(self, given: RetentionToSet) -> RetentionRules:
        """Set how long something is kept, and return all rules."""
        return await self._send(RetentionRules, "PUT", "/api/admin/retention", given)

    async def remove_retention(
        self, *, agent: str | None = None, channel: str | None = None
    ) -> RetentionRules:
        """Remove the rules of a channel, an agent or everything; return those that are left."""
        return await self._delete(
            RetentionRules, "/api/admin/retention", agent=agent, channel=channel
        )

    async def preview_retention(self) -> RetentionPreview:
        """Return how many rows would be deleted now."""
        return await self._get(RetentionPreview, "/api/admin/retention/preview")

    async def run_retention(self) -> RetentionRun:
        """Delete everything past its retention time now, and return the receipt."""
        return await self._post(RetentionRun, "/api/admin/retention/runs", None)

    async def retention_runs(self, *, limit: int = 100, skip: int = 0) -> RetentionRuns:
        """Return what past runs deleted, newest first."""
        return await self._get(RetentionRuns, "/api/admin/retention/runs", limit=limit, skip=skip)

    async def quarantine(self, *, limit: int = 100, skip: int = 0) -> QuarantineList:
        """Return the messages whose sender could not be resolved."""
        return await self._get(QuarantineList, "/api/admin/quarantine", limit=limit, skip=skip)

    async def retry_quarantine(self, given: QuarantineToRetry) -> QuarantineRetried:
        """Try again to resolve the senders."""
        return await self._post(QuarantineRetried, "/api/admin/quarantine/retry", given)

    def turns(
        self,
        *,
        contact_id: UUID | None = None,
        sender: str | None = None,
        session_id: UUID | None = None,
    ) -> AsyncIterator[Turn]:
        """Return the turns, newest first."""
        return self._pages(
            TurnPage,
            "/api/admin/turns",
            contact_id=contact_id,
            sender=sender,
            session_id=session_id,
        )

    async def turn(self, turn_id: UUID) -> TurnRecord:
        """Return a turn with its context and answer."""
        return await self._get(TurnRecord, f"/api/admin/turns/{turn_id}")

    async def health(self) -> Health:
        """Check that the server runs."""
        return await self._get(Health, "/healthz")

    async def readiness(self) -> Health:
        """Check that its database answers."""
        return await self._get(Health, "/readyz")

    async def metrics(self) -> str:
        """Return the metrics, as Prometheus reads them."""
        return (await self._call("GET", "/metrics")).text
