"""Telegram's notices about a chat. They are stored as lines and start no turn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from telegram import Message, MessageReactionUpdated, ReactionTypeCustomEmoji, ReactionTypeEmoji

from discreet.domain.content import Part, notice, part

Say = Callable[[Any, Message], str]


def notices_of(message: Message) -> tuple[Part, ...]:
    """Return the notices in a message; empty if a person wrote it."""
    found = ((say, getattr(message, name, None)) for name, say in NOTICES.items())
    return tuple(notice(say(value, message)) for say, value in found if value)


def reaction_of(update: MessageReactionUpdated) -> Part:
    """Return a part for reactions that were added or removed."""
    new, old = (
        [_sign(one) for one in update.new_reaction],
        [_sign(one) for one in update.old_reaction],
    )
    gone = [sign for sign in old if sign not in new]
    if new:
        return part("reaction", signs=new)
    return part("reaction", signs=f"none, taken back: {', '.join(gone)}")


def _sign(reaction: Any) -> str:
    match reaction:
        case ReactionTypeEmoji(emoji=emoji):
            return str(emoji)
        case ReactionTypeCustomEmoji():
            return "a custom emoji"
        case _:
            return "a star"


def _added(users: Any, message: Message) -> str:
    by = message.from_user
    joined = [user.full_name for user in users if by is not None and user.id == by.id]
    added = [user.full_name for user in users if by is None or user.id != by.id]
    said = [f"{', '.join(joined)} joined"] if joined else []
    if added:
        said.append(f"{', '.join(added)} {'was' if len(added) == 1 else 'were'} added")
    return "; ".join(said)


def _left(user: Any, message: Message) -> str:
    by = message.from_user
    return f"{user.full_name} {'left' if by is not None and by.id == user.id else 'was removed'}"


def _tasks_done(done: Any, _: Message) -> str:
    checklist = getattr(done.checklist_message, "checklist", None)
    names = {task.id: task.text for task in checklist.tasks} if checklist else {}
    said = []
    for what, ids in (
        ("done", done.marked_as_done_task_ids),
        ("not done", done.marked_as_not_done_task_ids),
    ):
        if ids:
            said.append(f"tasks {what}: {', '.join(names.get(one, f'no. {one}') for one in ids)}")
    return "; ".join(said) or "tasks changed"


def _invited(invited: Any, _: Message) -> str:
    return f"invited to the video chat: {', '.join(user.full_name for user in invited.users)}"


def _plain(text: str) -> Say:
    return lambda _, __: text


NOTICES: Mapping[str, Say] = {
    "boost_added": lambda boost, _: f"boosted the chat; boosts: {boost.boost_count}",
    "channel_chat_created": _plain("the channel was created"),
    "chat_background_set": _plain("a new background of the chat"),
    "chat_owner_changed": lambda to, _: f"new owner of the chat: {to.new_owner.full_name}",
    "chat_owner_left": _plain("the owner of the chat left"),
    "checklist_tasks_added": lambda added, _: (
        f"tasks added: {', '.join(task.text for task in added.tasks)}"
    ),
    "checklist_tasks_done": _tasks_done,
    "connected_website": lambda site, _: f"logged in at {site}",
    "delete_chat_photo": _plain("the picture of the chat was removed"),
    "direct_message_price_changed": _plain("the price of direct messages changed"),
    "forum_topic_closed": _plain("the topic was closed"),
    "forum_topic_created": lambda topic, _: f"a topic was opened: {topic.name}",
    "forum_topic_edited": lambda topic, _: (
        f"the topic was renamed: {topic.name}" if topic.name else "the topic has a new icon"
    ),
    "forum_topic_reopened": _plain("the topic was opened again"),
    "general_forum_topic_hidden": _plain("the general topic was hidden"),
    "general_forum_topic_unhidden": _plain("the general topic is shown again"),
    "gift_upgrade_sent": _plain("the upgrade of a gift was paid for"),
    "giveaway_completed": lambda done, _: f"a giveaway ended; winners: {done.winner_count}",
    "giveaway_created": _plain("a giveaway was announced"),
    "group_chat_created": _plain("the group was created"),
    "left_chat_member": _left,
    "managed_bot_created": lambda made, _: f"a bot was created: {made.bot.full_name}",
    "message_auto_delete_timer_changed": lambda timer, _: (
        f"messages are deleted after {timer.message_auto_delete_time.total_seconds():.0f} seconds"
    ),
    "new_chat_members": _added,
    "new_chat_photo": _plain("new picture of the chat"),
    "new_chat_title": lambda title, _: f"new title: {title}",
    "paid_message_price_changed": _plain("the price of messages changed"),
    "pinned_message": _plain("pinned a message"),
    "poll_option_added": lambda added, _: f"a poll has a new option: {added.option_text}",
    "poll_option_deleted": lambda gone, _: f"a poll has lost an option: {gone.option_text}",
    "proximity_alert_triggered": lambda alert, _: (
        f"{alert.traveler.full_name} is within {alert.distance} m of {alert.watcher.full_name}"
    ),
    "suggested_post_approval_failed": _plain("a suggested post could not be approved"),
    "suggested_post_approved": _plain("a suggested post was approved"),
    "suggested_post_declined": lambda post, _: (
        "a suggested post was declined" + (f": {post.comment}" if post.comment else "")
    ),
    "suggested_post_paid": _plain("a suggested post was paid for"),
    "suggested_post_refunded": _plain("a suggested post was refunded"),
    "supergroup_chat_created": _plain("the group was created"),
    "video_chat_ended": lambda ended, _: (
        f"a video chat ended after {ended.duration.total_seconds():.0f} seconds"
    ),
    "video_chat_participants_invited": _invited,
    "video_chat_scheduled": lambda planned, _: (
        f"a video chat is planned for {planned.start_date:%Y-%m-%d %H:%M} UTC"
    ),
    "video_chat_started": _plain("a video chat began"),
    "write_access_allowed": _plain("the bot may write"),
}
"""Notices by the attribute that holds them."""
