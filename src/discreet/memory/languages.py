"""Function words by language, for detecting languages and the subject of a question."""

from __future__ import annotations

import re
from collections.abc import Collection

__all__ = [
    "ASKING_WORDS",
    "CALENDAR_WORDS",
    "CHANGE_WORDS",
    "DENIES",
    "DWELLING_WORDS",
    "ENGLISH_TOO",
    "KIN",
    "KIN_IN_RUNS",
    "MOVING_WORDS",
    "ORDERS",
    "PAST",
    "SELF",
    "STOP_WORDS",
    "language_of",
]


def _listed(words: str) -> frozenset[str]:
    return frozenset(words.split())


# Spelled without the accents of Latin letters. Cyrillic, Arabic, Devanagari and Hangul are each
# assigned to the language that most people write in them.
STOP_WORDS: dict[str, frozenset[str]] = {
    "english": _listed(
        "a an the and or but if then so of in on at to for from with by about as into is are was "
        "were be been being am do does did doing done have has had having i me my mine we our us "
        "you your yours he him his she her hers it its they them their what which who whom whose "
        "when where why how that this these those there here will would can could should shall may "
        "might must not no nor than too very just ca wo"
    ),
    "german": _listed(
        "der die das den dem des ein eine einen einem einer eines und oder aber wenn von in im an "
        "am auf zu zum zur fur mit bei uber als ist sind war waren sei bin bist hat habe haben "
        "hatte wird werden wurde ich mich mir mein meine meinen meinem meiner wir uns unser unsere "
        "unserem unseren du dich dir dein deine sie er es ihr ihm ihn ihre was welche welcher "
        "welches welchem welchen wer wen wem wann wo warum wie dass dies diese dieser hier da kann "
        "konnen soll sollte muss darf nicht kein keine noch schon sehr auch nur man sich wohin "
        "wogegen"
    ),
    "spanish": _listed(
        "el la los las un una unos unas y o pero si de del en a al para por con sobre como es son "
        "era eran ser soy esta estan estoy fue ha he han hay yo me mi mis mio nosotros nos nuestro "
        "nuestra tu te tus su sus se le les lo ella ellos que cual cuales quien quienes cuando "
        "donde porque cuanto cuantos cuantas esto este esta estos aqui no ni mas muy ya"
    ),
    "french": _listed(
        "le la les l un une des du de d et ou mais si en a au aux pour par avec sur comme est sont "
        "etait etre suis ai as avons avez ont c ce cet cette ces je j me m moi mon ma mes nous "
        "notre nos tu te t toi ton ta tes vous votre vos il elle ils elles lui leur se s que qu "
        "quoi quel quelle quels quelles qui quand ou pourquoi comment combien dont ne n pas plus "
        "tres y va lieu"
    ),
    "portuguese": _listed(
        "o a os as um uma uns umas e ou mas se de do da dos das em no na nos nas para por com "
        "sobre como eu me mim meu minha meus minhas nos nosso nossa tu te teu tua voce seu sua ele "
        "ela eles que qual quais quem quando onde porque quanto quantos quantas quanta isto este "
        "esta nao nem mais muito ja e foi ser sou esta sao era tenho tem ha ao aos"
    ),
    "italian": _listed(
        "il lo la i gli le un uno una e o ma se di del della dei in nel nella a al alla per con su "
        "come sono e era essere ho ha hanno io mi mio mia miei noi ci nostro tu ti tuo tua lui lei "
        "loro che quale quali chi quando dove perche quanto quanti non ne piu molto gia"
    ),
    "dutch": _listed(
        "de het een en of maar als van in op aan te tot voor met door over is zijn was waren ben "
        "heeft heb hebben ik mij mijn wij ons onze jij je jouw hij hem zij haar hun wat welke wie "
        "wanneer waar waarom hoe dat dit deze die hier er niet geen nog ook heel"
    ),
    "turkish": _listed(
        "bir ve veya ama eger bu su o ile icin gibi de da mi mu ne nedir kim kime kiminle hangi "
        "nerede nereye neden nicin nasil kac zaman ben beni bana benim biz bizi bizim sen seni "
        "sana senin siz onun onlar var yok degil cok daha her"
    ),
    "russian": _listed(
        "и или но если в во на с со к ко у о об от до из за по для при под над как что кто кого "
        "кому кем чем чего какой какая какое какие какую каком каких какому где куда откуда когда "
        "почему зачем сколько ли это этот эта эти тот я меня мне мной мой моя моё мое мои мою "
        "моего моей моих мы нас нам наш наша наши ты тебя тебе твой твоя он его ему она её ее ей "
        "они их им не ни был была было были есть быть же бы уже ещё еще"
    ),
    "arabic": _listed(
        "في من إلى الى على عن مع و أو او ثم أن ان إن هل ما ماذا من متى أين اين كيف لماذا كم أي اي "
        "هذا هذه ذلك التي الذي هو هي هم أنا انا نحن أنت انت لي لك له لها لدي عندي ليس لا لم لن قد "
        "كان كانت يكون التى حين"
    ),
    "hindi": _listed(
        "मैं मैंने मुझे मेरा मेरी मेरे हम हमने हमारा हमारी "
        "हमारे तुम आप आपका वह वे यह ये का की के को से "
        "में पर ने और या है हैं हूँ था थी थे हो हुआ हुई हुए गया "
        "गई क्या कौन किस किसे किन किससे कब कहाँ क्यों "
        "कैसे कितने कितना कितनी कुछ नहीं न तो भी ही रहा रही "
        "रहे अपना अपनी अपने किसने किसको किसका लिए"
    ),
    "han": _listed(
        "的 了 吗 呢 吧 是 我 你 他 她 它 们 我们 你们 他们 这 那 哪 里 哪里 哪儿 儿 什 么 什么 "
        "谁 几 怎 怎么 为 为何 和 与 在 有 没 没有 不 也 都 就 很 还 被 把 我的 你的 的是 是什 "
        "是哪 是谁 么名 ですか です ます した する は が を に で と も の か ね よ な だ た て "
        "い る し す こ れ ど "
        "何 私 私の どこ いつ だれ どの なぜ のは"
    ),
    "korean": _listed(
        "은 는 이 가 을 를 에 에서 의 와 과 도 로 으로 제 저 저는 나 내 우리 뭐 무엇 누구 언제 "
        "어디 어디서 어느 어떤 무슨 왜 어떻게 몇 있 있어 어요 예요 이에 에요 나요 가요 인가 죠 "
        "지 것 것은"
    ),
}

_LATIN = ("english", "german", "spanish", "french", "portuguese", "italian", "dutch", "turkish")

ASKING_WORDS = _listed(
    "summary summarize summarise recap overview conversation conversations discuss discussed "
    "discussing discussion discussions mention mentioned mentioning session sessions chat chats "
    "tell told remind recall remember said say talk talked talking ask asked asking"
)
"""Words that ask about a conversation without being part of its subject."""


CHANGE_WORDS: dict[str, frozenset[str]] = {
    "english": _listed(
        "now currently anymore longer since changed change moved relocated instead new newly quit "
        "left stopped became switched replaced renamed rebooked updated raised lowered increased "
        "reduced doubled halved postponed rescheduled delayed"
    ),
    "german": _listed(
        "jetzt nun mehr seit neu neue neuer geandert umgezogen stattdessen erst inzwischen "
        "mittlerweile erhoht gesenkt reduziert verschoben abgelost"
    ),
    "spanish": _listed(
        "ahora ya desde nuevo nueva cambiado cambie mudado mude final subio bajo aumento redujo "
        "aplazo cambio"
    ),
    "french": _listed(
        "maintenant desormais depuis plus nouveau nouvelle change demenage reporte augmente "
        "diminue repousse remplace decale"
    ),
    "portuguese": _listed(
        "agora ja desde novo nova mudei mudou mudamos mudei-me deixei aumentou reduziu passou adiou"
    ),
    "italian": _listed(
        "ora adesso ormai piu nuovo nuova cambiato trasferito aumentato ridotto rinviato"
    ),
    "dutch": _listed("nu meer sinds nieuw nieuwe veranderd verhuisd verhoogd verlaagd uitgesteld"),
    "turkish": _listed(
        "artik simdi yeni degisti tasindim beri yükseltti artırdı düşürdü ertelendi"
    ),
    "russian": _listed(
        "теперь сейчас больше уже новый новая переехал переехала сменил перешёл увеличили снизили "
        "уменьшили перенесли вместо"
    ),
    "arabic": _listed("الآن الان صار صارت أصبح أعد انتقلت تركت غيرت غيرنا جديد تأجل زاد خفض"),
    "hindi": _listed("अब बदल नया नई बढ़ा घटा टल"),
    "han": _listed("现在 不再 改 换 搬 新 从 今 もう 新しい 変 推迟 増 增"),
    "korean": _listed("이제 지금 더는 새로 바뀌 늘렸"),
}
"""Words that signal a change."""

CALENDAR_WORDS: dict[str, frozenset[str]] = {
    "english": _listed(
        "january february march april june july august september october november december "
        "monday tuesday wednesday thursday friday saturday sunday"
    ),
    "german": _listed(
        "januar februar marz april mai juni juli august september oktober november dezember "
        "montag dienstag mittwoch donnerstag freitag samstag sonntag"
    ),
    "spanish": _listed(
        "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre "
        "lunes martes miercoles jueves viernes sabado domingo"
    ),
    "french": _listed(
        "janvier fevrier mars avril mai juin juillet aout septembre octobre novembre decembre "
        "lundi mardi mercredi jeudi vendredi samedi dimanche"
    ),
    "portuguese": _listed(
        "janeiro fevereiro marco abril maio junho julho agosto setembro outubro novembro dezembro "
        "segunda-feira terca-feira quarta-feira quinta-feira sexta-feira sabado domingo"
    ),
    "italian": _listed(
        "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre "
        "dicembre lunedi martedi mercoledi giovedi venerdi sabato domenica"
    ),
    "dutch": _listed(
        "januari februari maart april mei juni juli augustus september oktober november december "
        "maandag dinsdag woensdag donderdag vrijdag zaterdag zondag"
    ),
    "turkish": _listed(
        "ocak şubat mart nisan mayıs haziran temmuz ağustos eylül ekim kasım aralık "
        "pazartesi salı çarşamba perşembe cuma cumartesi pazar"
    ),
    "russian": _listed(
        "января февраля марта апреля мая июня июля августа сентября октября ноября декабря июне "
        "июле понедельник вторник среду четверг пятницу субботу воскресенье"
    ),
    "arabic": _listed(
        "يناير فبراير مارس أبريل مايو يونيو يوليو أغسطس سبتمبر أكتوبر نوفمبر ديسمبر "
        "الاثنين الثلاثاء الأربعاء الخميس الجمعة السبت الأحد"
    ),
    "hindi": _listed(
        "जनवरी फरवरी मार्च अप्रैल मई जून जुलाई अगस्त सितंबर अक्टूबर नवंबर दिसंबर "
        "सोमवार मंगलवार बुधवार गुरुवार शुक्रवार शनिवार रविवार"
    ),
    "han": _listed("月 星 期 星期 周 曜 日"),
    "korean": _listed("월요 화요 수요 목요 금요 토요 일요 요일"),
}
"""Months and days of the week."""

MOVING_WORDS: dict[str, frozenset[str]] = {
    "english": _listed("moved moving relocated"),
    "german": _listed("umgezogen gezogen umzug verlegt"),
    "spanish": _listed("mude mudado mudamos mudo traslade trasladado traslado"),
    "french": _listed("demenage demenagee demenagement installe installee"),
    "portuguese": _listed("mudei mudou mudamos mudado mudança"),
    "italian": _listed("trasferito trasferita traslocato trasferiti"),
    "dutch": _listed("verhuisd"),
    "turkish": _listed("taşındım taşındık taşındı"),
    "russian": _listed("переехал переехала переехали переезд"),
    "arabic": _listed("انتقلت انتقلنا انتقل"),
    "hindi": _listed("शिफ्ट स्थानांतरित"),
    "han": _listed("搬 迁 引っ"),
    "korean": _listed("이사"),
}
"""Words that say that someone is elsewhere now."""

DWELLING_WORDS: dict[str, frozenset[str]] = {
    "english": _listed("live lives living reside home address located office"),
    "german": _listed("wohne wohnt wohnen lebe lebt liegt sitzt"),
    "spanish": _listed("vivo vive vivimos queda"),
    "french": _listed("habite habitons vis vit demeure trouve"),
    "portuguese": _listed("moro mora moramos vivo vive fica"),
    "italian": _listed("abito abita vivo vive trova"),
    "dutch": _listed("woon woont wonen"),
    "turkish": _listed("oturuyorum yaşıyorum oturuyor yaşıyor"),
    "russian": _listed("живу живёт живем живём находится"),
    "arabic": _listed("أسكن أعيش نسكن يسكن تسكن"),
    "hindi": _listed("रहता रहती रहते"),
    "han": _listed("住 我住 住在 住ん"),
    "korean": _listed("살아 살고 사는"),
}
"""Words that say where someone is."""

KIN = _listed(
    "mother mum mom father dad brother sister son daughter wife husband partner boyfriend "
    "girlfriend cousin uncle aunt niece nephew grandmother grandma grandfather grandpa grandson "
    "granddaughter parents neighbour neighbor colleague friend "
    "mutter mama vater papa bruder schwester sohn tochter frau mann onkel tante cousine neffe "
    "nichte oma opa grossmutter grossvater eltern nachbar nachbarin kollege kollegin "
    "freund freundin schwager schwagerin "
    "madre padre hermano hermana hijo hija esposa esposo marido mujer primo prima tio tia sobrino "
    "sobrina abuelo abuela padres vecino vecina amigo amiga suegro suegra "
    "mere maman pere frere soeur fils fille femme mari cousin cousine oncle neveu mamie "
    "papi parents voisin voisine collegue ami amie "
    "mae pai irmao irma filho filha mulher avo pais vizinho vizinha sogro sogra neto neta "
    "fratello sorella figlio figlia moglie marito zio zia nonno nonna genitori vicino vicina amico "
    "moeder vader broer zus zoon dochter vrouw man oom opa oma ouders buurman buurvrouw vriend "
    "annem babam kardeşim ablam abim ağabeyim oğlum kızım "
    "eşim karım kocam amcam teyzem dayım halam "
    "büyükannem dedem komşum arkadaşım "
    "мама мать мамы маме маму мамой папа отец отца папы папе папу "
    "папой брат брата сестра сестры сестре сын сына дочь "
    "дочери жена жены муж мужа дядя тётя бабушка бабушки дедушка дедушки родители сосед соседка "
    "друг подруга коллега "
    "أمي أبي والدي والدتي أخي أختي ابني ابنتي زوجي زوجتي عمي عمتي خالي خالتي جدي جدتي والداي جاري "
    "جارتي صديقي صديقتي "
    "माँ मां पिता भाई बहन बेटा बेटे बेटी पत्नी पति चाचा चाची मामा "
    "मामी दादा दादी नाना नानी पड़ोसी पड़ोसन दोस्त "
    "엄마 어머니 아빠 아버지 형 오빠 누나 언니 동생 아들 딸 "
    "아내 남편 삼촌 이모 고모 할머니 할아버지 친구"
)
"""Words for people near somebody, without the accents of Latin letters."""

KIN_IN_RUNS = re.compile(
    "妈妈|母亲|爸爸|父亲|父母|哥哥|弟弟|姐姐|妹妹|儿子|女儿|妻子|老婆|丈夫|老公|叔叔|阿姨|奶奶|爷爷"
    "|外婆|外公|邻居|朋友|同事|母|父|兄|姉|妹|弟|息子|娘|妻|夫|祖母|祖父|友達"
)
"""The same in scripts without spaces."""

SELF = _listed(
    "i we ich wir je j nous yo nosotros me nos eu io noi mi ci ik wij ben biz "
    "vivo vivimos moro moramos abito abitiamo mude mudamos mudei "
    "oturuyorum oturuyoruz yaşıyorum yaşıyoruz taşındım taşındık "
    "я мы живу живём живем أنا نحن أسكن أعيش نسكن نعيش انتقلت "
    "انتقلنا मैं मैंने हम हमने 나 저 저는 우리 我 私 僕 俺"
)
"""Words that say that the speaker tells of themselves."""

DENIES = re.compile(
    r"n['’]t\b|\b(?:not|never|nicht|kein|keine|keinen|nie|no"
    r"|nunca|ne|n|pas|jamais|nao|não|non|mai|niet"
    r"|geen|nooit|değil|не|нет|нельзя|नहीं|ليس|لا|لم|لن)\b|不|没|ない|ません|않|안 |없"
)
"""Words that deny something."""

PAST = re.compile(
    r"\bused to\b|\bas an? (?:child|kid|boy|girl|teenager"
    r"|student)\b|\bwhen (?:i|we|he|she) (?:was|were)\b"
    r"|\bformerly\b|\bpreviously\b|\bfruher\b|\bdamals\b|\bals kind\b|\bantes\b"
    r"|\bde (?:joven|nin[oa]|pequen[oa])\b|\bautrefois\b|\bquand j'etais\b|\bantigamente\b"
    r"|\bem crianca\b|\bda piccol[oa]\b|\bvroeger\b"
    r"|\beskiden\b|\bcocukken\b|\bраньше\b|\bв детстве\b"
    r"|سابقا|\bكنت\b|من قبل|في صغري|पहले|बचपन में|以前|曾经|小时候|从前|子供の頃|昔は|예전|어릴 때"
)
"""Words that say that something is over, without the accents of Latin letters."""

ORDERS: dict[str, tuple[str, ...]] = {
    "english": ("always", "never", "please always", "please never", "from now on", "make sure to"),
    "german": ("immer", "niemals", "bitte immer", "bitte nie", "ab jetzt", "von jetzt an"),
    "spanish": ("siempre", "nunca", "por favor siempre", "a partir de ahora", "de ahora en"),
    "french": ("toujours", "jamais", "ne jamais", "à partir de maintenant", "désormais"),
    "portuguese": ("sempre", "nunca", "por favor sempre", "a partir de agora", "de agora em"),
    "italian": ("sempre", "mai", "non mai", "da ora in poi", "d'ora in poi"),
    "dutch": ("altijd", "nooit", "vanaf nu"),
    "turkish": ("her zaman", "asla", "lütfen her zaman", "bundan sonra", "bundan böyle"),
    "russian": ("всегда", "никогда", "пожалуйста всегда", "с этого момента", "отныне"),
    "arabic": ("دائما", "أبدا", "لا أبدا", "من الآن فصاعدا"),
    "hindi": ("हमेशा", "कभी नहीं", "अब से"),
    "han": (
        "总是",
        "始终",
        "永远",
        "从现在开始",
        "今后",
        "请总是",
        "請總是",
        "いつも",
        "必ず",
        "常に",
    ),
    "korean": ("항상", "언제나", "절대", "앞으로는", "앞으로"),
}
"""How a standing order begins."""


_ALSO_ENGLISH: dict[str, frozenset[str]] = {
    "german": _listed("die den war was in an am man bin hat so"),
    "spanish": _listed("a no me he son era hay ha del un la para como mas"),
    "french": _listed(
        "a pour comment me ma plus ton son lieu les elle va sur c d j l m n s t y or on"
    ),
    "portuguese": _listed("a as do no me um o era dos ha tem mas"),
    "italian": _listed("a i in come per con al ho ha e o ma"),
    "dutch": _listed("of van in met door over is was ben hem heel tot op die er"),
    "turkish": _listed("her ben biz sen var ne"),
}
"""Function words that are also English words or names: "green door", "her son"."""
ENGLISH_TOO = frozenset().union(*_ALSO_ENGLISH.values()) - STOP_WORDS["english"]
"""Function words of other languages that carry a subject in English: "son", "door", "hat"."""
_CUT_OFF = _listed("wo ca")
"""The stems of "won't" and "can't", which are no evidence for English."""


_TURKISH_VERB = re.compile(r"\w[iıuü]yor(?:um|sun|uz|sunuz|lar)?$")
"""How a Turkish verb ends, as in "oturuyorum". A short "
"sentence may have no function word, but often
a dotless i.
"""


def language_of(words: Collection[str]) -> str:
    """Return the Snowball name of the language with the most function words; default English.

    A word that English has too is not enough evidence for another language. Two are, unless there
    are also English function words. ``words``: of a text in Latin letters, without accents.
    """
    english = STOP_WORDS["english"].intersection(words) - _CUT_OFF
    best, most = "english", float(sum(word in english for word in words))
    for language in _LATIN[1:]:
        there = STOP_WORDS[language].intersection(words)
        if language == "turkish":
            there |= {word for word in words if "ı" in word or _TURKISH_VERB.search(word)}
        if there <= _ALSO_ENGLISH[language] and (len(there) < 2 or english - there):
            continue
        count: float = sum(word in there for word in words)
        if language == "french" and "le" in there:
            count += 0.5  # The article is far more frequent than the pronoun of other languages.
        if count > most:
            best, most = language, count
    return best
