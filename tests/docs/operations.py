"""The operations: the service function of each, and where each entry point offers it or why not.

``python -m tests.docs.operations`` writes docs/operations.md.

A table of cases, as long as there are operations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import BaseModel

from discreet.schemas import (
    admission,
    agents,
    backups,
    channels,
    contacts,
    events,
    held_answers,
    limits,
    links,
    memories,
    messages,
    operations,
    own_data,
    owner_messages,
    quarantine,
    references,
    reminders,
    retention,
    sessions,
    takeover,
    tokens,
    tools,
    turns,
    web_chats,
)
from tests.docs.pages import DOCS

PAGE = DOCS / "operations.md"


class Missing(str):
    """Why an entry point doesn't offer an operation."""

    __slots__ = ()


@dataclass(frozen=True)
class Operation:
    """One operation. For each entry point, the names under which it is offered, or why it isn't.

    Attributes:
        request: The request model. REST and MCP take all its fields.
        result: The result model.
        options: The CLI's parameter for a field of ``request``, if it has another name.
        lacks: Fields that an entry point doesn't take, and why.
    """

    name: str
    service: str
    cli: tuple[str, ...] | Missing
    rest: str | Missing
    mcp: str | Missing
    model: str | Missing
    request: type[BaseModel] | None = None
    result: type[BaseModel] | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    lacks: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


OWNERS = Missing("for the owner only, so not in a contact's turn")
A_PERSONS = Missing("only a person may approve: in the owner's chat, the dashboard or the terminal")
AT_TERMINAL = Missing("the operator does this at the terminal")
NO_MACHINE = Missing("an MCP client works for contacts; a program of the owner's uses REST")
FROM_TURN = Missing("a turn starts with it and can recall")
NO_ARGUMENTS = Missing("a turn has one session, which it can't change")
FOR_MODELS = Missing("for programs that put it into a prompt; the terminal lists memories")
SENDERS_OWN = Missing("a sender asks for it by a command; no text may talk the model into it")
SIZE = "size: it would be sent to the model in each turn"
SAFETY = "safety: a message must not talk the model into it"
BY_CURSOR = {"cursor": "the terminal skips a number (--skip)"}
IN_PATH = "REST has it in the path"

OF_MEMORIES = (
    Operation(
        "recall",
        "recall.recall",
        ("memories recall",),
        "recall",
        "recall",
        "recall",
        memories.Recall,
        memories.Hits,
        {
            "kinds": "kind",
            "topics_any": "topic",
            "topics_all": "all_topics",
            "include_expired": "expired",
        },
        {
            "model": dict.fromkeys(
                ("mode", "kinds", "salience", "topics_any", "topics_all", "source", "topic_key"),
                SIZE,
            )
            | {"include_expired": SAFETY}
        },
    ),
    Operation(
        "search_messages",
        "recall.search_messages",
        ("messages search",),
        "search_messages",
        "search_conversation",
        "search_conversation",
        memories.SearchMessages,
        memories.Hits,
        lacks={"model": {"mode": SIZE}},
    ),
    Operation(
        "remember",
        "memories.remember",
        ("memories remember", "memories add"),
        "remember",
        "remember",
        "remember",
        memories.Remember,
        memories.Remembered,
        {"topics": "topic", "expires_at": "expires"},
        {"model": {"summary": SIZE, "expires_at": SIZE}},
    ),
    Operation(
        "list_memories",
        "memories.list_memories",
        ("memories list",),
        "list_memories",
        "list_memories",
        Missing("its recall without a query lists the newest"),
        memories.ListMemories,
        memories.MemoryPage,
        {"include_expired": "expired"},
        {"cli": BY_CURSOR},
    ),
    Operation(
        "get_memory",
        "memories.get_memory",
        ("memories show",),
        "get_memory",
        "get_memory",
        Missing("recall shows whole memories"),
        result=memories.Memory,
    ),
    Operation(
        "update_memory",
        "memories.update",
        ("memories update",),
        "update_memory",
        "update_memory",
        "update_memory",
        memories.MemoryPatch,
        memories.Memory,
        {"topics": "topic", "expires_at": "expires"},
        {"model": {"summary": SIZE, "expires_at": SIZE}},
    ),
    Operation(
        "forget",
        "memories.forget",
        ("memories forget",),
        "forget",
        "forget",
        "forget",
    ),
    Operation(
        "get_memory_history",
        "memories.get_history",
        ("memories history",),
        "get_memory_history",
        "get_memory_history",
        Missing(SIZE),
        result=memories.MemoryVersions,
    ),
    Operation(
        "restore_memory",
        "memories.restore",
        ("memories restore",),
        "restore_memory",
        "restore_memory",
        Missing(SAFETY),
        memories.Restore,
        memories.Memory,
    ),
    Operation(
        "get_knowledge",
        "memories.get_knowledge",
        FOR_MODELS,
        Missing("a program with a model of its own uses MCP"),
        "get_knowledge",
        FROM_TURN,
        memories.GetKnowledge,
        memories.Knowledge,
    ),
    Operation(
        "reembed",
        "discreet.memory.reembedding.reembed",
        ("memories reembed",),
        AT_TERMINAL,
        AT_TERMINAL,
        OWNERS,
    ),
)

OF_SESSIONS = (
    Operation(
        "start_session",
        "discreet.auth.mcp_sessions.start_session",
        ("chat", "mcp"),
        Missing("send_message starts one where none is open"),
        "start_session",
        NO_ARGUMENTS,
        result=sessions.Session,
    ),
    Operation(
        "list_sessions",
        "sessions.list_sessions",
        Missing("the terminal lists the most recently active first (list_recent_sessions)"),
        "list_sessions",
        "list_sessions",
        NO_ARGUMENTS,
        sessions.ListSessions,
        sessions.SessionPage,
    ),
    Operation(
        "list_recent_sessions",
        "sessions.list_recent_sessions",
        ("sessions list",),
        Missing("this order changes while people write, so it has no cursor"),
        Missing("this order changes while people write, so it has no cursor"),
        NO_ARGUMENTS,
    ),
    Operation(
        "get_session",
        "sessions.get_session",
        ("sessions show",),
        "get_session",
        "get_session",
        NO_ARGUMENTS,
        result=sessions.Session,
    ),
    Operation(
        "list_messages",
        "sessions.list_messages",
        ("sessions show",),
        "list_messages",
        "list_messages",
        FROM_TURN,
        sessions.ListMessages,
        sessions.Transcript,
        lacks={"cli": {"limit": "the terminal shows all", "after": "the terminal shows all"}},
    ),
    Operation(
        "end_session",
        "sessions.end_session",
        Missing("sb chat --new, and /new in a chat"),
        "end_session",
        "end_session",
        NO_ARGUMENTS,
        result=sessions.Session,
    ),
    Operation(
        "send_message",
        "messages.send_message",
        ("chat",),
        "send_message",
        Missing("an MCP client acts as the agent; it gets no answers"),
        NO_ARGUMENTS,
        result=messages.Reply,
    ),
    Operation(
        "get_reply",
        "discreet.sessions.replies.reply_to",
        Missing("sb chat waits; sb sessions show has the answer"),
        "get_reply",
        Missing("an MCP client acts as the agent; it gets no answers"),
        NO_ARGUMENTS,
        result=messages.Reply,
    ),
)

OF_SENDERS = (
    Operation(
        "explain_answer",
        "own_data.explain_answer",
        Missing("/why in a chat; the owner has sb turns show"),
        "explain_answer",
        "explain_answer",
        SENDERS_OWN,
        result=own_data.Explanation,
    ),
    Operation(
        "list_access",
        "own_data.list_access",
        Missing("/who in a chat; sb contacts export has it for the owner"),
        "list_access",
        "list_access",
        SENDERS_OWN,
        result=own_data.AccessList,
    ),
    Operation(
        "ask_for_erasure",
        "own_data.ask_for_erasure",
        Missing("/erase-me in a chat; the owner has sb contacts erase"),
        "ask_for_erasure",
        "ask_for_erasure",
        SENDERS_OWN,
        result=own_data.ErasureAsked,
    ),
    Operation(
        "confirm_erasure",
        "own_data.confirm_erasure",
        Missing("/erase-me CODE in a chat; the owner has sb contacts erase"),
        "confirm_erasure",
        "confirm_erasure",
        SENDERS_OWN,
        own_data.ConfirmErasure,
        own_data.ErasureConfirmed,
    ),
)

OF_CONTACTS = (
    Operation(
        "ask_for_person",
        "discreet.turn.handover.ask_for_person",
        Missing("/human in a chat; the owner is a person"),
        Missing("a contact requests it in its chat"),
        Missing("a contact requests it in its chat"),
        "ask_for_person",
    ),
    Operation(
        "set_time_zone",
        "discreet.contacts.time_zones.set_time_zone",
        Missing("/timezone in a chat; DISCREET_TIMEZONE for everybody else"),
        Missing("a contact requests it in its chat"),
        Missing("a contact requests it in its chat"),
        "set_time_zone",
    ),
    Operation(
        "resolve_contact",
        "discreet.auth.scopes.resolve_contact",
        Missing("sb chat --sender creates a contact; sb contacts show finds one"),
        "resolve_contact",
        "resolve_contact",
        OWNERS,
        contacts.ToResolve,
        contacts.ResolvedContact,
    ),
    Operation(
        "resolve_contact_name",
        "contacts.resolve_contact_name",
        Missing("every command takes a name for a contact, and suggests similar ones"),
        "resolve_contact_name",
        NO_MACHINE,
        OWNERS,
        contacts.NameToResolve,
        contacts.NameResolved,
    ),
    Operation(
        "list_contacts",
        "contacts.list_contacts",
        Missing("the terminal lists the most recently active first (list_recent_contacts)"),
        "list_contacts",
        "list_contacts",
        OWNERS,
        contacts.ListContacts,
        contacts.ContactPage,
    ),
    Operation(
        "list_recent_contacts",
        "contacts.list_recent_contacts",
        ("contacts list",),
        Missing("this order changes while people write, so it has no cursor"),
        Missing("this order changes while people write, so it has no cursor"),
        OWNERS,
    ),
    Operation(
        "get_contact",
        "contacts.get_contact",
        ("contacts show",),
        "get_contact",
        NO_MACHINE,
        OWNERS,
        result=contacts.Contact,
    ),
    Operation(
        "update_contact",
        "contacts.change_contact",
        (
            "contacts rename",
            "contacts note",
            "contacts block",
            "contacts unblock",
            "contacts hold",
            "contacts release",
        ),
        "update_contact",
        NO_MACHINE,
        OWNERS,
        contacts.ContactPatch,
        contacts.Contact,
        lacks={
            "cli": {
                "aliases": "rename keeps the old name as an alias",
                "blocked": "block and unblock are commands of their own",
                "labels": "label is a command of its own",
                "note": "note is a command of its own",
                "on_hold": "hold and release are commands of their own",
            }
        },
    ),
    Operation(
        "label_contact",
        "contacts.label_contact",
        ("contacts label",),
        Missing("a program replaces the labels (update_contact)"),
        NO_MACHINE,
        OWNERS,
    ),
    Operation(
        "export_contact",
        "exporting.export_contact",
        ("contacts export",),
        Missing("it writes an archive to a file that only the owner can read"),
        Missing("it writes an archive to a file that only the owner can read"),
        OWNERS,
    ),
    Operation(
        "erase_contact",
        "erasing.erase_contact",
        ("contacts erase",),
        "erase_contact",
        Missing(SAFETY),
        OWNERS,
        result=links.Erased,
    ),
    Operation(
        "list_erasures",
        "erasing.list_erasures",
        ("contacts erasures",),
        "list_erasures",
        NO_MACHINE,
        OWNERS,
        result=links.ErasureList,
    ),
    Operation(
        "link_contacts",
        "linking.link_contacts",
        ("contacts link",),
        "link_contacts",
        Missing(SAFETY),
        OWNERS,
        result=links.Link,
    ),
    Operation(
        "list_links",
        "linking.list_links",
        ("contacts links",),
        "list_links",
        NO_MACHINE,
        OWNERS,
        result=links.LinkList,
    ),
    Operation(
        "undo_link",
        "linking.undo_link",
        ("contacts unlink",),
        "undo_link",
        Missing(SAFETY),
        OWNERS,
        result=links.Link,
    ),
)


_PLACE = "it belongs to the chat of the request"
AGENT_OPTIONS = {
    "holds_answers": "drafts",
    "runs_reminders": "run_reminders",
    "waits_for_person": "handover",
    "person_minutes": "handover_minutes",
}

OF_AGENTS = (
    Operation(
        "list_agents",
        "agents.page_of_agents",
        Missing("there are few: the terminal lists them all (list_all_agents)"),
        "list_agents",
        NO_MACHINE,
        OWNERS,
        agents.ListAgents,
        agents.AgentPage,
    ),
    Operation(
        "list_all_agents",
        "agents.list_agents",
        ("agents list",),
        Missing("a program asks for pages"),
        NO_MACHINE,
        OWNERS,
    ),
    Operation(
        "get_agent",
        "agents.get_agent",
        ("agents show",),
        "get_agent",
        NO_MACHINE,
        OWNERS,
        result=agents.Agent,
    ),
    Operation(
        "create_agent",
        "agents.create_agent",
        ("agents create",),
        "create_agent",
        Missing(SAFETY),
        OWNERS,
        agents.NewAgent,
        agents.Agent,
        AGENT_OPTIONS,
    ),
    Operation(
        "update_agent",
        "agents.change_agent",
        ("agents set",),
        "update_agent",
        Missing(SAFETY),
        OWNERS,
        agents.AgentPatch,
        agents.Agent,
        AGENT_OPTIONS,
    ),
)

OF_STATUS = (
    Operation(
        "get_status",
        "status.summarise",
        ("status",),
        "get_status",
        NO_MACHINE,
        OWNERS,
        result=operations.Status,
    ),
    Operation(
        "get_usage",
        "usage.get_usage",
        ("usage",),
        "get_usage",
        NO_MACHINE,
        OWNERS,
        result=operations.Usage,
    ),
    Operation(
        "get_metrics",
        "status.summarise",
        Missing("sb status has the numbers"),
        "get_metrics",
        Missing("for Prometheus"),
        OWNERS,
    ),
    Operation(
        "get_me",
        "discreet.auth.scopes.bearer_label",
        Missing("the terminal has no token"),
        "get_me",
        Missing("get_session names the party of the connection"),
        OWNERS,
        result=operations.Me,
    ),
    Operation(
        "get_health",
        "discreet.api.operations.health",
        Missing("for load balancers"),
        "get_health",
        Missing("for load balancers"),
        OWNERS,
    ),
    Operation(
        "get_readiness",
        "discreet.api.operations.readiness",
        Missing("for load balancers"),
        "get_readiness",
        Missing("for load balancers"),
        OWNERS,
    ),
)


def _of_owner(
    name: str,
    service: str,
    commands: tuple[str, ...] | Missing,
    request: type[BaseModel] | None = None,
    result: type[BaseModel] | None = None,
    **lacks: str,
) -> Operation:
    """Return an operation that only the owner has, at the terminal or over REST, under the same
    name.

    ``lacks``: fields for which the command has no option, and why.
    """
    at_cli = {"cli": lacks} if lacks else {}
    return Operation(name, service, commands, name, NO_MACHINE, OWNERS, request, result, {}, at_cli)


_ADD = ("telegram", "discord", "whatsapp", "other")
_SECRET = "never on a command line: from a file, the environment, or typed in"

# fmt: off
OF_OWNER = (
    _of_owner("pause_agent", "agents.pause_agent", ("agents pause",), None, agents.Agent),
    _of_owner("resume_agent", "agents.resume_agent", ("agents resume",), None, agents.Agent),
    _of_owner("list_references", "references.list_references", ("agents show",),
              None, references.ReferenceList),
    _of_owner("publish_references", "references.publish", ("agents set", "agents create"),
              references.ReferencesToPublish, references.Published,
              texts="the terminal reads a folder (--reference)"),
    _of_owner("change_references", "references.change_references", ("agents set",),
              references.ReferencesToChange, references.Published,
              texts="the terminal reads a file (--reference)", remove="--remove-reference"),
    _of_owner("list_channels", "channels.list_channels", ("channels list",),
              None, channels.ChannelList),
    _of_owner("connect_channel", "channels.connect_channel",
              tuple(f"channels add {platform}" for platform in _ADD),
              channels.ChannelToConnect, channels.ConnectedChannel,
              token=_SECRET, app_secret=_SECRET),
    _of_owner("update_channel", "channels.set_debounce", ("channels debounce",),
              channels.ChannelPatch, channels.ConnectedChannel,
              debounce_seconds="an argument, SECONDS",
              contact_labels="label is a command of its own"),
    Operation("set_contact_labels", "channels.set_contact_labels", ("channels label",),
              Missing("a field of update_channel"), NO_MACHINE, OWNERS),
    _of_owner("test_channel", "channels.test_channel", ("channels test",),
              None, channels.ConnectedChannel),
    _of_owner("remove_channel", "channels.disconnect_channel", ("channels remove",),
              None, channels.ConnectedChannel),
    _of_owner("list_branches", "branches.list_branches", ("channels branches",),
              None, channels.BranchList),
    _of_owner("add_branch", "branches.add_branch", ("channels branch",),
              channels.BranchToAdd, channels.Branch),
    _of_owner("remove_branch", "branches.remove_branch", ("channels unbranch",),
              channels.ChatOfChannel, channels.BranchRemoved),
    _of_owner("list_turns", "turns.page_of_turns",
              Missing("the terminal skips a number (list_turns_by_number)"),
              turns.ListTurns, turns.TurnPage),
    Operation("list_turns_by_number", "turns.list_turns", ("turns list",),
              Missing("a program asks for pages (list_turns)"), NO_MACHINE, OWNERS),
    _of_owner("get_turn", "turns.get_turn", ("turns show",), None, turns.TurnRecord),
    _of_owner("take_over", "takeover.take_over", ("takeover",), None, contacts.Contact),
    _of_owner("hand_back", "takeover.hand_back", ("takeover",), None, contacts.Contact),
    _of_owner("speak", "takeover.speak", ("takeover",), takeover.ToSay, takeover.Said,
              text="it is typed there"),
    _of_owner("list_lines", "takeover.lines_after", ("sessions follow",),
              takeover.ListLines, takeover.SpokenLines,
              after="it goes on by itself", limit="it goes on by itself"),
    _of_owner("list_quarantine", "quarantine.list_quarantine", ("quarantine list",),
              quarantine.ListQuarantine, quarantine.QuarantineList),
    _of_owner("retry_quarantine", "quarantine.retry_quarantine", ("quarantine retry",),
              quarantine.QuarantineToRetry, quarantine.QuarantineRetried, id="an argument, ID"),
    _of_owner("list_admission", "admission.list_policies", ("admission list",),
              None, admission.ChannelPolicyList),
    _of_owner("set_admission", "admission.set_admission", ("admission set",),
              admission.AdmissionToSet, admission.AdmissionSet, admission="an argument, MODE"),
    _of_owner("allow_address", "admission.allow_address", ("admission allow",),
              admission.AddressToAllow, admission.AddressAllowed),
    _of_owner("list_pairings", "admission.list_pairings", ("pairing list",),
              None, admission.PairingList),
    _of_owner("decide_pairing", "admission.decide_pairing", ("pairing approve", "pairing deny"),
              admission.PairingToDecide, admission.PairingDecided,
              let_in="approve and deny are commands of their own"),
    _of_owner("make_owner_link", "admission.make_owner_link", ("owner link",),
              admission.OwnerLinkToMake, admission.OwnerLink),
    _of_owner("rename_agent", "agents.rename_agent", ("agents rename",),
              agents.AgentName, agents.Agent),
    _of_owner("delete_agent", "deleting_agents.delete_agent", ("agents delete",),
              agents.AgentToDelete, agents.AgentDeleted, to_agent_id="--to, a name"),
    _of_owner("move_channel", "moving_channels.move_channel", ("channels move",),
              channels.ChannelToMove, channels.ConnectedChannel),
    _of_owner("unlink_owner", "admission.unlink_owner", ("owner unlink",),
              None, admission.OwnerAddressList),
    _of_owner("list_owner_addresses", "admission.list_owner_addresses", ("owner list",),
              None, admission.OwnerAddressList),
    _of_owner("get_limits", "limits.get_limits", ("limits show",), None, limits.ContactLimits),
    _of_owner("set_limits", "limits.set_limits", ("limits set",),
              limits.ContactLimits, limits.ContactLimits),
    _of_owner("reset_limits", "limits.reset_limits", ("limits reset",),
              None, limits.ContactLimits),
    _of_owner("list_budgets", "budgets.list_budgets", ("budgets list",), None, limits.BudgetList),
    _of_owner("set_budget", "budgets.set_budget", ("budgets set",),
              limits.BudgetToSet, limits.BudgetList),
    _of_owner("remove_budget", "budgets.remove_budget", ("budgets remove",),
              None, limits.BudgetList),
    _of_owner("list_retention", "retention.list_retention", ("retention show",),
              None, retention.RetentionRules),
    _of_owner("set_retention", "retention.set_retention", ("retention set",),
              retention.RetentionToSet, retention.RetentionRules),
    _of_owner("remove_retention", "retention.remove_retention", ("retention remove",),
              retention.RetentionTarget, retention.RetentionRules),
    _of_owner("preview_retention", "retention.preview_retention", ("retention preview",),
              None, retention.RetentionPreview),
    _of_owner("run_retention", "retention.run_retention", ("retention run",),
              None, retention.RetentionRun),
    _of_owner("list_retention_runs", "retention.list_retention_runs", ("retention runs",),
              None, retention.RetentionRuns),
    _of_owner("list_held_answers", "held_answers.list_held_answers", ("drafts list",),
              None, held_answers.HeldAnswerList),
    _of_owner("approve_answer", "held_answers.approve_answer", ("drafts approve", "drafts edit"),
              held_answers.AnswerToApprove, held_answers.HeldAnswer),
    _of_owner("reject_answer", "held_answers.reject_answer", ("drafts reject",),
              None, held_answers.HeldAnswer),
    _of_owner("tell", "owner_messages.tell", ("contacts tell",), owner_messages.ToTell,
              owner_messages.ToldContact,
              text="an argument, TEXT"),
    _of_owner("tell_labelled", "owner_messages.tell_labelled", ("contacts tell",),
              owner_messages.ToTellLabelled, owner_messages.ToldContacts, text="an argument, TEXT"),
    _of_owner("list_reminders", "reminders.list_reminders", ("reminders list",),
              None, reminders.ReminderList),
    _of_owner("cancel_reminder", "reminders.cancel_reminder", ("reminders cancel",),
              None, reminders.Reminder),
    Operation("remind", "reminders.add_reminder", Missing(_PLACE), Missing(_PLACE),
              Missing(_PLACE), "remind", reminders.Remind),
    Operation("list_own_reminders", "reminders.list_own", Missing("the owner lists everybody's"),
              Missing("the owner lists everybody's"), Missing(_PLACE), "list_reminders"),
    Operation("cancel_own_reminder", "reminders.cancel_own",
              Missing("the owner cancels anybody's"), Missing("the owner cancels anybody's"),
              Missing(_PLACE), "cancel_reminder"),
    _of_owner("hold_answers", "contacts.hold_answers", ("contacts drafts",),
              held_answers.AnswersToHold, contacts.Contact),
    _of_owner("list_tool_servers", "tool_servers.list_tool_servers", ("agents tools list",),
              None, tools.ToolServerList),
    _of_owner("get_tool_server", "tool_servers.get_tool_server", ("agents tools show",),
              None, tools.ToolServer),
    Operation("add_tool_server", "tool_servers.add_tool_server", ("agents tools add",),
              "add_tool_server", NO_MACHINE, OWNERS, tools.ToolServerToAdd, tools.ToolServer,
              {"headers": "header", "tells_addresses": "tell_addresses", "signs_in": "sign_in"}),
    _of_owner("test_tool_server", "tool_servers.test_tool_server", ("agents tools test",),
              None, tools.ToolServer),
    _of_owner("remove_tool_server", "tool_servers.remove_tool_server", ("agents tools remove",),
              None, tools.ToolServer),
    _of_owner("approve_tools", "tool_servers.approve_tools", ("agents tools approve",),
              tools.ToolChangesToApprove, tools.ToolServer, digest="what it printed"),
    Operation("allow_tools", "tool_servers.allow_tools", ("agents tools allow",),
              "allow_tools", NO_MACHINE, OWNERS, tools.ToolRights, tools.ToolServer,
              {"allowed": "to", "labels": "label", "in_groups": "groups"}),
    *(
        Operation(name, f"tool_calls.{name}", ("agents tools calls",), A_PERSONS, A_PERSONS, OWNERS)
        for name in ("pending_calls", "approve_call", "deny_call")
    ),
    Operation("connect_account", "tool_accounts.connect_account", ("agents tools connect",),
              AT_TERMINAL, NO_MACHINE, OWNERS),
    Operation("enter_account_code", "tool_accounts.enter_account_code", ("agents tools connect",),
              AT_TERMINAL, NO_MACHINE, OWNERS),
    Operation("get_signing_keys", "tool_servers.signing_keys", ("keys show",),
              "get_signing_keys", NO_MACHINE, OWNERS, None, tools.SigningKeys),
    _of_owner("create_token", "tokens.create_token", ("tokens create",),
              tokens.TokenToCreate, tokens.CreatedToken, kind="each kind has an option",
              create="--create", expires_in="--expires, as 30d"),
    _of_owner("list_tokens", "tokens.list_tokens", ("tokens list",),
              tokens.ListTokens, tokens.TokenList),
    _of_owner("revoke_token", "tokens.revoke_token", ("tokens revoke",), None, tokens.Token),
    Operation("mint_token", "tokens.mint_token",
              Missing("the operator creates it: sb tokens create --contact"),
              "mint_token", Missing("a program mints over REST, for a browser"), OWNERS,
              tokens.TokenToMint, tokens.MintedToken),
    _of_owner("add_web_chat", "web_chats.add_web_chat", ("channels add web",),
              web_chats.WebChatToAdd, web_chats.AddedWebChat,
              origins="--origin", public_key="a file (--public-key-file)"),
    *(
        Operation(name, f"web_chats.{name}", commands, Missing("REST has it among the channels"),
                  NO_MACHINE, OWNERS)
        for name, commands in (
            ("list_web_chats", ("channels web list",)),
            ("remove_web_chat", ("channels web remove",)),
        )
    ),
    _of_owner("list_backups", "backups.list_backups", ("backups list",), None, backups.BackupList),
    Operation("follow_events", "events.events_after",
              Missing("sb sessions follow reads along; a program follows over REST"),
              "follow_events", NO_MACHINE, OWNERS),
    _of_owner("add_webhook", "event_webhooks.add_webhook", ("webhooks add",),
              events.WebhookToAdd, events.AddedWebhook, agent_id="--agent takes a name"),
    _of_owner("list_webhooks", "event_webhooks.list_webhooks", ("webhooks list",),
              None, events.WebhookList),
    _of_owner("remove_webhook", "event_webhooks.remove_webhook", ("webhooks remove",),
              None, events.Webhook),
    _of_owner("test_webhook", "event_webhooks.test_webhook", ("webhooks test",),
              None, events.WebhookTested),
)
# fmt: on

OPERATIONS: tuple[Operation, ...] = (
    *OF_MEMORIES,
    *OF_SESSIONS,
    *OF_SENDERS,
    *OF_CONTACTS,
    *OF_AGENTS,
    *OF_STATUS,
    *OF_OWNER,
)  # fmt: skip

# They run or maintain the installation and query nothing.
NO_OPERATIONS = {
    "agents test", "audit decoys", "audit stop", "audit verify", "dashboard", "help", "serve",
    "version", "backup", "restore", "upgrade", "backups keygen", "backups stop", "backups verify",
    "db init", "db migrate", "db invite", "db join", "db check",
    "service install", "service remove", "service show",
}  # fmt: skip

HEAD = """\
# Operations

Each operation is one function in `src/discreet/services/`. For each entry point this page gives the
operation's name there, or the reason why it isn't offered. `python -m tests.docs.operations` writes
the page, and a test compares it.

"""


def page() -> str:
    """Return the page."""
    lines = ["| operation | function | sb | REST | MCP | tool of a turn |", "| --- " * 6 + "|"]
    for one in OPERATIONS:
        commands = one.cli if isinstance(one.cli, Missing) else ", ".join(map(_name, one.cli))
        others = (
            at if isinstance(at, Missing) else _name(at) for at in (one.rest, one.mcp, one.model)
        )
        lines.append(f"| {' | '.join((one.name, _name(one.service), commands, *others))} |")
    lacking = [
        f"| {one.name} | {_ENTRY_POINTS[at]} | {_name(name)} | {why} |"
        for one in OPERATIONS
        for at, fields in one.lacks.items()
        for name, why in fields.items()
    ]
    fewer = [
        "", "## What an entry point leaves out", "",
        "| operation | entry point | field | why |", "| --- " * 4 + "|", *lacking, "",
    ]  # fmt: skip
    return HEAD + "\n".join([*lines, *fewer])


_ENTRY_POINTS = {"cli": "sb", "rest": "REST", "mcp": "MCP", "model": "tool of a turn"}


def _name(text: str) -> str:
    return f"`{text}`"


if __name__ == "__main__":
    PAGE.write_text(page())
