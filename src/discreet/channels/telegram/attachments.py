"""Read the files of a Telegram message and their labels in the text."""

from __future__ import annotations

from telegram import Message

from discreet.domain.inbound import Attachment


def attachments_of(message: Message) -> tuple[Attachment, ...]:
    """Return the file of a message (Telegram allows one; an album is several messages)."""
    # A live photo also contains its still picture; store only the moving one.
    if message.photo and not message.live_photo:
        largest = message.photo[-1]
        return (Attachment("photo", largest.file_id, "", "image/jpeg", largest.file_size),)
    if live := message.live_photo:
        return (Attachment("video", live.file_id, "", "video/mp4", live.file_size),)
    if voice := message.voice:
        media_type = voice.mime_type or "audio/ogg"
        return (Attachment("voice", voice.file_id, "", media_type, voice.file_size),)
    if audio := message.audio:
        name, media_type = audio.file_name or audio.title or "", audio.mime_type or "audio/mpeg"
        return (Attachment("audio", audio.file_id, name, media_type, audio.file_size),)
    if note := message.video_note:
        return (Attachment("video", note.file_id, "", "video/mp4", note.file_size),)
    # An animation is also sent as a document; name it once.
    if film := message.video or message.animation:
        name, media_type = film.file_name or "", film.mime_type or "video/mp4"
        return (Attachment("video", film.file_id, name, media_type, film.file_size),)
    if document := message.document:
        name, media_type = document.file_name or "", document.mime_type or ""
        return (Attachment("document", document.file_id, name, media_type, document.file_size),)
    return ()


def attachment_label(message: Message) -> str:
    """Return the text that represents a file; empty if there is none."""
    match message:
        case Message(live_photo=live) if live:
            return "[live photo]"
        case Message(photo=[_, *_]):
            return "[photo]"
        case Message(voice=voice) if voice:
            return "[voice message]"
        case Message(audio=audio) if audio:
            return _named("audio", audio.title or audio.file_name)
        case Message(video_note=note) if note:
            return "[video message]"
        case Message(animation=animation) if animation:
            return "[animation]"
        case Message(video=video) if video:
            return "[video]"
        case Message(document=document) if document:
            return _named("document", document.file_name)
        case _:
            return ""


def _named(what: str, name: str | None) -> str:
    name = " ".join((name or "").split())
    return f"[{what}: {name[:200]}]" if name else f"[{what}]"
