# ruff: noqa: E501  (patterns of several scripts can not be broken well)
"""The words of times in requests for reminders, as regular expressions by language.

They are matched in lower case, in Arabic without vowel marks and with one form of alif.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from discreet.turn.offline.patterns import Language

Ways = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class TimeWords:
    """One language.

    Attributes:
        ask: The request itself; ``ask_later``: the verb at the end of the sentence.
        opening: Words around the request that say nothing; ``linking``: between it and what to say.
        numbers: Number words; ``half_hour``: half an hour from now.
        within: A pattern with ``{n}`` and ``{unit}``: so long from now.
        units: Minutes of a unit; ``more``: a phrase of its own for so many minutes from now.
        days: Days from today; ``weekdays`` from Monday; ``months`` from January.
        on: Words before a weekday or a date; ``after``: behind it.
        clock: Patterns of a time, with groups ``h``, ``m`` and ``half``.
        spans: Parts of the day: its usual hour, by a pattern.
        every: Patterns of a recurrence, with its rule; ``{weekday}``, ``{n}`` and ``{unit}`` stand for one.
    """

    ask: str
    opening: str
    linking: str
    numbers: Ways
    within: str
    units: Ways
    days: Ways
    weekdays: tuple[str, ...]
    months: tuple[str, ...]
    on: str
    clock: tuple[str, ...]
    spans: Ways
    every: Mapping[str, str]
    dates: tuple[str, ...] = ()
    after: str = ""
    more: Ways = field(default_factory=dict)
    ask_later: str = ""
    spaced: bool = True


MORNING, NOON, AFTERNOON, EVENING, NIGHT = 9, 12, 15, 19, 21
_WORKDAYS = "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR"
_BASE = {"year": "FREQ=YEARLY", "month": "FREQ=MONTHLY", "week": "FREQ=WEEKLY", "day": "FREQ=DAILY"}


def _numbers(words: str) -> dict[str, int]:
    """Return number words, separated by blanks, from one on; a slash separates two of one number."""
    return {
        word: number
        for number, forms in enumerate(words.split(), 1)
        for word in forms.replace("_", " ").split("/")
    }


_EN = TimeWords(
    ask=r"remind (?:me|us)|set (?:me )?a reminder(?: for me)?",
    opening=r"please|kindly|(?:can|could|would|will) you(?: please)?|hey|hi|hello|ok|okay",
    linking=r"to|that|about|of|for",
    numbers=_numbers("one/a/an two three four five six seven eight nine ten eleven twelve") | {"fifteen": 15, "twenty": 20, "thirty": 30, "forty-five": 45},
    within=r"(?:in|after) {n} {unit}(?: from now)?|{n} {unit} from now",
    units={r"min(?:ute)?s?": 1, r"h(?:(?:ou)?rs?)?": 60, r"days?": 1440, r"weeks?": 10080},
    more={r"in half an hour": 30, r"in an hour and a half": 90, r"in a quarter of an hour": 15},
    days={r"(?:the )?day after tomorrow": 2, r"tomorrow": 1, r"today": 0},
    weekdays=(r"mon(?:day)?", r"tue(?:s(?:day)?)?", r"wed(?:nesday)?", r"thu(?:rs(?:day)?)?", r"fri(?:day)?", r"sat(?:urday)?", r"sun(?:day)?"),
    months=(r"jan(?:uary)?", r"feb(?:ruary)?", r"mar(?:ch)?", r"apr(?:il)?", r"may", r"june?", r"july?", r"aug(?:ust)?", r"sep(?:t(?:ember)?)?", r"oct(?:ober)?", r"nov(?:ember)?", r"dec(?:ember)?"),
    on=r"(?:on |by )?(?:the )?(?:next |this |coming )?",
    dates=(r"on the (?P<d>\d{{1,2}})(?:st|nd|rd|th)(?! of)(?! {month})", r"{on}(?P<d>\d{{1,2}})(?:st|nd|rd|th)?(?: of)? {month}(?:,? (?P<y>\d{{4}}))?", r"{on}{month} (?P<d>\d{{1,2}})(?:st|nd|rd|th)?(?:,? (?P<y>\d{{4}}))?"),
    clock=(
        r"(?:at |@ ?|by )?(?P<h>\d{1,2})(?:[:.](?P<m>\d{2}))? ?(?:(?P<am>a\.?m\.?)|(?P<pm>p\.?m\.?))",
        r"(?:at |@ ?|by )?(?P<h>\d{1,2}):(?P<m>\d{2})(?: ?o'clock)?",
        r"(?:at |@ ?|by )?half past (?P<h>{n})(?P<half>)", r"(?:at |@ ?|by )?(?:a )?quarter past (?P<h>{n})(?P<quarter>)(?: ?(?:(?P<am>a\.?m\.?)|(?P<pm>p\.?m\.?)))?", r"(?:at |@ ?|by )?(?:a )?quarter to (?P<less>{n})(?: ?(?:(?P<am>a\.?m\.?)|(?P<pm>p\.?m\.?)))?", r"(?:at |@ ?|by )(?P<h>{n})(?: o'clock)?",
        r"(?:at )?(?P<noon>noon|midday)", r"(?:at )?(?P<midnight>midnight)",
    ),
    spans={r"(?:in the |this )?morning": MORNING, r"(?:in the |this )?afternoon": AFTERNOON, r"(?:in the |this )?evening": EVENING, r"tonight|at night": EVENING},
    every={
        r"(?:every|each) (?:week|working )day|on weekdays": _WORKDAYS, r"(?:every|each) {weekday}|on {weekday}s": "FREQ=WEEKLY;BYDAY={day}",
        r"every day|each day|daily": _BASE["day"], r"every(?= (?:morning|evening|night|afternoon))": _BASE["day"],
        r"every week|weekly": _BASE["week"], r"every month|monthly": _BASE["month"], r"every year|yearly": _BASE["year"], r"every hour|hourly": "FREQ=HOURLY",
        r"every {n} {unit}": "{per}",
    },
)  # fmt: skip
_DE = TimeWords(
    ask=r"erinnere? (?:mich|uns)|erinnerst du (?:mich|uns)|erinnern sie (?:mich|uns)|erinnert (?:mich|uns)",
    ask_later=r"(?:kannst|könntest|würdest) du (?:mich|uns)\b(?P<rest>.*)\berinnern|(?:können|könnten|würden) sie (?:mich|uns)\b(?P<rest2>.*)\berinnern",
    opening=r"bitte|hallo|hey|ok",
    linking=r"bitte|daran|dran|dass|ans?",
    numbers=_numbers("ein/eine/einer/einem/eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf") | {"fünfzehn": 15, "zwanzig": 20, "dreißig": 30},
    within=r"(?:in|nach) {n} {unit}",
    units={r"min(?:uten?)?": 1, r"stunden?|std": 60, r"tag(?:en)?": 1440, r"wochen?": 10080},
    more={r"in einer halben stunde": 30, r"in (?:einer )?dreiviertelstunde": 45, r"in (?:einer )?viertelstunde": 15, r"in anderthalb stunden": 90},
    days={r"übermorgen": 2, r"morgen(?! früh)|morgen(?= früh)": 1, r"heute": 0},
    weekdays=("montag", "dienstag", "mittwoch", "donnerstag", "freitag", "samstag|sonnabend", "sonntag"),
    months=("januar|jänner|jan", "februar|feb", "märz", "april|apr", "mai", "juni", "juli", "august|aug", "september|sept?", "oktober|okt", "november|nov", "dezember|dez"),
    on=r"(?:am |an |den |zum )?(?:(?:nächste[nrm]?|diese[nrm]?|kommende[nrm]?) )?",
    dates=(r"{on}(?P<d>\d{{1,2}})\. ?{month}(?: (?P<y>\d{{4}}))?", r"{on}(?P<d>\d{{1,2}})\. ?(?P<mo>\d{{1,2}})\.(?: ?(?P<y>\d{{4}}))?", r"am (?P<d>\d{{1,2}})\."),
    clock=(
        r"(?:um |gegen |ab )?(?P<h>\d{1,2})[:.](?P<m>\d{2})(?: uhr)?", r"(?:um |gegen |ab )?(?P<h>{n}) uhr(?: (?P<m>\d{2}))?", r"(?:um |gegen |ab )halb (?P<hhalf>{n})", r"(?:um |gegen |ab )?viertel nach (?P<h>{n})(?P<quarter>)", r"(?:um |gegen |ab )?viertel vor (?P<less>{n})",
        r"(?:um |gegen |ab )(?P<h>{n})", r"(?:zu |am |um )?(?P<noon>mittags?)", r"(?:um )?(?P<midnight>mitternacht)",
    ),
    spans={r"(?:am )?(?:früh|vormittags?)|am morgen|morgens": MORNING, r"(?:am )?nachmittags?": AFTERNOON, r"(?:am )?abends?": EVENING, r"(?:in der |heute )?nachts?": NIGHT},
    every={
        r"werktags|jeden werktag": _WORKDAYS, r"jeden {weekday}|{weekday}s": "FREQ=WEEKLY;BYDAY={day}", r"jeden tag|täglich": _BASE["day"],
        r"jeden(?= (?:morgen|abend|nachmittag|mittag))": _BASE["day"], r"jede woche|wöchentlich": _BASE["week"], r"jeden monat|monatlich": _BASE["month"], r"jedes jahr|jährlich": _BASE["year"],
        r"jede stunde|stündlich": "FREQ=HOURLY", r"alle {n} {unit}": "{per}",
    },
)  # fmt: skip
_ES = TimeWords(
    ask=r"recu[ée]rd[ae](?:me|nos)|acu[ée]rd[ae]me|av[íi]s[ae]me|(?:puedes|puede|podrías|podría) (?:recordarme|avisarme)",
    opening=r"por favor|hola|oye",
    linking=r"que|de que|de|para que|para",
    numbers=_numbers("un/una/uno dos tres cuatro cinco seis siete ocho nueve diez once doce") | {"quince": 15, "veinte": 20, "treinta": 30},
    within=r"(?:en|dentro de) {n} {unit}",
    units={r"min(?:utos?)?": 1, r"horas?": 60, r"días?": 1440, r"semanas?": 10080},
    more={r"(?:en|dentro de) media hora": 30, r"(?:en|dentro de) (?:un )?cuarto de hora": 15, r"(?:en|dentro de) (?:una )?hora y media": 90},
    days={r"pasado mañana": 2, r"(?<!la )(?<!esta )mañana": 1, r"hoy": 0},
    weekdays=("lunes", "martes", "mi[ée]rcoles", "jueves", "viernes", "s[áa]bado", "domingo"),
    months=("enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "sep?tiembre", "octubre", "noviembre", "diciembre"),
    on=r"(?:el |este )?(?:día )?(?:próximo |pr[óo]ximo )?", after=r"(?: que viene| próximo)?",
    dates=(r"{on}(?P<d>\d{{1,2}}) de {month}(?: (?:de |del )?(?P<y>\d{{4}}))?", r"{on}(?P<d>\d{{1,2}})/(?P<mo>\d{{1,2}})(?:/(?P<y>\d{{4}}))?", r"el (?:día )?(?P<d>\d{{1,2}})(?! de\b)(?![/:.h\d])"),
    clock=(
        r"(?:a las? )?(?P<h>\d{1,2})[:.](?P<m>\d{2})(?: ?h(?:oras)?)?", r"a las? (?P<h>{n}) y (?P<half>media)", r"a las? (?P<h>{n}) y (?P<quarter>cuarto)",
        r"a las? (?P<h>{n})(?: ?h(?:oras)?\b)?(?: en punto)?", r"(?:al? )?(?P<noon>mediod[íi]a)", r"(?:a )?(?P<midnight>medianoche)",
    ),
    spans={r"(?:de|por|en) la mañana|esta mañana": MORNING, r"(?:de|por|en) la tarde|(?:esta )?tarde": AFTERNOON, r"(?:de|por|en) la noche|(?:esta )?noche": NIGHT},
    every={
        r"(?:de lunes a viernes|(?:los|cada) días? laborables?)": _WORKDAYS, r"(?:cada|todos los) {weekday}s?|los {weekday}s?": "FREQ=WEEKLY;BYDAY={day}",
        r"cada día|todos los días|a diario|diariamente": _BASE["day"], r"(?:todas las|cada)(?= (?:mañana|tarde|noche))": _BASE["day"], r"cada semana|todas las semanas": _BASE["week"],
        r"cada mes|todos los meses": _BASE["month"], r"cada año|todos los años": _BASE["year"], r"cada hora": "FREQ=HOURLY", r"cada {n} {unit}": "{per}",
    },
)  # fmt: skip
_FR = TimeWords(
    ask=r"rappell?ez[- ](?:moi|nous)|rappelles?[- ](?:moi|nous)|(?:peux|pourrais|peut|pouvez|pourriez)[- ](?:tu|vous) (?:me|nous) rappeler",
    opening=r"s'il (?:te|vous) pla[îi]t|stp|svp|bonjour|salut",
    linking=r"de |d'|que |qu'",
    numbers=_numbers("un/une deux trois quatre cinq six sept huit neuf dix onze douze") | {"quinze": 15, "vingt": 20, "trente": 30},
    within=r"(?:dans|d'ici) {n} {unit}",
    units={r"min(?:utes?)?": 1, r"h(?:eures?)?": 60, r"jours?": 1440, r"semaines?": 10080},
    more={r"dans une demi-heure": 30, r"dans un quart d'heure": 15, r"dans une heure et demie": 90},
    days={r"apr[èe]s[- ]demain": 2, r"demain": 1, r"aujourd'hui": 0},
    weekdays=("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"),
    months=("janvier", "f[ée]vrier", "mars", "avril", "mai", "juin", "juillet", "ao[ûu]t", "septembre", "octobre", "novembre", "d[ée]cembre"),
    on=r"(?:le |ce )?", after=r"(?: prochain)?",
    dates=(r"{on}(?P<d>\d{{1,2}}|1er) {month}(?: (?P<y>\d{{4}}))?", r"{on}(?P<d>\d{{1,2}})/(?P<mo>\d{{1,2}})(?:/(?P<y>\d{{4}}))?", r"le (?P<d>\d{{1,2}})(?![/:.\d])(?! ?h)"),
    clock=(
        r"(?:à |a |vers )?(?P<h>\d{1,2}) ?[h:] ?(?P<m>\d{2})", r"(?:à |a |vers )(?P<h>{n}) heures? et (?P<half>demie)", r"(?:à |a |vers )(?P<h>{n}) heures? et (?P<quarter>quart)", r"(?:à |a |vers )(?P<less>{n}) heures? moins le quart", r"(?:à |a |vers )?(?P<h>{n}) ?(?:h|heures?)(?: (?P<m>\d{2}))?",
        r"(?:à |a )?(?P<noon>midi)", r"(?:à |a )?(?P<midnight>minuit)",
    ),
    spans={r"(?:du |le |ce )?matin": MORNING, r"(?:de l'|l'|cet )?apr[èe]s-midi": AFTERNOON, r"(?:du |le |ce )?soir": EVENING, r"(?:cette )?nuit": NIGHT},
    every={
        r"(?:chaque jour ouvrable|en semaine)": _WORKDAYS, r"(?:chaque|tous les) {weekday}s?|le {weekday}(?= chaque semaine)": "FREQ=WEEKLY;BYDAY={day}",
        r"chaque jour|tous les jours|quotidiennement": _BASE["day"], r"(?:chaque|tous les)(?= (?:matin|soir)s?)": _BASE["day"], r"chaque semaine|toutes les semaines": _BASE["week"],
        r"chaque mois|tous les mois": _BASE["month"], r"chaque année|tous les ans": _BASE["year"], r"chaque heure|toutes les heures": "FREQ=HOURLY", r"tou(?:te)?s les {n} {unit}": "{per}",
    },
)  # fmt: skip
_PT = TimeWords(
    ask=r"lembr[ae][- ](?:me|nos)|me lembr[ae]|(?:me )?avis[ae](?:[- ]me)?|(?:você )?(?:pode|podes|poderia|podia)s? (?:me lembrar|lembrar[- ]me)",
    opening=r"por favor|olá|oi",
    linking=r"de que|que|de|d[oa]s?|para",
    numbers=_numbers("um/uma dois/duas três/tres quatro cinco seis sete oito nove dez onze doze") | {"quinze": 15, "vinte": 20, "trinta": 30},
    within=r"(?:em|daqui a|dentro de) {n} {unit}",
    units={r"min(?:utos?)?": 1, r"h(?:oras?)?": 60, r"dias?": 1440, r"semanas?": 10080},
    more={r"(?:em|daqui a|dentro de) meia hora": 30, r"(?:em|daqui a|dentro de) uma hora e meia": 90},
    days={r"depois de amanhã": 2, r"amanhã": 1, r"hoje": 0},
    weekdays=("segunda(?:[- ]feira)?", "ter[çc]a(?:[- ]feira)?", "quarta(?:[- ]feira)?", "quinta(?:[- ]feira)?", "sexta(?:[- ]feira)?", "s[áa]bado", "domingo"),
    months=("janeiro", "fevereiro", "março", "abril", "maio", "junho", "julho", "agosto", "setembro", "outubro", "novembro", "dezembro"),
    on=r"(?:n[ao] |a |em |est[ae] )?(?:dia )?(?:próxim[ao] )?", after=r"(?: que vem)?",
    dates=(r"{on}(?P<d>\d{{1,2}}) de {month}(?: de (?P<y>\d{{4}}))?", r"{on}(?P<d>\d{{1,2}})/(?P<mo>\d{{1,2}})(?:/(?P<y>\d{{4}}))?", r"(?:no )?dia (?P<d>\d{{1,2}})(?! de\b)(?![/:.h\d])"),
    clock=(
        r"(?:às? |as )?(?P<h>\d{1,2}) ?[h:] ?(?P<m>\d{2})", r"(?:às?|as) (?P<h>{n})(?: horas?)? e (?P<half>meia)", r"(?:às?|as) (?P<h>{n})(?: horas?)? e (?P<quarter>(?:um )?quarto)", r"(?:às? |as )(?P<h>{n})(?: ?h\b| ?horas?)?", r"(?P<h>\d{1,2}) ?(?:h\b|horas)",
        r"(?:ao )?(?P<noon>meio[- ]dia)", r"(?:à )?(?P<midnight>meia[- ]noite)",
    ),
    spans={r"(?:d[ea] |pela |esta )?manhã": MORNING, r"(?:d[ea] |à |pela |esta )?tarde": AFTERNOON, r"(?:d[ea] |à |esta )?noite": EVENING},
    every={
        r"(?:todos os|cada) dias? út(?:eis|il)": _WORKDAYS, r"(?:tod[ao]s? (?:[ao]s? )?|cada ){weekday}s?|às {weekday}s": "FREQ=WEEKLY;BYDAY={day}",
        r"todos? os dias|todo (?:o )?dia|cada dia|diariamente": _BASE["day"], r"tod[ao]s? (?:[ao]s? )?(?=manhã|tarde|noite)": _BASE["day"], r"toda semana|todas as semanas|cada semana": _BASE["week"],
        r"todo mês|todos os meses|cada mês": _BASE["month"], r"todo ano|todos os anos|cada ano": _BASE["year"], r"a cada hora|cada hora": "FREQ=HOURLY", r"(?:a )?cada {n} {unit}": "{per}",
    },
)  # fmt: skip
_RU = TimeWords(
    ask=r"(?:напомни|напоминай)(?:те)?(?: (?:мне|нам))?|(?:можешь|можете|могли бы вы|мог бы ты) (?:(?:мне|нам) )?напомнить(?: (?:мне|нам))?",
    opening=r"пожалуйста|привет|эй",
    linking=r"что|чтобы|о том|об?|про|насчёт|насчет|пожалуйста",
    numbers=_numbers("один/одну/одна/час два/две три четыре пять шесть семь восемь девять десять одиннадцать двенадцать") | {"пятнадцать": 15, "двадцать": 20, "тридцать": 30} | _numbers("первого второго третьего четвёртого/четвертого пятого шестого седьмого восьмого девятого десятого одиннадцатого двенадцатого"),
    within=r"через {n} {unit}|через {unit}",
    units={r"мин(?:ут[уы]?)?": 1, r"час(?:а|ов)?": 60, r"день|дня|дней": 1440, r"недел[юиь]": 10080},
    more={r"через полчаса": 30, r"через полтора часа": 90, r"через четверть часа": 15},
    days={r"послезавтра": 2, r"завтра": 1, r"сегодня": 0},
    weekdays=("понедельник(?:ам)?", "вторник(?:ам)?", "сред[ау](?:м)?", "четверг(?:ам)?", "пятниц[ау](?:м)?", "суббот[ау](?:м)?", "воскресень[ея](?:м)?"),
    months=("января", "февраля", "марта", "апреля", "мая", "июня", "июля", "августа", "сентября", "октября", "ноября", "декабря"),
    on=r"(?:во? )?(?:(?:следующ(?:ий|ую|ее)|эт(?:от|у|о)|ближайш(?:ий|ую|ее)) )?",
    dates=(r"(?P<d>\d{{1,2}})(?:-?го)? {month}(?: (?P<y>\d{{4}}))?", r"(?P<d>\d{{1,2}})\.(?P<mo>\d{{1,2}})(?:\.(?P<y>\d{{4}}))?", r"(?P<d>\d{{1,2}})(?:-?го)(?: числа)?|(?P<d2>\d{{1,2}}) числа"),
    clock=(
        r"(?:в |к )?(?P<h>\d{1,2})[:.](?P<m>\d{2})", r"(?:в половине |в пол)(?P<hhalf>{n})", r"без четверти (?P<less>{n})", r"в (?P<h>{n})(?: час(?:а|ов)?)?", r"в (?P<noon>полдень)", r"в (?P<midnight>полночь)",
    ),
    spans={r"утр(?:ом|а)|с утра": MORNING, r"дн(?:ём|ем|я)": AFTERNOON, r"вечер(?:ом|а)": EVENING, r"ноч(?:ью|и)": NIGHT},
    every={
        r"(?:по будням|каждый будний день)": _WORKDAYS, r"(?:кажд(?:ый|ую|ое)|по) {weekday}": "FREQ=WEEKLY;BYDAY={day}", r"каждый день|ежедневно": _BASE["day"],
        r"кажд(?:ое утро|ый вечер)(?P<kept>)": _BASE["day"], r"каждую неделю|еженедельно": _BASE["week"], r"каждый месяц|ежемесячно": _BASE["month"], r"каждый год|ежегодно": _BASE["year"],
        r"каждый час|ежечасно": "FREQ=HOURLY", r"каждые {n} {unit}": "{per}",
    },
)  # fmt: skip
_AR = TimeWords(
    ask=r"(?:هل )?(?:يمكنك |تستطيع |ممكن )?(?:ان )?(?:ت)?ذكرن?ي(?:ني)?|فكرني",
    opening=r"من فضلك|لو سمحت|رجاء|مرحبا",
    linking=r"ان|بان|انه|ب(?=\w)",
    numbers=_numbers("واحد/واحده اثنين/اثنان ثلاث/ثلاثه اربع/اربعه خمس/خمسه ست/سته سبع/سبعه ثماني/ثمانيه/ثمان تسع/تسعه عشر/عشره") | _numbers("الواحده الثانيه الثالثه الرابعه الخامسه السادسه السابعه الثامنه التاسعه العاشره الحاديه_عشره الثانيه_عشره"),
    within=r"(?:بعد|خلال) {n} {unit}|(?:بعد|خلال) {unit}",
    units={r"دقيقه|دقائق": 1, r"ساعه|ساعات": 60, r"ايام|يوما|يوم": 1440, r"اسبوع|اسابيع": 10080},
    more={r"بعد نصف ساعه": 30, r"بعد ربع ساعه": 15, r"بعد ساعتين": 120, r"بعد دقيقتين": 2, r"بعد يومين": 2880, r"بعد اسبوعين": 20160},
    days={r"بعد غد|بعد الغد": 2, r"غدا|بكره|بكرا": 1, r"اليوم": 0},
    weekdays=("الاثنين|اثنين", "الثلاثاء|ثلاثاء", "الاربعاء|اربعاء", "الخميس|خميس", "الجمعه|جمعه", "السبت|سبت", "الاحد|احد"),
    months=("يناير", "فبراير", "مارس", "ابريل", "مايو", "يونيو", "يوليو", "اغسطس", "سبتمبر", "اكتوبر", "نوفمبر", "ديسمبر"),
    on=r"(?:في )?(?:يوم )?", after=r"(?: (?:القادم|المقبل))?",
    dates=(r"{on}(?P<d>\d{{1,2}}) {month}(?: (?P<y>\d{{4}}))?", r"{on}(?P<d>\d{{1,2}})/(?P<mo>\d{{1,2}})(?:/(?P<y>\d{{4}}))?", r"(?:في )?يوم (?P<d>\d{{1,2}})(?![/:.\d])"),
    clock=(
        r"(?:في |عند )?(?:تمام )?(?:الساعه )?(?P<h>\d{1,2}):(?P<m>\d{2})", r"(?:في |عند )?الساعه (?P<less>{n}) الا (?:ال)?ربعا?", r"(?:في |عند )?الساعه (?P<h>{n}) و(?P<quarter>الربع)", r"(?:في |عند )?(?:تمام )?الساعه (?P<h>{n})(?: و(?P<half>النصف))?", r"(?:في |عند )?(?P<noon>الظهر|ظهرا)", r"(?:في )?(?P<midnight>منتصف الليل)",
    ),
    spans={r"صباحا|في الصباح|صباح": MORNING, r"عصرا|بعد الظهر": AFTERNOON, r"مساء|في المساء|هذا المساء": EVENING, r"الليله|ليلا": NIGHT},
    every={
        r"كل (?:يوم )?{weekday}": "FREQ=WEEKLY;BYDAY={day}", r"كل يوم|يوميا": _BASE["day"], r"كل(?= (?:صباح|مساء))": _BASE["day"], r"كل اسبوع|اسبوعيا": _BASE["week"],
        r"كل شهر|شهريا": _BASE["month"], r"كل (?:سنه|عام)|سنويا": _BASE["year"], r"كل ساعه": "FREQ=HOURLY", r"كل ساعتين": "FREQ=HOURLY;INTERVAL=2", r"كل يومين": "FREQ=DAILY;INTERVAL=2", r"كل اسبوعين": "FREQ=WEEKLY;INTERVAL=2", r"كل {n} {unit}": "{per}",
    },
)  # fmt: skip
_ZH = TimeWords(
    ask=r"提醒(?:一下)?(?:我们|我)(?:一下)?",
    opening=r"请|麻烦|你?能不能|你?能|你?可以|帮我|你好|到时候?",
    linking=r"[,，:：]|要",
    numbers=_numbers("一 二/两 三 四 五 六 七 八 九 十 十一 十二") | {"十五": 15, "二十": 20, "三十": 30, "四十五": 45},
    within=r"(?:过|再过)?{n} ?{unit}(?:钟)?(?:之后|以后|后)|过{n} ?{unit}(?:钟)?",
    units={r"分钟?": 1, r"个?(?:小时|钟头)": 60, r"天": 1440, r"个?(?:星期|礼拜|周)": 10080},
    more={r"(?:过)?半个?小时(?:之后|以后|后)?": 30, r"一刻钟(?:之后|以后|后)": 15},
    days={r"大后天": 3, r"后天": 2, r"明天|明日|明(?=早|晚)": 1, r"今天|今日|今(?=早|晚)": 0},
    weekdays=tuple(f"(?:星期|礼拜|周){day}" for day in ("[一1]", "[二2]", "[三3]", "[四4]", "[五5]", "[六6]", "[日天7]")),
    months=(),
    on=r"(?:在)?(?:这个?|本|下个?)?",
    dates=(r"(?:(?P<y>\d{{4}})年)?(?P<mo>\d{{1,2}})月(?P<d>\d{{1,2}})[日号]?", r"(?P<d>\d{{1,2}})[号日]"),
    clock=(
        r"(?P<pm>中午|正午)(?P<h>12|十二|[一二两1-3])[点點](?:钟|整)?(?:(?P<half>半)|(?P<quarter>一刻)|(?P<m>{n})分)?", r"(?P<am>中午|正午)(?P<h>11|十一)[点點](?:(?P<half>半)|(?P<m>{n})分)?",
        r"(?P<h>\d{1,2})[:：](?P<m>\d{2})", r"(?P<h>{n})[点點](?P<half>半)", r"(?P<h>{n})[点點](?P<quarter>一刻)", r"(?P<h>{n})[点點](?:钟|整)?(?:(?P<m>{n})分)?", r"(?P<noon>中午|正午)", r"(?P<midnight>午夜)",
    ),
    spans={r"早上|上午|早晨|清晨|早": MORNING, r"下午": AFTERNOON, r"傍晚|晚上|晚": EVENING, r"夜里|半夜": NIGHT},
    every={
        r"(?:每个?工作日)": _WORKDAYS, r"每个?{weekday}": "FREQ=WEEKLY;BYDAY={day}", r"每天|每日|天天": _BASE["day"], r"每(?=晚|早)": _BASE["day"], r"每个?(?:星期|礼拜|周)(?![一二三四五六日天1-7])": _BASE["week"],
        r"每个?月": _BASE["month"], r"每年": _BASE["year"], r"每个?小时": "FREQ=HOURLY", r"每隔?{n} ?{unit}": "{per}",
    },
    spaced=False,
)  # fmt: skip

TIME_WORDS: Mapping[Language, TimeWords] = {
    "en": _EN, "de": _DE, "es": _ES, "fr": _FR, "pt": _PT, "ru": _RU, "ar": _AR, "zh": _ZH
}  # fmt: skip
