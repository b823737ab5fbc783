"""The phrases of the offline responder, by language.

Users' texts replace the braces unchanged and are never parsed as a format.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from discreet.turn.offline.patterns import Language


@dataclass(frozen=True, slots=True)
class Replies:
    """One language. ``quoted`` adds its quotation marks to a text."""

    quoted: str
    kept: str
    too_long: str
    full: str
    keep_what: str
    forgotten: str
    forget_what: str
    forget_which: str
    told_me: str
    told_me_all: str
    kept_here: str
    wrote: str
    nothing: str
    nearest: str
    nothing_kept: str
    no_model: str
    statement: str
    greeting: str
    thanks: str
    bye: str
    i_am: str
    you_are: str
    clock: str


_REPLIES: dict[Language, Replies] = {
    "en": Replies(
        quoted="“{}”",
        kept="I'll remember: {}",
        full="My memory is full. Tell me what to forget first.",
        too_long="That is too long for one memory. Tell me the gist, and I'll remember it.",
        keep_what="What should I remember? For example: “Remember that my sister lives in Lisbon.”",
        forgotten="Forgotten: {}",
        forget_what="What should I forget? Say, for example: “Forget where my sister lives.”",
        forget_which="I found several matches. Which one should I forget?",
        told_me="You told me: {}",
        told_me_all="This is what you told me:",
        kept_here="This is what I remember here:",
        wrote="In this conversation:",
        nothing="I don't know anything about that.",
        nearest="I'm not sure. The closest I was told:",
        nothing_kept="I don't remember anything yet. Say “Remember that …”, and I will.",
        no_model="I work without a language model, so I can only look up what I was asked to"
        " remember, what was said here, and what is published for you. Say “help” for examples.",
        statement="I've read it, but I remember only what you ask me to. Say “yes” or “Remember "
        "that …”, and I will.",
        greeting="Hello{name}! I'm {agent}. Tell me what to remember, or ask me about it; say "
        "“help” for examples.",
        thanks="You're welcome.",
        bye="Goodbye!",
        i_am="I'm {agent}{role}. I work without a language model: I remember what you ask me to"
        " and find it again.",
        you_are="I know you as {}.",
        clock="It is {} (UTC).",
    ),
    "de": Replies(
        quoted="„{}“",
        kept="Ich merke mir: {}",
        full="Ich habe mir schon so viel gemerkt, wie ich darf. Sag mir, was ich vergessen soll.",
        too_long="Das ist zu lang für eine einzige Erinnerung. Sag mir das Wichtigste davon.",
        keep_what="Was soll ich mir merken? Etwa: „Merk dir: Meine Schwester wohnt in Lissabon.“",
        forgotten="Vergessen: {}",
        forget_what="Was soll ich vergessen? Zum Beispiel: „Vergiss, wo meine Schwester wohnt.“",
        forget_which="Mehreres könnte gemeint sein. Was davon soll ich vergessen?",
        told_me="Du hast mir gesagt: {}",
        told_me_all="Das hast du mir gesagt:",
        kept_here="Das habe ich mir hier gemerkt:",
        wrote="In diesem Gespräch:",
        nothing="Darüber weiß ich nichts.",
        nearest="Ich bin nicht sicher. Am nächsten kommt, was mir gesagt wurde:",
        nothing_kept="Ich habe mir noch nichts gemerkt. Sag „Merk dir: …“, dann tue ich es.",
        no_model="Ich arbeite ohne Sprachmodell und kann nur nachsehen, was ich mir merken sollte,"
        " was hier gesagt wurde und was für dich veröffentlicht ist. „Hilfe“ zeigt Beispiele.",
        statement="Gelesen; ich merke mir aber nur, worum du mich bittest. Sag „ja“ oder „Merk"
        " dir: …“.",
        greeting="Hallo{name}! Ich bin {agent}. Sag mir, was ich mir merken soll, oder frag danach;"
        " „Hilfe“ zeigt, wie.",
        thanks="Gern geschehen.",
        bye="Auf Wiedersehen!",
        i_am="Ich bin {agent}{role}. Ich arbeite ohne Sprachmodell: Ich merke mir, worum du mich"
        " bittest, und finde es wieder.",
        you_are="Ich kenne dich als {}.",
        clock="Es ist {} (UTC).",
    ),
    "fr": Replies(
        quoted="« {} »",
        kept="Je m'en souviendrai : {}",
        full="Je retiens déjà autant que je peux. Dites-moi d'abord ce que je dois oublier.",
        too_long="C'est trop long pour un seul souvenir. Dites-m'en l'essentiel.",
        keep_what="Que dois-je retenir ? Par exemple : « Retiens que ma sœur habite à Lisbonne. »",
        forgotten="Oublié : {}",
        forget_what="Que dois-je oublier ? Par exemple : « Oublie où habite ma sœur. »",
        forget_which="Il y a plusieurs possibilités. Laquelle dois-je oublier ?",
        told_me="Vous m'avez dit : {}",
        told_me_all="Voici ce que vous m'avez dit :",
        kept_here="Voici ce que j'ai retenu ici :",
        wrote="Dans cette conversation :",
        nothing="Je ne sais rien à ce sujet.",
        nearest="Je ne suis pas sûr. Ce qui s'en approche le plus :",
        nothing_kept="Je n'ai encore rien retenu. Dites « Retiens que … ».",
        no_model="Je travaille sans modèle de langue : je ne retrouve que ce qu'on m'a demandé de"
        " retenir, ce qui a été dit ici et ce qui est publié. « Aide » donne des exemples.",
        statement="C'est lu, mais je ne retiens que ce qu'on me demande. Dites « oui » ou « Retiens"
        " que … ».",
        greeting="Bonjour{name} ! Je suis {agent}. Dites-moi ce que je dois retenir ; « aide »"
        " montre comment.",
        thanks="Avec plaisir.",
        bye="Au revoir !",
        i_am="Je suis {agent}{role}. Je travaille sans modèle de langue : je retiens ce que vous me"
        " dites et le retrouve.",
        you_are="Je vous connais comme {}.",
        clock="Il est {} (UTC).",
    ),
    "es": Replies(
        quoted="«{}»",
        kept="Lo recordaré: {}",
        full="Ya guardo todo lo que puedo. Dime primero qué debo olvidar.",
        too_long="Es demasiado largo para un solo recuerdo. Dime lo esencial.",
        keep_what="¿Qué debo recordar? Por ejemplo: «Recuerda que mi hermana vive en Lisboa.»",
        forgotten="Olvidado: {}",
        forget_what="¿Qué debo olvidar? Por ejemplo: «Olvida dónde vive mi hermana.»",
        forget_which="Hay varias posibilidades. ¿Cuál debo olvidar?",
        told_me="Me dijiste: {}",
        told_me_all="Esto es lo que me dijiste:",
        kept_here="Esto es lo que recuerdo aquí:",
        wrote="En esta conversación:",
        nothing="No sé nada de eso.",
        nearest="No estoy seguro. Lo más parecido que me dijeron:",
        nothing_kept="Todavía no he guardado nada. Di «Recuerda que …».",
        no_model="Trabajo sin modelo de lenguaje: solo puedo buscar lo que me pidieron recordar, lo"
        " que se dijo aquí y lo que está publicado. «Ayuda» da ejemplos.",
        statement="Leído, pero solo recuerdo lo que me pides. Di «sí» o «Recuerda que …».",
        greeting="¡Hola{name}! Soy {agent}. Dime qué debo recordar; «ayuda» muestra cómo.",
        thanks="De nada.",
        bye="¡Hasta luego!",
        i_am="Soy {agent}{role}. Trabajo sin modelo de lenguaje: guardo lo que me pides recordar y"
        " lo encuentro.",
        you_are="Te conozco como {}.",
        clock="Son las {} (UTC).",
    ),
}

REPLIES: Mapping[Language, Replies] = {
    **_REPLIES,
    # Phrases without a translation are in English.
    "pt": replace(
        _REPLIES["en"],
        quoted="“{}”",
        kept="Vou lembrar-me: {}",
        forgotten="Esquecido: {}",
        told_me="Disseste-me: {}",
        told_me_all="Isto é o que me disseste:",
        kept_here="Isto é o que guardo aqui:",
        wrote="Nesta conversa:",
        nothing="Não sei nada sobre isso.",
        nearest="Não tenho a certeza. O mais próximo do que me disseram:",
        statement="Li, mas só guardo o que me pedes. Diz “Lembra-te que …”.",
    ),
    "ru": replace(
        _REPLIES["en"],
        quoted="«{}»",
        kept="Запомню: {}",
        forgotten="Забыто: {}",
        told_me="Вы мне сказали: {}",
        told_me_all="Вот что вы мне сказали:",
        kept_here="Вот что я здесь помню:",
        wrote="В этом разговоре:",
        nothing="Я ничего об этом не знаю.",
        nearest="Я не уверен. Ближе всего из того, что мне сказали:",
        statement="Прочитал, но запоминаю только по просьбе. Скажите «Запомни, что …».",
    ),
    "ar": replace(
        _REPLIES["en"],
        quoted="«{}»",
        kept="سأتذكر: {}",
        forgotten="نسيت: {}",
        told_me="قلت لي: {}",
        told_me_all="هذا ما قلته لي:",
        kept_here="هذا ما أحفظه هنا:",
        wrote="في هذه المحادثة:",
        nothing="لا أعرف شيئا عن ذلك.",
        nearest="لست متأكدا. أقرب ما قيل لي:",
        statement="قرأته، لكني أحفظ ما يطلب مني فقط. قل «تذكر أن …».",
    ),
    "zh": replace(
        _REPLIES["en"],
        quoted="“{}”",
        kept="我会记住：{}",
        forgotten="已忘记：{}",
        told_me="你告诉过我：{}",
        told_me_all="这是你告诉过我的：",
        kept_here="这是我在这里记住的：",
        wrote="在这次对话中：",
        nothing="我对此一无所知。",
        nearest="我不确定。我被告知的最接近的内容：",
        statement="我看到了，但只记住你让我记的。请说“记住……”。",
    ),
}

HELP = """\
I'm {agent}. I work without a language model, by simple rules, and understand things like these:
- “Remember that my sister lives in Lisbon.” keeps something.
- “Where does my sister live?” finds it again.
- “What are your opening hours?” looks into what is published for you.
- “What do you remember about me?” lists what I keep.
- “What did I say about Lisbon?” searches our conversation.
- “Forget where my sister lives.” lets go of it.
{privacy}"""
PRIVATE = "What you tell me stays between you and the person who runs me."
IN_GROUP = "What I remember here is shared by everyone in this conversation."
FOR_OWNER = (
    "You are my owner: you see what all your contacts told me, and who it belongs to."
    " For a language model: sb agents set {agent} --model openai:gpt-5.2"
)
