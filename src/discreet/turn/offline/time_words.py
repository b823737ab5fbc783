# ruff: noqa: E501  (patterns of several scripts can not be broken well)
"""The words of times in requests for reminders, as regular expressions by language.

They are matched in lower case, in Arabic without vowel marks and with one form of alif.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from discreet.turn.offline import number_words
from discreet.turn.offline.patterns import Language

Ways = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class TimeWords:
    """One language.

    Attributes:
        ask: The request itself; ``ask_later``: the verb at the end of the sentence, with the groups
            ``rest`` before and ``tail`` after it; ``weak``: one that needs a time to be one.
        opening: Words around the request that say nothing; ``linking``: between it and what to say.
        numbers: Number words; ``ordinals``: those of days of a month, ``{day}`` in ``dates``.
        within: A pattern with ``{n}`` and ``{unit}``: so long from now, half a unit more with the
            group ``half``, and ``{n2}`` of ``{unit2}`` more.
        units: Minutes of a unit; ``more``: a phrase of its own for so many minutes from now.
        days: Days from today; ``weekdays`` from Monday; ``months`` from January.
        on: Words before a weekday or a date; ``after``: behind it.
        clock: Patterns of a time, with groups ``h``, ``m`` and ``half``; ``to``: minutes before ``h``;
            ``prev``: the hour after the one that is meant.
        spans: Parts of the day: its usual hour, by a pattern.
        every: Patterns of a recurrence, with its rule; ``{weekday}``, ``{n}`` and ``{unit}`` stand for one.
    """

    ask: str
    opening: str
    linking: str
    numbers: Ways
    ordinals: Ways
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
    weak: str = ""
    more: Ways = field(default_factory=dict)
    ask_later: str = ""
    spaced: bool = True


MORNING, NOON, AFTERNOON, EVENING, NIGHT = 9, 12, 15, 19, 21
_WORKDAYS = "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR"
_OTHER = "FREQ=WEEKLY;INTERVAL=2;BYDAY={day}"
_BASE = {"year": "FREQ=YEARLY", "month": "FREQ=MONTHLY", "week": "FREQ=WEEKLY", "day": "FREQ=DAILY"}


_EN = TimeWords(
    ask=r"remind (?:me|us)|set (?:me )?a reminder(?: for me)?|(?:do not|don't) let (?:me|us) forget(?: about)?",
    weak=r"(?:ping|nudge|alert) (?:me|us)",
    opening=r"please|pls|plz|kindly|(?:can|could|would|will) you(?: please)?|hey|hi|hello|ok|okay",
    linking=r"to|that|about|of|for",
    numbers=number_words.ENGLISH, ordinals=number_words.ENGLISH_DAYS,
    within=r"in {n} {unit}(?: and|,)? {n2} {unit2}|in {n} and (?P<half>a half) {unit}|in {n} {unit} and (?P<half>a half)|(?:in|after) {n} {unit}(?: from now)?|{n} {unit} from(?: now)?",
    units={r"min(?:ute)?s?": 1, r"h(?:(?:ou)?rs?)?": 60, r"days?": 1440, r"weeks?": 10080},
    more={r"in half an hour": 30, r"in a quarter of an hour": 15, r"in three quarters of an hour": 45},
    days={r"(?:the )?day after tomorrow": 2, r"tomorrow|tmrw|tmr|tomorow|tommorow": 1, r"today": 0},
    weekdays=(r"mon(?:day)?", r"tue(?:s(?:day)?)?", r"wed(?:nesday)?", r"thu(?:rs(?:day)?)?", r"fri(?:day)?", r"sat(?:urday)?", r"sun(?:day)?"),
    months=(r"jan(?:uary)?", r"feb(?:ruary)?", r"mar(?:ch)?", r"apr(?:il)?", r"may", r"june?", r"july?", r"aug(?:ust)?", r"sep(?:t(?:ember)?)?", r"oct(?:ober)?", r"nov(?:ember)?", r"dec(?:ember)?"),
    on=r"(?:on |by )?(?:the )?(?:next |this |coming )?",
    dates=(r"{on}{day} of {month}(?:,? (?P<y>\d{{4}}))?", r"{on}{month} (?:the )?{day}(?:,? (?P<y>\d{{4}}))?", r"on the (?P<d>\d{{1,2}})(?:st|nd|rd|th)(?! of)(?! {month})", r"{on}(?P<d>\d{{1,2}})(?:st|nd|rd|th)?(?: of)? {month}(?:,? (?P<y>\d{{4}}))?", r"{on}{month} (?P<d>\d{{1,2}})(?:st|nd|rd|th)?(?:,? (?P<y>\d{{4}}))?"),
    clock=(
        r"(?:at |@ ?|by )?(?P<h>\d{1,2})(?:[:.](?P<m>\d{2}))? ?(?:(?P<am>a\.?m\.?)|(?P<pm>p\.?m\.?))",
        r"(?:at |@ ?|by )?(?P<h>\d{1,2}):(?P<m>\d{2})(?: ?o'clock)?",
        r"(?:at |@ ?|by )?(?P<to>{n})(?: minutes?)? (?:to|before) (?P<h>{n})(?: ?(?:(?P<am>a\.?m\.?)|(?P<pm>p\.?m\.?)))?", r"(?:at |@ ?|by )?(?P<m>{n})(?: minutes?)? past (?P<h>{n})(?: ?(?:(?P<am>a\.?m\.?)|(?P<pm>p\.?m\.?)))?",
        r"(?:at |@ ?|by )?half past (?P<h>{n})(?P<half>)(?: ?(?:(?P<am>a\.?m\.?)|(?P<pm>p\.?m\.?)))?", r"(?:at |@ ?|by )?(?:a )?quarter past (?P<h>{n})(?P<quarter>)(?: ?(?:(?P<am>a\.?m\.?)|(?P<pm>p\.?m\.?)))?", r"(?:at |@ ?|by )?(?:a )?quarter to (?P<less>{n})(?: ?(?:(?P<am>a\.?m\.?)|(?P<pm>p\.?m\.?)))?", r"(?:at |@ ?|by )(?P<h>{n})(?: o'clock)?",
        r"(?:at )?(?P<noon>noon|midday)", r"(?:at )?(?P<midnight>midnight)",
    ),
    spans={r"(?:in the |this )?morning": MORNING, r"(?:in the |this )?afternoon": AFTERNOON, r"(?:in the |this )?evening": EVENING, r"tonight|at night": EVENING},
    every={
        r"(?:every|each) (?:week|working )day|on (?:week|working )days|(?:from )?monday (?:to|through|till) friday": _WORKDAYS,
        r"(?:every (?:other|second|2nd)|every (?:two|2) weeks on) {weekday}": _OTHER, r"every (?:other|second|2nd) day": "FREQ=DAILY;INTERVAL=2", r"every (?:other|second|2nd) week|fortnightly|biweekly": "FREQ=WEEKLY;INTERVAL=2",
        r"(?:every|each) {weekday}|on {weekday}s": "FREQ=WEEKLY;BYDAY={day}",
        r"every day|each day|daily": _BASE["day"], r"every(?= (?:morning|evening|night|afternoon))": _BASE["day"],
        r"every week|weekly": _BASE["week"], r"every month|monthly": _BASE["month"], r"every year|yearly": _BASE["year"], r"every hour|hourly": "FREQ=HOURLY",
        r"every {n} {unit}": "{per}",
    },
)  # fmt: skip
_DE = TimeWords(
    ask=r"erinnere? (?:mich|uns)|erinnerst du (?:mich|uns)|erinnern sie (?:mich|uns)|erinnert (?:mich|uns)",
    ask_later=r"(?:(?:kannst|könntest|würdest) du|(?:können|könnten|würden) sie|vergiss nicht,?|denk dran,?) (?:mich|uns)\b(?P<rest>.*?)\b(?:zu )?erinnern\b(?P<tail>.*)",
    opening=r"bitte|hallo|hey|ok",
    linking=r"bitte|daran|dran|dass|ans?",
    numbers=number_words.GERMAN, ordinals=number_words.GERMAN_DAYS,
    within=r"in {n} {unit}(?: und)? {n2} {unit2}|in {n}(?P<half>einhalb) {unit}|(?:in|nach) {n} {unit}",
    units={r"min(?:uten?)?": 1, r"stunden?|std": 60, r"tag(?:en|e)?": 1440, r"wochen?": 10080},
    more={r"in einer halben stunde": 30, r"in (?:einer )?dreiviertelstunde": 45, r"in (?:einer )?viertelstunde": 15, r"in (?:anderthalb|eineinhalb) stunden": 90},
    days={r"übermorgen": 2, r"morgen(?! früh)|morgen(?= früh)": 1, r"heute": 0},
    weekdays=("montag", "dienstag", "mittwoch", "donnerstag", "freitag", "samstag|sonnabend", "sonntag"),
    months=("januar|jänner|jan", "februar|feb", "märz", "april|apr", "mai", "juni", "juli", "august|aug", "september|sept?", "oktober|okt", "november|nov", "dezember|dez"),
    on=r"(?:am |an |den |zum )?(?:(?:nächste[nrm]?|diese[nrm]?|kommende[nrm]?) )?",
    dates=(r"{on}{day} {month}(?: (?P<y>\d{{4}}))?", r"{on}(?P<d>\d{{1,2}})\. ?{month}(?: (?P<y>\d{{4}}))?", r"{on}(?P<d>\d{{1,2}})\. ?(?P<mo>\d{{1,2}})\.(?: ?(?P<y>\d{{4}}))?", r"am (?P<d>\d{{1,2}})\."),
    clock=(
        r"(?:um |gegen |ab )?(?P<h>\d{1,2})[:.](?P<m>\d{2})(?: uhr)?", r"(?:um |gegen |ab )?(?P<h>{n}) uhr(?: (?P<m>\d{2}))?", r"(?:um |gegen |ab )?(?P<to>fünf|5) vor halb (?P<hhalf>{n})", r"(?:um |gegen |ab )?(?P<m>fünf|5) nach halb (?P<hhalf>{n})", r"(?:um |gegen |ab )?halb (?P<hhalf>{n})", r"(?:um |gegen |ab )?dreiviertel (?P<less>{n})",
        r"(?:um |gegen |ab )?(?P<to>{n})(?: minuten)? vor (?P<h>{n})(?: uhr)?", r"(?:um |gegen |ab )?(?P<m>{n})(?: minuten)? nach (?P<h>{n})(?: uhr)?", r"(?:um |gegen |ab )?viertel nach (?P<h>{n})(?P<quarter>)", r"(?:um |gegen |ab )?viertel vor (?P<less>{n})",
        r"(?:um |gegen |ab )(?P<h>{n})", r"(?:zu |am |um )?(?P<noon>mittags?)", r"(?:um )?(?P<midnight>mitternacht)",
    ),
    spans={r"(?:in der |am )?(?:früh|vormittags?)|am morgen|morgens": MORNING, r"(?:am )?nachmittags?": AFTERNOON, r"(?:am )?abends?": EVENING, r"(?:in der |heute )?nachts?": NIGHT},
    every={
        r"werktags|jeden werktag|(?:von )?montags? bis freitags?": _WORKDAYS, r"jeden (?:zweiten|2\.) {weekday}": _OTHER, r"jeden (?:zweiten|2\.) tag": "FREQ=DAILY;INTERVAL=2", r"jede (?:zweite|2\.) woche": "FREQ=WEEKLY;INTERVAL=2",
         r"jeden {weekday}|{weekday}s": "FREQ=WEEKLY;BYDAY={day}", r"jeden tag|täglich": _BASE["day"],
        r"jeden(?= (?:morgen|abend|nachmittag|mittag))": _BASE["day"], r"jede woche|wöchentlich": _BASE["week"], r"jeden monat|monatlich": _BASE["month"], r"jedes jahr|jährlich": _BASE["year"],
        r"jede stunde|stündlich": "FREQ=HOURLY", r"alle {n} {unit}": "{per}",
    },
)  # fmt: skip
_ES = TimeWords(
    ask=r"recu[ée]rd[ae](?:me|nos)|acu[ée]rd[ae]me|av[íi]s[ae]me|(?:(?:me|nos) (?:puedes|puede|podrías|podría) (?:recordar|avisar)|(?:puedes|puede|podrías|podría) (?:recordar|avisar)(?:me|nos))(?: de)?|(?:que )?no (?:me )?(?:dejes|deje) (?:que )?(?:me )?olvid(?:ar|e)(?:me)?(?: de)?|que no se me olvide",
    opening=r"por favor|hola|oye",
    linking=r"que|de que|de|para que|para",
    numbers=number_words.SPANISH, ordinals=number_words.SPANISH_DAYS,
    within=r"(?:en|dentro de) {n} {unit} y {n2} {unit2}|(?:en|dentro de) {n} {unit} y (?P<half>media?)|(?:en|dentro de) {n} {unit}",
    units={r"min(?:utos?)?": 1, r"horas?": 60, r"días?": 1440, r"semanas?": 10080},
    more={r"(?:en|dentro de) media hora": 30, r"(?:en|dentro de) (?:un )?cuarto de hora": 15, r"(?:en|dentro de) (?:una )?hora y media": 90},
    days={r"pasado mañana": 2, r"(?<!la )(?<!esta )mañana": 1, r"hoy": 0},
    weekdays=("lunes", "martes", "mi[ée]rcoles", "jueves", "viernes", "s[áa]bado", "domingo"),
    months=("enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "sep?tiembre", "octubre", "noviembre", "diciembre"),
    on=r"(?:el |este )?(?:día )?(?:próximo |pr[óo]ximo )?", after=r"(?: que viene| próximo)?",
    dates=(r"{on}{day} de {month}(?: (?:de |del )?(?P<y>\d{{4}}))?", r"{on}(?P<d>\d{{1,2}}) de {month}(?: (?:de |del )?(?P<y>\d{{4}}))?", r"{on}(?P<d>\d{{1,2}})/(?P<mo>\d{{1,2}})(?:/(?P<y>\d{{4}}))?", r"el (?:día )?(?P<d>\d{{1,2}})(?! de\b)(?![/:.h\d])"),
    clock=(
        r"(?:a las? )?(?P<h>\d{1,2})[:.](?P<m>\d{2})(?: ?h(?:oras)?)?(?: ?(?:(?P<am>a\.? ?m\b\.?)|(?P<pm>p\.? ?m\b\.?)))?", r"a las? (?P<h>{n}) y (?P<half>media)", r"a las? (?P<h>{n}) y (?P<quarter>cuarto)",
        r"a las? (?P<less>{n}) menos cuarto", r"a las? (?P<h>{n}) menos (?P<to>{n})", r"a las? (?P<h>{n}) y (?P<m>{n})(?! (?:de )?(?:enero|febrero|marzo|abril|mayo|junio|julio|agosto|sep?tiembre|octubre|noviembre|diciembre))", r"a las? (?P<h>{n})(?: ?h(?:oras)?\b)?(?: en punto)?(?: ?(?:(?P<am>a\.? ?m\b\.?)|(?P<pm>p\.? ?m\b\.?)))?", r"(?:al? )?(?P<noon>mediod[íi]a)", r"(?:a )?(?P<midnight>medianoche)",
    ),
    spans={r"(?:de|por|en) la mañana|esta mañana": MORNING, r"(?:de|por|en) la tarde|(?:esta )?tarde": AFTERNOON, r"(?:de|por|en) la noche|(?:esta )?noche": NIGHT},
    every={
        r"(?:de lunes a viernes|entre semana|(?:los|cada) días? laborables?)": _WORKDAYS, r"cada (?:dos|2) {weekday}s?|un {weekday} sí y otro no": _OTHER, r"un día sí y otro no": "FREQ=DAILY;INTERVAL=2",
         r"(?:cada|todos los) {weekday}s?|los {weekday}s?": "FREQ=WEEKLY;BYDAY={day}",
        r"cada día|todos los días|a diario|diariamente": _BASE["day"], r"(?:todas las|cada)(?= (?:mañana|tarde|noche))": _BASE["day"], r"cada semana|todas las semanas": _BASE["week"],
        r"cada mes|todos los meses": _BASE["month"], r"cada año|todos los años": _BASE["year"], r"cada hora": "FREQ=HOURLY", r"cada {n} {unit}": "{per}",
    },
)  # fmt: skip
_FR = TimeWords(
    ask=r"rappell?ez[- ](?:moi|nous)|rappelles?[- ](?:moi|nous)|(?:est-ce que )?(?:(?:peux|pourrais|peut|pouvez|pourriez)[- ](?:tu|vous)|tu (?:peux|pourrais)|vous (?:pouvez|pourriez)) (?:me|nous) rappeler|n'oublie[sz]? pas de (?:me|nous) rappeler|ne (?:me|nous) laisse[sz]? pas oublier",
    weak=r"pr[ée]v(?:iens|enez)[- ](?:moi|nous)",
    opening=r"s'il (?:te|vous) pla[îi]t|stp|svp|bonjour|salut",
    linking=r"de |d'|que |qu'",
    numbers=number_words.FRENCH, ordinals=number_words.FRENCH_DAYS,
    within=r"(?:dans|d'ici) {n} {unit}(?: et)? {n2} {unit2}|(?:dans|d'ici) {n} {unit} et (?P<half>demie?)|(?:dans|d'ici) {n} {unit}",
    units={r"min(?:utes?)?": 1, r"h(?:eures?)?": 60, r"jours?": 1440, r"semaines?": 10080},
    more={r"dans une demi-heure": 30, r"dans un quart d'heure": 15, r"dans une heure et demie": 90},
    days={r"apr[èe]s[- ]demain": 2, r"demain": 1, r"aujourd'hui": 0},
    weekdays=("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"),
    months=("janvier", "f[ée]vrier", "mars", "avril", "mai", "juin", "juillet", "ao[ûu]t", "septembre", "octobre", "novembre", "d[ée]cembre"),
    on=r"(?:le |ce )?", after=r"(?: prochain)?",
    dates=(r"{on}{day} {month}(?: (?P<y>\d{{4}}))?", r"{on}(?P<d>\d{{1,2}}|1er) {month}(?: (?P<y>\d{{4}}))?", r"{on}(?P<d>\d{{1,2}})/(?P<mo>\d{{1,2}})(?:/(?P<y>\d{{4}}))?", r"le (?P<d>\d{{1,2}})(?![/:.\d])(?! ?h)"),
    clock=(
        r"(?:à |a |vers )?(?P<h>\d{1,2}) ?[h:] ?(?P<m>\d{2})", r"(?:à |a |vers )(?P<h>{n}) heures? et (?P<half>demie)", r"(?:à |a |vers )(?P<h>{n}) heures? et (?P<quarter>quart)", r"(?:à |a |vers )(?P<less>{n}) heures? moins le quart", r"(?:à |a |vers )?(?P<h>{n}) heures? moins (?P<to>{n})", r"(?:à |a |vers )(?P<h>{n}) heures? (?P<m>{n})", r"(?:à |a |vers )?(?P<h>{n}) ?(?:h|heures?)(?: (?P<m>\d{2}))?",
        r"(?:à |a )?(?<!après-)(?<!apres-)(?<!après )(?<!apres )(?P<noon>midi)", r"(?:à |a )?(?P<midnight>minuit)",
    ),
    spans={r"(?:du |le |ce )?matin": MORNING, r"(?:de l'|l'|cet |dans l')?apr[èe]s-midi": AFTERNOON, r"(?:du |le |ce )?soir": EVENING, r"(?:cette )?nuit": NIGHT},
    every={
        r"(?:chaque jour ouvrable|en semaine|(?:du )?lundi au vendredi)": _WORKDAYS, r"(?:un|chaque) {weekday} sur deux": _OTHER, r"un jour sur deux": "FREQ=DAILY;INTERVAL=2", r"une semaine sur deux": "FREQ=WEEKLY;INTERVAL=2",
         r"(?:chaque|tous les) {weekday}s?|le {weekday}(?= chaque semaine)": "FREQ=WEEKLY;BYDAY={day}",
        r"chaque jour|tous les jours|quotidiennement": _BASE["day"], r"(?:chaque|tous les)(?= (?:matin|soir)s?)": _BASE["day"], r"chaque semaine|toutes les semaines": _BASE["week"],
        r"chaque mois|tous les mois": _BASE["month"], r"chaque année|tous les ans": _BASE["year"], r"chaque heure|toutes les heures": "FREQ=HOURLY", r"tou(?:te)?s les {n} {unit}": "{per}",
    },
)  # fmt: skip
_PT = TimeWords(
    ask=r"lembr[ae][- ](?:me|nos)|me lembr[ae]|(?:me )?avis[ae](?:[- ]me)?|(?:você )?(?:pode|podes|poderia|podia)s? (?:me lembrar|lembrar[- ]me)|não (?:me )?deix[ae]s?(?:[- ]me)? (?:eu )?esquecer(?: de)?|não me deixes? esquecer(?: de)?",
    opening=r"por favor|olá|oi",
    linking=r"de que|que|de|d[oa]s?|para",
    numbers=number_words.PORTUGUESE, ordinals=number_words.PORTUGUESE_DAYS,
    within=r"(?:em|daqui a|dentro de) {n} {unit} e {n2} {unit2}|(?:em|daqui a|dentro de) {n} {unit} e (?P<half>meia?o?)|(?:em|daqui a|dentro de) {n} {unit}",
    units={r"min(?:utos?)?": 1, r"h(?:oras?)?": 60, r"dias?": 1440, r"semanas?": 10080},
    more={r"(?:em|daqui a|dentro de) meia hora": 30, r"(?:em|daqui a|dentro de) uma hora e meia": 90},
    days={r"depois de amanhã": 2, r"amanhã": 1, r"hoje": 0},
    weekdays=("segunda(?:[- ]feira)?", "ter[çc]a(?:[- ]feira)?", "quarta(?:[- ]feira)?", "quinta(?:[- ]feira)?", "sexta(?:[- ]feira)?", "s[áa]bado", "domingo"),
    months=("janeiro", "fevereiro", "março", "abril", "maio", "junho", "julho", "agosto", "setembro", "outubro", "novembro", "dezembro"),
    on=r"(?:n[ao] |a |em |est[ae] )?(?:dia )?(?:próxim[ao] )?", after=r"(?: que vem)?",
    dates=(r"{on}{day} de {month}(?: de (?P<y>\d{{4}}))?", r"{on}(?P<d>\d{{1,2}}) de {month}(?: de (?P<y>\d{{4}}))?", r"{on}(?P<d>\d{{1,2}})/(?P<mo>\d{{1,2}})(?:/(?P<y>\d{{4}}))?", r"(?:no )?dia (?P<d>\d{{1,2}})(?! de\b)(?![/:.h\d])"),
    clock=(
        r"(?:às? |as )?(?P<h>\d{1,2}) ?[h:] ?(?P<m>\d{2})", r"(?:às?|as) (?P<h>{n})(?: horas?)? e (?P<half>meia)", r"(?:às?|as) (?P<h>{n})(?: horas?)? e (?P<quarter>(?:um )?quarto)", r"(?:às? |as )?(?P<to>{n})(?: minutos)? para (?:às?|as|a) (?P<h>{n})", r"(?:às?|as) (?P<h>{n}) menos (?P<to>{n})", r"(?:às?|as) (?P<less>{n}) menos um quarto|(?:um )?quarto para (?:às?|as|a) (?P<less2>{n})",
        r"(?:às?|as) (?P<h>{n})(?: horas?)? e (?P<m>{n})", r"(?:ao )?meio[- ]dia e (?P<noonhalf>meia)", r"(?:às? |as )(?P<h>{n})(?: ?h\b| ?horas?)?", r"(?P<h>\d{1,2}) ?(?:h\b|horas)",
        r"(?:ao )?(?P<noon>meio[- ]dia)", r"(?:à )?(?P<midnight>meia[- ]noite)",
    ),
    spans={r"(?:d[ea] |pela |esta )?manhã": MORNING, r"(?:d[ea] |à |pela |esta )?tarde": AFTERNOON, r"(?:d[ea] |à |esta )?noite": EVENING},
    every={
        r"(?:todos os|cada|nos) dias? út(?:eis|il)|(?:de )?segunda(?:[- ]feira)? a sexta(?:[- ]feira)?": _WORKDAYS, r"(?:a )?cada (?:duas|dois|2) {weekday}s?|{weekday} sim,? (?:e )?{weekday} não": _OTHER, r"dia sim,? (?:e )?dia não": "FREQ=DAILY;INTERVAL=2",
         r"(?:tod[ao]s? (?:[ao]s? )?|cada ){weekday}s?|às {weekday}s": "FREQ=WEEKLY;BYDAY={day}",
        r"todos? os dias|todo (?:o )?dia|cada dia|diariamente": _BASE["day"], r"tod[ao]s? (?:[ao]s? )?(?=manhã|tarde|noite)": _BASE["day"], r"toda semana|todas as semanas|cada semana": _BASE["week"],
        r"todo mês|todos os meses|cada mês": _BASE["month"], r"todo ano|todos os anos|cada ano": _BASE["year"], r"a cada hora|cada hora": "FREQ=HOURLY", r"(?:a )?cada {n} {unit}": "{per}",
    },
)  # fmt: skip
_RU = TimeWords(
    ask=r"(?:напомни|напоминай)(?:те)?(?: (?:мне|нам))?|(?:можешь|можете|могли бы вы|мог бы ты) (?:(?:мне|нам) )?напомнить(?: (?:мне|нам))?|не дай(?:те)? (?:мне |нам )?забыть",
    opening=r"пожалуйста|привет|эй",
    linking=r"что|чтобы|о том|об?|про|насчёт|насчет|пожалуйста",
    numbers=number_words.RUSSIAN, ordinals=number_words.RUSSIAN_DAYS,
    within=r"через {n} {unit}(?: и)? {n2} {unit2}|через {n} с (?P<half>половиной) {unit}|через {unit}(?: и)? {n2} {unit2}|через {n} {unit}|через {unit}",
    units={r"мин(?:ут[уы]?)?": 1, r"час(?:а|ов)?": 60, r"день|дня|дней": 1440, r"недел[юиь]": 10080},
    more={r"через полчаса": 30, r"через полтора часа": 90, r"через четверть часа": 15},
    days={r"послезавтра": 2, r"завтра": 1, r"сегодня": 0},
    weekdays=("понедельник(?:ам|а)?", "вторник(?:ам)?", "сред[ау](?:м)?", "четверг(?:ам)?", "пятниц[ау](?:м)?", "суббот[ау](?:м)?", "воскресень[ея](?:м)?"),
    months=("января", "февраля", "марта", "апреля", "мая", "июня", "июля", "августа", "сентября", "октября", "ноября", "декабря"),
    on=r"(?:во? )?(?:(?:следующ(?:ий|ую|ее)|эт(?:от|у|о)|ближайш(?:ий|ую|ее)) )?",
    dates=(r"{day} {month}(?: (?P<y>\d{{4}}))?", r"(?P<d>\d{{1,2}})(?:-?го)? {month}(?: (?P<y>\d{{4}}))?", r"(?P<d>\d{{1,2}})\.(?P<mo>\d{{1,2}})(?:\.(?P<y>\d{{4}}))?", r"(?P<d>\d{{1,2}})(?:-?го)(?: числа)?|(?P<d2>\d{{1,2}}) числа"),
    clock=(
        r"(?:в |к )?(?P<h>\d{1,2})[:.](?P<m>\d{2})", r"(?:в половине |в пол)(?P<hhalf>{n})", r"(?:в )?без четверти (?P<less>{n})", r"(?:в )?без (?P<to>{n})(?: минут)? (?P<h>{n})", r"(?:в )?(?P<m>{n}) минут (?P<prev>{n})", r"(?:в )?(?P<quarter>четверть) (?P<prev>{n})", r"в (?P<h>{n})(?: час(?:а|ов)?)?", r"в (?P<noon>полдень)", r"в (?P<midnight>полночь)",
    ),
    spans={r"утр(?:ом|а)|с утра": MORNING, r"дн(?:ём|ем|я)": AFTERNOON, r"вечер(?:ом|а)": EVENING, r"ноч(?:ью|и)": NIGHT},
    every={
        r"(?:по будням|каждый будний день|с понедельника по пятницу)": _WORKDAYS, r"кажд(?:ый|ую|ое) втор(?:ой|ую|ое) {weekday}": _OTHER, r"через день": "FREQ=DAILY;INTERVAL=2", r"каждую вторую неделю|раз в (?:две|2) недели": "FREQ=WEEKLY;INTERVAL=2",
         r"(?:кажд(?:ый|ую|ое)|по) {weekday}": "FREQ=WEEKLY;BYDAY={day}", r"каждый день|ежедневно": _BASE["day"],
        r"кажд(?:ое утро|ый вечер)(?P<kept>)": _BASE["day"], r"каждую неделю|еженедельно": _BASE["week"], r"каждый месяц|ежемесячно": _BASE["month"], r"каждый год|ежегодно": _BASE["year"],
        r"каждый час|ежечасно": "FREQ=HOURLY", r"каждые {n} {unit}": "{per}",
    },
)  # fmt: skip
_AR = TimeWords(
    ask=r"(?:هل )?(?:يمكنك |تستطيع |ممكن )?(?:ان )?(?:ت)?ذكر(?:ن?ي(?:ني)?|نا)|فكرني|لا تدعني انسي|لا تجعلني انسي",
    weak=r"نبهني|نبهيني",
    opening=r"من فضلك|لو سمحت|رجاء|مرحبا",
    linking=r"ان|بان|انه|ب(?=\w)",
    numbers=number_words.ARABIC, ordinals=number_words.ARABIC_DAYS,
    within=r"(?:بعد|خلال) {n} {unit} و(?P<half>نصف)|(?:بعد|خلال) {unit} و(?P<half>نصف)|(?:بعد|خلال) {unit} و ?{n2} {unit2}|(?:بعد|خلال) {n} {unit}|(?:بعد|خلال) {unit}",
    units={r"دقيقه|دقائق": 1, r"ساعه|ساعات": 60, r"ايام|يوما|يوم": 1440, r"اسبوع|اسابيع": 10080},
    more={r"بعد نصف ساعه": 30, r"بعد ربع ساعه": 15, r"بعد ساعتين ونصف": 150, r"بعد ساعتين": 120, r"بعد دقيقتين": 2, r"بعد يومين": 2880, r"بعد اسبوعين": 20160},
    days={r"بعد غد|بعد الغد": 2, r"غدا|بكره|بكرا": 1, r"اليوم": 0},
    weekdays=("الاثنين|اثنين", "الثلاثاء|ثلاثاء", "الاربعاء|اربعاء", "الخميس|خميس", "الجمعه|جمعه", "السبت|سبت", "الاحد|احد"),
    months=("يناير", "فبراير", "مارس", "ابريل", "مايو", "يونيو", "يوليو", "اغسطس", "سبتمبر", "اكتوبر", "نوفمبر", "ديسمبر"),
    on=r"(?:في )?(?:يوم )?", after=r"(?: (?:القادم|المقبل))?",
    dates=(r"{on}{day}(?: من)? {month}(?: (?P<y>\d{{4}}))?", r"{on}(?P<d>\d{{1,2}}) {month}(?: (?P<y>\d{{4}}))?", r"{on}(?P<d>\d{{1,2}})/(?P<mo>\d{{1,2}})(?:/(?P<y>\d{{4}}))?", r"(?:في )?يوم (?P<d>\d{{1,2}})(?![/:.\d])"),
    clock=(
        r"(?:في |عند )?(?:تمام )?(?:الساعه )?(?P<h>\d{1,2}):(?P<m>\d{2})", r"(?:في |عند )?الساعه (?P<less>{n}) الا (?:ال)?ربعا?", r"(?:في |عند )?الساعه (?P<thirdless>{n}) الا (?:ال)?ثلثا?", r"(?:في |عند )?الساعه (?P<h>{n}) الا (?P<to>{n})(?: دقائق| دقيقه)?", r"(?:في |عند )?الساعه (?P<h>{n}) و(?P<quarter>الربع|ربع)", r"(?:في |عند )?الساعه (?P<h>{n}) و(?P<third>الثلث|ثلث)", r"(?:في |عند )?الساعه (?P<h>{n}) و ?(?P<m>{n})(?: دقائق| دقيقه)?", r"(?:في |عند )?(?:تمام )?الساعه (?P<h>{n})(?: و(?P<half>النصف))?", r"(?:في |عند )?(?P<noon>الظهر|ظهرا)", r"(?:في )?(?P<midnight>منتصف الليل)",
    ),
    spans={r"صباحا|في الصباح|صباح": MORNING, r"عصرا|بعد الظهر": AFTERNOON, r"مساء|في المساء|هذا المساء": EVENING, r"الليله|ليلا": NIGHT},
    every={
        r"(?:من )?(?:يوم )?الاثنين (?:الي|حتي) (?:يوم )?الجمعه|ايام العمل": _WORKDAYS, r"كل (?:يوم )?{weekday}": "FREQ=WEEKLY;BYDAY={day}", r"كل يوم|يوميا": _BASE["day"], r"كل(?= (?:صباح|مساء))": _BASE["day"], r"كل اسبوع|اسبوعيا": _BASE["week"],
        r"كل شهر|شهريا": _BASE["month"], r"كل (?:سنه|عام)|سنويا": _BASE["year"], r"كل ساعه": "FREQ=HOURLY", r"كل ساعتين": "FREQ=HOURLY;INTERVAL=2", r"كل يومين": "FREQ=DAILY;INTERVAL=2", r"كل اسبوعين": "FREQ=WEEKLY;INTERVAL=2", r"كل {n} {unit}": "{per}",
    },
)  # fmt: skip
_ZH = TimeWords(
    ask=r"提醒(?:一下)?(?:我们|我)(?:一下)?|(?:别|不要)让我忘(?:了|记)?",
    weak=r"(?:到时候?)?叫我",
    opening=r"请|麻烦|你?能不能|你?能|你?可以|帮我|你好|到时候?",
    linking=r"[,，:：]|要",
    numbers=number_words.CHINESE, ordinals=number_words.CHINESE,
    within=r"(?:过|再过)?{n}个?(?P<half>半){unit}(?:之后|以后|后)|(?:过|再过)?{n} ?{unit}{n2} ?{unit2}(?:钟)?(?:之后|以后|后)|(?:过|再过)?{n} ?{unit}(?:钟)?(?:之后|以后|后)|过{n} ?{unit}(?:钟)?",
    units={r"分钟?": 1, r"个?(?:小时|钟头)": 60, r"天": 1440, r"个?(?:星期|礼拜|周)": 10080},
    more={r"(?:过)?半个?小时(?:之后|以后|后)?": 30, r"一刻钟(?:之后|以后|后)": 15},
    days={r"大后天": 3, r"后天": 2, r"明天|明日|明(?=早|晚)": 1, r"今天|今日|今(?=早|晚)": 0},
    weekdays=tuple(f"(?:星期|礼拜|周){day}" for day in ("[一1]", "[二2]", "[三3]", "[四4]", "[五5]", "[六6]", "[日天7]")),
    months=(),
    on=r"(?:在)?(?:这个?|本|下个?)?",
    dates=(r"(?:(?P<y>\d{{4}})年)?(?P<monthword>{n})月{day}[日号]?", r"{day}[号日]", r"(?:(?P<y>\d{{4}})年)?(?P<mo>\d{{1,2}})月(?P<d>\d{{1,2}})[日号]?", r"(?P<d>\d{{1,2}})[号日]"),
    clock=(
        r"(?P<pm>中午|正午)(?P<h>12|十二|[一二两1-3])[点點](?:钟|整)?(?:(?P<half>半)|(?P<quarter>一刻)|(?P<m>{n})分)?", r"(?P<am>中午|正午)(?P<h>11|十一)[点點](?:(?P<half>半)|(?P<m>{n})分)?",
        r"差(?P<to>{n})分钟?(?:到)?(?P<h>{n})[点點]", r"差一(?P<quarterless>刻)(?P<h>{n})[点點]", r"(?P<h>\d{1,2})[:：](?P<m>\d{2})", r"(?P<h>{n})[点點](?P<half>半)", r"(?P<h>{n})[点點](?P<quarter>一刻)", r"(?P<h>{n})[点點](?P<m>(?:[二三四五]?十[一二三四五六七八九]?|零[一二三四五六七八九]|\d{2}))(?!分钟)分?", r"(?P<h>{n})[点點](?:钟|整)?(?:(?P<m>{n})分)?", r"(?P<noon>中午|正午)", r"(?P<midnight>午夜)",
    ),
    spans={r"早上|上午|早晨|清晨|早": MORNING, r"下午": AFTERNOON, r"傍晚|晚上|晚": EVENING, r"夜里|半夜": NIGHT},
    every={
        r"每?个?工作日|(?:每)?(?:周|星期)一[到至](?:周|星期)?五": _WORKDAYS, r"(?:每隔一周|每两周|隔周)的?{weekday}": _OTHER, r"每隔一周|隔周": "FREQ=WEEKLY;INTERVAL=2", r"每隔一天|隔天": "FREQ=DAILY;INTERVAL=2", r"每个?{weekday}": "FREQ=WEEKLY;BYDAY={day}", r"每天|每日|天天": _BASE["day"], r"每(?=晚|早)": _BASE["day"], r"每个?(?:星期|礼拜|周)(?![一二三四五六日天1-7])": _BASE["week"],
        r"每个?月": _BASE["month"], r"每年": _BASE["year"], r"每个?小时": "FREQ=HOURLY", r"每隔?{n} ?{unit}": "{per}",
    },
    spaced=False,
)  # fmt: skip

TIME_WORDS: Mapping[Language, TimeWords] = {
    "en": _EN, "de": _DE, "es": _ES, "fr": _FR, "pt": _PT, "ru": _RU, "ar": _AR, "zh": _ZH
}  # fmt: skip
