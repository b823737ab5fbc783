# ruff: noqa: E501  (patterns of several scripts can not be broken well)
"""The patterns of intents, as regular expressions.

All are matched case-insensitively at the beginning of a sentence.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, cast

Language = Literal["en", "de", "fr", "es", "pt", "ru", "ar", "zh"]
Small = Literal["greeting", "thanks", "bye", "help", "who_are_you", "who_am_i", "clock", "yes"]


def _any(*ways: str) -> str:
    return f"(?:{'|'.join(ways)})"


_LINK = r"(?:\s*[:,]\s*|\s+|$)"

POLITE = (
    r"(?:(?:please|kindly|bitte|por favor|s'il (?:te|vous) plaît|stp|svp),?\s+)?"
    r"(?:(?:can|could|would|will) you (?:please )?)?"
)

_REMEMBER: Mapping[Language, str] = {
    "en": _any(
        r"remember",
        r"memori[sz]e",
        r"(?:keep|bear) in mind",
        r"(?:don't|do not|never) forget",
        r"(?:make|take) a note(?: of)?",
        r"(?:note|write) down",
        r"(?:note|save|store|learn)(?= that|:| this)",
    )
    + _LINK
    + r"(?:(?:this|the following)\s*:\s*)?(?:that\b,?\s*)?",
    "de": _any(
        r"merke? dir",
        r"merken sie sich",
        r"merkt euch",
        r"denke? (?:bitte )?da?ran",
        r"vergiss (?:bitte )?nicht",
        r"vergessen sie (?:bitte )?nicht",
        r"notiere?(?: dir)?",
        r"notieren sie(?: sich)?",
        r"erinnere? dich(?: daran)?",
    )
    + r"(?:,? bitte)?"
    + _LINK
    # Keep "dass": it puts the verb last, so the rest alone isn't a sentence.
    + r"(?:das\s*:\s*)?",
    "fr": _any(
        r"souviens-toi",
        r"souvenez-vous",
        r"rappelle-toi",
        r"rappelez-vous",
        r"retien(?:s|ez)",
        r"retenez",
        r"n'oublie(?:z)? pas",
        r"mémorisez?",
        r"notez?(?= que| qu'|:)",
    )
    + _LINK
    + r"(?:bien )?(?:que\s+|qu'|de\s+)?",
    "es": _any(
        r"recuerd[ae]",
        r"acu[ée]rd[ae][ts]e",
        r"apunta",
        r"anota",
        r"memoriza",
        r"no (?:te )?olvides",
        r"ten en cuenta",
    )
    + _LINK
    + r"(?:de\s+)?(?:que\s+)?",
}

REMEMBER: Mapping[Language, str] = {
    **_REMEMBER,
    "pt": _any(
        r"lembra(?:-te)?",
        r"lembre(?:-se)?",
        r"não (?:te |se )?esque[çc]as?(?: de)?",
        r"anota",
        r"anote",
        r"memoriza",
    )
    + _LINK
    + r"(?:de\s+)?(?:que\s+)?",
    "ru": r"(?:пожалуйста,?\s+)?"
    + _any(r"запомни(?:те)?", r"не забудь(?:те)?", r"запиши(?:те)?")
    + r"(?:,? пожалуйста)?"
    + _LINK
    + r"(?:что\s+)?",
    "ar": _any(r"تذك[ّ]?ري?", r"احفظي?", r"لا تنسي?", r"سج[ّ]?لي?") + _LINK + r"(?:[أا]ن\s+)?",
    "zh": r"(?:请|麻烦)?(?:你)?(?:帮我)?(?:记住|记得|记下来?|记一下|别忘了|不要忘记?)\s*[:：,，]?\s*",
}

# The same phrases after the text to remember.
REMEMBER_AFTER: Mapping[Language, str] = {
    "en": r"\s*[,;.:-]\s*(?:please\s+)?(?:remember|note|keep in mind)(?: (?:that|this|it))?$",
    "de": r"\s*[,;.:-]\s*(?:bitte\s+)?(?:merke? dir (?:das|es)|vergiss (?:das|es) nicht)(?: bitte)?$",
    "fr": r"\s*[,;.:-]\s*(?:souviens-t'en|retiens-le|retiens ça|ne l'oublie pas)$",
    "es": r"\s*[,;.:-]\s*(?:recu[ée]rdalo|acu[ée]rdate(?: de eso)?|ap[úu]ntalo|no lo olvides)$",
    "pt": r"\s*[,;.:-]\s*(?:lembra-te(?: disso)?|lembre-se(?: disso)?|anota(?: isso)?|não (?:te )?esqueças)$",
    "ru": r"\s*[,;.:—-]\s*(?:запомни(?:те)?|не забудь(?:те)?|запиши(?:те)?)(?: это)?$",
    "ar": r"\s*[,;.:،؛-]\s*(?:تذكر|احفظ|لا تنس|سجل)(?:ي)?(?: (?:ذلك|هذا))?$",
    "zh": r"\s*[,，;；、 ]\s*(?:请|麻烦)?(?:你)?(?:帮我)?(?:记住|记得|记下来?|记一下|别忘了|不要忘记?)(?:这个|它|这件事|哦|吧|啊|了)*$",
}

FORGET: Mapping[Language, str] = {
    "en": r"(?:forget|erase|delete)\b\s*(?:about\s+)?"
    r"(?:the (?:memory|note)s? (?:about|of|that)\s+)?"
    r"(?:(?:everything|all|what) (?:that )?(?:i (?:said|told you)|you know) about\s+)?"
    r"(?:that\b,?\s*)?",
    "de": r"(?:vergiss|vergessen sie|lösche?)\b(?: bitte)?[,:]?\s*"
    r"(?:(?:alles )?was (?:ich|du) (?:dir )?(?:über|von)\s+|dass\s+|das mit\s+)?",
    "fr": r"(?:oublie|efface)z?\b\s*(?:ce que (?:je t'ai|j'ai) dit (?:sur|de)\s+)?"
    r"(?:que\s+|qu')?",
    "es": r"(?:olvida|olv[íi]date|borra)\b\s*(?:de\s+)?"
    r"(?:lo que (?:te )?dije (?:sobre|de)\s+)?(?:que\s+)?",
}

# "What do you know about me?" Matches the whole sentence.
LIST_KEPT: Mapping[Language, str] = {
    "en": _any(
        r"(?:so,? )?(?:tell me )?what(?: all)?(?: do| did| have)? (?:you|i) (?:\w+ )?"
        r"(?:remember|know|remembered|keep|kept|noted|stored|saved|told you|tell you"
        r"|asked? you to remember)(?: (?:about|of|for) (?:me|us))?",
        r"(?:list|show)(?: me)?(?: all| everything)?(?: of)?(?: my| your| the| you)?"
        r" (?:memories|notes|know|remember)",
        r"do you (?:know|remember) (?:anything|something)(?: about (?:me|us))?",
        r"(?:tell me )?(?:everything|all) you (?:know|remember)(?: about (?:me|us))?",
    ),
    "de": r"was (?:weißt|merkst|hast|behältst) du (?:dir )?(?:alles )?"
    r"(?:über (?:mich|uns)|von (?:mir|uns)|gemerkt)?",
    "fr": r"(?:que sais-tu|qu'est-ce que tu sais|de quoi te souviens-tu)"
    r"(?: (?:de|sur) (?:moi|nous))?",
    "es": r"¿?\s*qué (?:sabes|recuerdas)(?: (?:de|sobre) (?:mí|mi|nosotros))?",
}

ABOUT: Mapping[Language, str] = {
    "en": _any(
        r"(?:what (?:else )?(?:do|did) you (?:\w+ )?(?:know|remember|have)"
        r"|tell me(?: something| more| everything)?"
        r"|do you (?:know|remember|have) (?:anything|something)"
        r"|what is known|what (?:have|did) (?:i|we) t(?:old|ell) you) (?:about|of|on)\s+",
        r"what about\s+",
        r"do you (?:still )?remember\s+",
    ),
    "de": r"(?:was weißt du|erzähle? mir(?: etwas| mehr)?|weißt du (?:etwas|was))"
    r" (?:über|von|zu)\s+",
    "fr": r"(?:que sais-tu|qu'est-ce que tu sais|parle-moi)(?: (?:de|sur|à propos de)\s+|\s+d')",
    "es": r"¿?\s*(?:qué sabes|qué recuerdas|cuéntame|háblame)(?: algo)? (?:de|sobre)\s+",
}

SAID: Mapping[Language, str] = {
    "en": _any(
        r"(?:what|when|where) (?:did|have) (?:i|we|you|they|he|she|anybody|anyone) (?:ever )?"
        r"(?:say|said|write|written|mention(?:ed)?|talk(?:ed)?|tell you|told you)"
        r"(?: (?:about|of|on))?\s+",
        r"(?:did|have) (?:i|we|you|they|anybody|anyone) (?:ever )?"
        r"(?:say|said|write|written|mention(?:ed)?|talk(?:ed)?|tell you|told you)"
        r"(?: (?:anything|something))?(?: (?:about|of))?\s+",
        r"search (?:the |our |this )?(?:conversation|chat|messages) for\s+",
    ),
    "de": r"was haben? (?:ich|wir) (?:dir )?(?:über|zu|von)\s+",
    "fr": r"qu'est-ce que (?:j'ai|nous avons) dit (?:sur|de|à propos de)\s+"
    r"|qu'ai-je dit (?:sur|de)\s+",
    "es": r"¿?\s*qué (?:dije|he dicho|dijimos) (?:sobre|de)\s+",
}

# Small talk. Matches the whole sentence.
SMALL: Mapping[Small, Mapping[Language, str]] = {
    "greeting": {
        "en": r"(?:hello|hi|hiya|hey|howdy|greetings|good (?:morning|afternoon|evening|day))"
        r"(?: there| all| everybody| everyone)?",
        "de": r"(?:hallo|servus|moin|grüß gott|guten (?:morgen|tag|abend))(?: zusammen)?",
        "fr": r"bonjour|salut|bonsoir",
        "es": r"hola|buen[oa]s(?: días| tardes| noches)?",
    },
    "thanks": {
        "en": r"(?:many )?thanks?(?: you)?(?: (?:so|very) much| a lot)?|thx|cheers|great|perfect"
        r"|cool|nice|ok(?:ay)?|all right|good",
        "de": r"danke(?: sehr| schön| dir)?|vielen dank|super",
        "fr": r"merci(?: beaucoup)?",
        "es": r"(?:muchas )?gracias|vale",
    },
    "bye": {
        "en": r"(?:good ?)?bye(?: bye)?|see you(?: \w+)?|good night",
        "de": r"tschüss?|auf wiedersehen|gute nacht",
        "fr": r"au revoir|bonne nuit",
        "es": r"adiós|hasta \w+",
    },
    "help": {
        "en": r"/?help(?: me)?|/start|what can you do(?: for me)?"
        r"|how do(?:es)? (?:this|you|it) work|what (?:should|can) i (?:say|ask|do)(?: you)?",
        "de": r"hilfe|was kannst du",
        "fr": r"aide|que peux-tu faire",
        "es": r"ayuda|¿?\s*qué puedes hacer",
    },
    "who_are_you": {
        "en": r"(?:who|what) are you|what(?:'s| is) your name"
        r"|are you (?:a |an )?(?:\w+ )?(?:bot|robot|ai|human|person|machine|model|chatgpt)",
        "de": r"wer bist du|wie heißt du",
        "fr": r"qui es-tu|comment tu t'appelles",
        "es": r"¿?\s*quién eres|¿?\s*cómo te llamas",
    },
    "who_am_i": {
        "en": r"who am i|what(?:'s| is) my name|do you know (?:who i am|my name)",
        "de": r"wer bin ich|wie heiße ich",
        "fr": r"qui suis-je|comment je m'appelle",
        "es": r"¿?\s*quién soy|¿?\s*cómo me llamo",
    },
    "clock": {
        "en": r"what(?:'s| is) (?:the|today's) (?:time|date)|what time is it"
        r"|what day is (?:it|today)(?: today)?",
        "de": r"wie spät ist es|wie viel uhr ist es|welcher tag ist heute",
        "fr": r"quelle heure est-il|quel jour sommes-nous",
        "es": r"¿?\s*qué hora es|¿?\s*qué día es(?: hoy)?",
    },
    "yes": {
        "en": r"yes|yep|yeah|yes,? please|please(?: do)?|do (?:it|that)|sure|keep (?:it|that)",
        "de": r"ja(?:,? bitte)?|mach das",
        "fr": r"oui(?: s'il te plaît)?",
        "es": r"sí(?:,? por favor)?",
    },
}

# How a question begins, even without a question mark.
ASKING: Mapping[Language, str] = {
    "en": r"(?:what|who|whom|whose|which|where|when|why|how|is|are|am|was|were|do|does|did|can"
    r"|could|will|would|should|may|have|has|what's|who's|where's|when's|how's)\b",
    "de": r"(?:wer|wen|wem|wessen|was|wo(?:hin|her|mit|für|von|zu|ran|rauf|rin|nach|durch|gegen)?"
    r"|wann|warum|wieso|weshalb|wie|welche[rsn]?|ist|sind|bin|hast|habe|haben|kannst|kann|gibt)\b",
    "fr": r"(?:qui|que|quoi|quel(?:le)?s?|où|quand|pourquoi|comment|combien|est-ce|qu'est-ce"
    r"|as-tu)\b",
    "es": r"(?:¿|(?:qué|quién|quiénes|cuál|cuáles|dónde|cuándo|por qué|cómo|cuánto|cuántos)\b)",
}

ASKING_FURTHER: Mapping[Language, str] = {
    "pt": r"(?:o que|(?:em )?que|qual|quais|quem|onde|quando|como|por ?qu[eê]|quant[oa]s?)\b",
    "ru": r"(?:что|кто|кем|кого|где|куда|откуда|когда|как|как(?:ой|ая|ое|ие)|почему|сколько)\b",
    "ar": r"(?:ما|ماذا|من|[أا]ين|متى|كيف|هل|كم|لماذا)\s",
    "zh": r".*(?:什么|哪[里儿个]?|谁|怎么|多少|几[个岁点号]|吗|呢)[。？?]?$",
}


def sentence_language(sentence: str, otherwise: Language) -> Language:
    """Return the language to answer a sentence in, by its script and first words."""
    for language, way in (
        ("ru", r"[а-яё]"),
        ("ar", r"[\u0600-\u06ff]"),
        ("zh", r"[\u4e00-\u9fff]"),
    ):
        if re.search(way, sentence, re.IGNORECASE):
            return cast(Language, language)
    if (
        re.match(ASKING_FURTHER["pt"], sentence, re.IGNORECASE)
        and re.search(
            r"\b(?:meu|minha|meus|minhas|é|posso|não|onde|quando é|em que|qual|fica|moro"
            r"|tenho|faço|sou|estou)\b",
            sentence,
        )
        and not sentence.startswith("¿")
        and otherwise in ("en", "pt", "fr")
    ):
        return "pt"
    return otherwise


# How other requests begin.
REQUESTING: Mapping[Language, str] = {
    "en": r"(?:tell|write|explain|translate|give|show|make|create|draw|find|search|look|list"
    r"|calculate|compare|help|send|book|order|call|read|sing|play|let's)\b",
    "de": r"(?:erzähle?|schreibe?|erkläre?|übersetze?|zeige?|suche?|mach|rechne|hilf|gib)\b",
    "fr": r"(?:écris|explique|traduis|raconte|montre|cherche|calcule|donne)\b",
    "es": r"(?:escribe|explica|traduce|cuenta|muestra|busca|calcula|dame)\b",
}

# "Remember that", and nothing else.
NOTHING_MEANT = frozenset({"", "it", "that", "this", "das", "es", "ça", "cela", "eso", "esto"})
