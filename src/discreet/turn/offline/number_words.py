"""The words of numbers from 1 to 59 and of the days of a month, by language."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

Numbers = Mapping[str, int]


def _from_one(words: str) -> dict[str, int]:
    """Return number words, separated by blanks, from one on; a slash separates two of a number."""
    return {
        word.replace("_", " "): number
        for number, forms in enumerate(words.split(), 1)
        for word in forms.split("/")
    }


def _with_tens(ones: Numbers, tens: Numbers, ways: Iterable[str]) -> dict[str, int]:
    """Return the numbers of tens and ones, put together in each of the ways."""
    return {
        way.format(ten=ten, one=one): tens[ten] + ones[one]
        for ten in tens
        for one in ones
        if ones[one] < 10
        for way in ways
    } | dict(tens)


def _tens(words: str) -> dict[str, int]:
    return {word: 20 + 10 * number for number, word in enumerate(words.split())}


_EN = _from_one(
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"
    " sixteen seventeen eighteen nineteen"
)
_EN_TENS = _tens("twenty thirty forty fifty")
ENGLISH = {"a": 1, "an": 1} | _EN | _with_tens(_EN, _EN_TENS, ("{ten}-{one}", "{ten} {one}"))
_EN_FIRST = _from_one("first second third fourth fifth sixth seventh eighth ninth")
ENGLISH_DAYS = (
    _EN_FIRST
    | {"tenth": 10, "eleventh": 11, "twelfth": 12}
    | {f"{word}th": number for word, number in _EN.items() if number > 12}
    | {"twentieth": 20, "thirtieth": 30}
    | _with_tens(_EN_FIRST, {"twenty": 20, "thirty": 30}, ("{ten}-{one}", "{ten} {one}"))
)

_DE = _from_one(
    "ein/eine/einer/einem/eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn"
    " vierzehn fünfzehn sechzehn siebzehn achtzehn neunzehn"
)
_DE_TENS = _tens("zwanzig dreißig vierzig fünfzig")
GERMAN = _DE | _with_tens(_DE, _DE_TENS, ("{one}und{ten}",))
GERMAN_DAYS = (
    {"ersten": 1, "dritten": 3, "siebten": 7, "achten": 8}
    | {f"{word}ten": n for word, n in GERMAN.items() if n < 20 and n not in (1, 3, 7, 8)}
    | {f"{word}sten": n for word, n in GERMAN.items() if 20 <= n <= 31}
)

_ES = _from_one(
    "un/una/uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince"
    " dieciséis/dieciseis diecisiete dieciocho diecinueve veinte veintiuno/veintiún"
    " veintidós/veintidos veintitrés/veintitres veinticuatro veinticinco veintiséis/veintiseis"
    " veintisiete veintiocho veintinueve"
)
SPANISH = _ES | _with_tens(
    _ES, {"treinta": 30, "cuarenta": 40, "cincuenta": 50}, ("{ten} y {one}",)
)
SPANISH_DAYS = SPANISH | {"primero": 1}

_FR = _from_one(
    "un/une deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize"
    " dix-sept dix-huit dix-neuf"
)
_FR_TENS = _tens("vingt trente quarante cinquante")
FRENCH = _FR | _with_tens(_FR, _FR_TENS, ("{ten}-{one}", "{ten} {one}", "{ten} et {one}"))
FRENCH_DAYS = FRENCH | {"premier": 1}

_PT = _from_one(
    "um/uma dois/duas três/tres quatro cinco seis sete oito nove dez onze doze treze"
    " catorze/quatorze quinze dezesseis/dezasseis dezessete/dezassete dezoito dezenove/dezanove"
)
PORTUGUESE = _PT | _with_tens(_PT, _tens("vinte trinta quarenta cinquenta"), ("{ten} e {one}",))
PORTUGUESE_DAYS = PORTUGUESE | {"primeiro": 1}

_RU = _from_one(
    "один/одну/одна/час два/две три четыре пять шесть семь восемь девять десять одиннадцать"
    " двенадцать тринадцать четырнадцать пятнадцать шестнадцать семнадцать восемнадцать"
    " девятнадцать"
)
_RU_LESS = {"пяти": 5, "десяти": 10, "пятнадцати": 15, "двадцати": 20, "двадцати пяти": 25}
_RU_FIRST = _from_one(
    "первого второго третьего четвёртого/четвертого пятого шестого седьмого восьмого девятого"
)
_RU_HOURS = _RU_FIRST | {"десятого": 10, "одиннадцатого": 11, "двенадцатого": 12}
RUSSIAN = (
    _RU
    | _with_tens(_RU, _tens("двадцать тридцать сорок пятьдесят"), ("{ten} {one}",))
    | _RU_HOURS
    | _RU_LESS
)
RUSSIAN_DAYS = (
    _RU_HOURS
    | {f"{word.removesuffix('ь')}ого": number for word, number in _RU.items() if 12 < number < 20}
    | {"двадцатого": 20, "тридцатого": 30}
    | _with_tens(_RU_FIRST, {"двадцать": 20, "тридцать": 30}, ("{ten} {one}",))
)

_AR = _from_one(
    "واحد/واحده اثنين/اثنان ثلاث/ثلاثه اربع/اربعه خمس/خمسه ست/سته سبع/سبعه ثماني/ثمانيه/ثمان"
    " تسع/تسعه عشر/عشره"
)
_AR_TENS = {"عشرين": 20, "عشرون": 20, "ثلاثين": 30, "ثلاثون": 30, "اربعين": 40, "خمسين": 50}
ARABIC = (
    _AR
    | _with_tens(_AR, _AR_TENS, ("{one} و{ten}",))
    | _from_one(
        "الواحده الثانيه الثالثه الرابعه الخامسه السادسه السابعه الثامنه التاسعه العاشره"
        " الحاديه_عشره/الحاديه_عشر الثانيه_عشره/الثانيه_عشر"
    )
    | {"خمس عشره": 15}
)
ARABIC_DAYS = _from_one(
    "الاول الثاني الثالث الرابع الخامس السادس السابع الثامن التاسع العاشر الحادي_عشر الثاني_عشر"
    " الثالث_عشر الرابع_عشر الخامس_عشر السادس_عشر السابع_عشر الثامن_عشر التاسع_عشر العشرين"
) | {"الثلاثين": 30}

_ZH = {"两": 2} | _from_one("一 二 三 四 五 六 七 八 九")
CHINESE = (
    _ZH
    | {f"{ten}十{one}": 10 * value + number
       for ten, value in {"": 1, "二": 2, "三": 3, "四": 4, "五": 5}.items()
       for one, number in ({"": 0} | _ZH).items() if one != "两"}
    | {f"零{one}": number for one, number in _ZH.items()}
)  # fmt: skip
