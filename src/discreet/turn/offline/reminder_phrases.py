"""What is said about reminders, by language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from discreet.turn.offline.patterns import Language

MARK = "⏰"
"""Stands before a reminder, in every language."""

LATE: Mapping[Language, str] = {
    "en": "(This comes late: it was due at {}.)",
    "de": "(Das kommt zu spät: fällig war es um {}.)",
    "fr": "(Ce rappel est en retard : il était prévu à {}.)",
    "es": "(Llega tarde: era para las {}.)",
    "pt": "(Chega atrasado: era para {}.)",
    "ru": "(С опозданием: это было на {}.)",
    "ar": "(هذا متأخر: كان موعده {}.)",
    "zh": "（迟到了：原定 {}。）",
}


@dataclass(frozen=True, slots=True)
class ReminderReplies:
    """One language. ``set_at``: the time, the zone and the text; ``recurs``: it repeats."""

    set_at: str
    recurs: str
    when: str
    what: str
    passed: str
    full: str


REMINDER_REPLIES: Mapping[Language, ReminderReplies] = {
    "en": ReminderReplies(
        "I'll remind you at {} ({}): {}",
        "I'll remind you again and again, first at {} ({}): {}",
        "When shall I remind you? For example: “Remind me tomorrow at 9 to call the dentist.”",
        "What shall I remind you of?",
        "That time has passed. When shall I remind you?",
        "You have too many reminders. Cancel one first: /reminders",
    ),
    "de": ReminderReplies(
        "Ich erinnere dich um {} ({}): {}",
        "Ich erinnere dich regelmäßig, zuerst um {} ({}): {}",
        "Wann soll ich dich erinnern? Zum Beispiel: „Erinnere mich morgen um 9 an den Zahnarzt.“",
        "Woran soll ich dich erinnern?",
        "Diese Zeit ist vorbei. Wann soll ich dich erinnern?",
        "Du hast zu viele Erinnerungen. Lösche zuerst eine: /reminders",
    ),
    "fr": ReminderReplies(
        "Je te le rappellerai à {} ({}) : {}",
        "Je te le rappellerai régulièrement, d'abord à {} ({}) : {}",
        "Quand dois-je te le rappeler ? Par exemple : « Rappelle-moi demain à 9h d'appeler. »",
        "Que dois-je te rappeler ?",
        "Cette heure est passée. Quand dois-je te le rappeler ?",
        "Tu as trop de rappels. Supprimes-en un d'abord : /reminders",
    ),
    "es": ReminderReplies(
        "Te lo recordaré a las {} ({}): {}",
        "Te lo recordaré cada vez, primero a las {} ({}): {}",
        "¿Cuándo debo recordártelo? Por ejemplo: «Recuérdame mañana a las 9 llamar al dentista.»",
        "¿Qué debo recordarte?",
        "Esa hora ya pasó. ¿Cuándo debo recordártelo?",
        "Tienes demasiados recordatorios. Cancela uno primero: /reminders",
    ),
    "pt": ReminderReplies(
        "Vou lembrar-te às {} ({}): {}",
        "Vou lembrar-te sempre, primeiro às {} ({}): {}",
        "Quando devo lembrar-te? Por exemplo: “Lembra-me amanhã às 9 de ligar ao dentista.”",
        "De que devo lembrar-te?",
        "Essa hora já passou. Quando devo lembrar-te?",
        "Tens lembretes a mais. Cancela um primeiro: /reminders",
    ),
    "ru": ReminderReplies(
        "Напомню в {} ({}): {}",
        "Буду напоминать, впервые в {} ({}): {}",
        "Когда напомнить? Например: «Напомни мне завтра в 9 позвонить стоматологу».",
        "О чём напомнить?",
        "Это время прошло. Когда напомнить?",
        "Слишком много напоминаний. Сначала отмените одно: /reminders",
    ),
    "ar": ReminderReplies(
        "سأذكرك في {} ({}): {}",
        "سأذكرك كل مرة، أولها في {} ({}): {}",
        "متى أذكرك؟ مثلا: «ذكرني غدا في الساعة 9 بالاتصال بطبيب الأسنان».",
        "بماذا أذكرك؟",
        "هذا الوقت قد مضى. متى أذكرك؟",
        "لديك تذكيرات كثيرة. ألغ واحدا أولا: /reminders",
    ),
    "zh": ReminderReplies(
        "我会在 {}（{}）提醒你：{}",
        "我会定期提醒你，首次在 {}（{}）：{}",
        "什么时候提醒你？例如：“明天9点提醒我给牙医打电话。”",
        "提醒你什么？",
        "这个时间已经过了。什么时候提醒你？",
        "提醒太多了。请先取消一个：/reminders",
    ),
}


def text_of_reminder(line: str) -> str | None:
    """Return what a line that a reminder gave to the agent says; None: it is no such line."""
    return line.removeprefix(MARK).strip() if line.startswith(f"{MARK} ") else None
