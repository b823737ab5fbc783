"""STOP and START: words with which a contact refuses or accepts messages that the owner starts."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

# gate.record_opt_out has the same words; a test compares them.
STOP: Mapping[str, tuple[str, ...]] = {
    "en": ("stop", "stopall", "unsubscribe", "optout"),
    "de": ("stopp", "abmelden", "abbestellen"),
    "es": ("alto", "parar", "baja"),
    "fr": ("arrêt", "arret", "arrêter", "arreter", "désabonner", "desabonner"),
    "pt": ("pare", "descadastrar"),
    "ru": ("стоп", "отписаться"),
    "ar": ("توقف", "قف", "إيقاف", "ايقاف"),
    "zh": ("停止", "停", "退订", "取消订阅"),
}
START: Mapping[str, tuple[str, ...]] = {
    "en": ("start", "unstop", "subscribe", "optin"),
    "de": ("starten", "anmelden"),
    "es": ("empezar", "comenzar", "iniciar", "alta"),
    "fr": ("démarrer", "demarrer", "commencer", "reprendre"),
    "pt": ("começar", "voltar"),
    "ru": ("старт", "начать", "подписаться"),
    "ar": ("ابدأ", "ابدا", "اشتراك"),
    "zh": ("开始", "订阅", "恢复"),
}
_REPLIES: Mapping[str, tuple[str, str]] = {
    "en": (
        "From now on you get nothing from me that you didn't ask for. I still answer you. To change"
        " that, write START.",
        "You get messages from me again. To stop them, write STOP.",
    ),
    "de": (
        "Ab jetzt bekommst du nichts mehr von mir, worum du nicht gebeten hast. Ich antworte dir"
        " weiterhin. Um das zu ändern, schreib STARTEN.",
        "Du bekommst wieder Nachrichten von mir. Um sie zu beenden, schreib STOPP.",
    ),
    "es": (
        "Desde ahora no recibirás nada mío que no hayas pedido. Te sigo respondiendo. Para"
        " cambiarlo, escribe ALTA.",
        "Vuelves a recibir mis mensajes. Para pararlos, escribe BAJA.",
    ),
    "fr": (
        "Désormais, tu ne reçois plus rien de moi que tu n'aies demandé. Je te réponds toujours."
        " Pour changer cela, écris REPRENDRE.",
        "Tu reçois à nouveau mes messages. Pour les arrêter, écris ARRÊT.",
    ),
    "pt": (
        "A partir de agora não recebes nada meu que não tenhas pedido. Continuo a responder-te."
        " Para mudar isso, escreve VOLTAR.",
        "Voltas a receber as minhas mensagens. Para as parar, escreve PARE.",
    ),
    "ru": (
        "Теперь вы не получите от меня ничего, о чём не просили. Я по-прежнему вам отвечаю. Чтобы"
        " это изменить, напишите СТАРТ.",
        "Вы снова получаете мои сообщения. Чтобы остановить их, напишите СТОП.",
    ),
    "ar": (
        "من الآن لن يصلك مني شيء لم تطلبه. ما زلت أجيبك. لتغيير ذلك اكتب: ابدأ",
        "ستصلك رسائلي من جديد. لإيقافها اكتب: توقف",
    ),
    "zh": (
        "从现在起，你不会再收到我主动发的消息。我仍会回答你。要恢复，请写：开始",
        "你会重新收到我的消息。要停止，请写：停止",
    ),
}


def opt_out_reply(text: str, *, stopped: bool) -> str:
    """Return what such a word did, in its language."""
    plain = unicodedata.normalize("NFKC", text).lower().replace("\u0640", "")
    word = "".join(char for char in plain if char.isalnum())
    words = STOP if stopped else START
    language = next((one for one, known in words.items() if word in known), "en")
    return _REPLIES[language][0 if stopped else 1]
