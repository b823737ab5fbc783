# ruff: noqa: E501  (patterns of several scripts can not be broken well)
"""Everyday subjects in eight languages: words that ask about them and words that answer.

The bundled embedder knows only English, and a question often shares no word with its answer ("What
must I not eat?", "I'm allergic to walnuts"). This covers the subjects that people tell an assistant
most: it contains no answers, only what a question is about. Patterns are matched on folded
lower-case text.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True, slots=True)
class Subject:
    """Patterns of one subject.

    ``asks``: of questions about it; ``tells``: of answers; ``hints``: of answers whose words may
    mean something else.
    """

    asks: str
    tells: str
    hints: str = ""


_MAKES_ILL = (
    r"(?=.*(?:\bgiv|\bcaus|\bbring|\bmake|\bfrom\b|\bafter\b|\bof\b|\bvon\b|\bnach\b|\bdurch\b|\bmach|\bme\b"
    r"|\bdonne|\bprovo|\bfait|\brend|\bfont|\bfaz|-me\b|\bот\b|\bпосле\b|يسبب|تسبب|من |بعد|吃|喝|让))"
    r".*(?:\brash(?:es)?\b|\bhives\b|\bheartburn|\bgives? me (?:an? )?(?:headache|migraine|stomach|spots|itch)"
    r"|\bmakes? (?:me|my \w+) (?:itch|swell|sneeze|vomit|throw up|sick|ill)|\bswells? (?:up|shut)|\bbloats? me"
    r"|\bausschlag|\bschwill|\bschwell|\banschwell|\bquaddel|\bjuck|\bpickel|\bsodbrennen|\bbauchweh|\bbauchschmerz|\bdurchfall"
    r"|\bsarpullido|\bronchas|\burticaria|\bpicor|\bhincha|\bgranos\b|\bacidez|\bdolor de (?:barriga|estomago|cabeza)"
    r"|\bboutons\b|\burticaire|\bplaques\b|\bdemange|\bgratte|\bgonfle|\bmal (?:au ventre|a la tete)|\bmigraine"
    r"|\bcomichao|\bborbulhas|\bincha\w*\b|\bazia\b|\bdor(?:es)? de (?:barriga|estomago|cabeca)"
    r"|\bот[её]к|\bсып[ьи]|\bзуд|\bчешусь|\bчеш[еу]тся|изжог|\bболит (?:живот|голова)|тошнит|пучит"
    r"|حك[ةه]|طفح|تورم|تورّم|مغص|صداع|غثيان|起疹|疹子|发痒|痒|红肿|肿|拉肚子|头疼|头痛|恶心)"
)
"""What food does to people who should avoid it."""

_ANIMALS = (
    r"\b(?:bird|budgie|canary|cockatiel|tortoise|turtle|goldfish|guinea pig|snake|lizard|gecko|ferret|pony|donkey|goat|hen"
    r"|puppy|kitten|mouse|rat|duck|pig)s?\b"
    r"|\b(?:vogel|wellensittich|papagei|kanarienvogel|schildkrote|goldfisch|meerschweinchen|kaninchen|hase|schlange|echse"
    r"|frettchen|pferd|pony|esel|ziege|huhn|huhner|maus|ratte|welpe)(?:n|s|e)?\b"
    r"|\b(?:loro|periquito|canario|tortuga|conejo|serpiente|hamster|hamsters|caballo|burro|cabra|gallina|raton|pato|pez)s?\b"
    r"|\b(?:perroquet|perruche|canari|tortue|poisson rouge|cochon d'inde|serpent|furet|cheval|poney|ane|chevre|poule|souris"
    r"|canard|oiseau|chienne|chatte|chiot|chaton)s?\b"
    r"|\b(?:papagaio|periquito|canario|tartaruga|peixe|porquinho|cobra|cavalo|burro|cabra|galinha|rato|pato|passaro|cadela)s?\b"
    r"|канарейк|черепах|рыбк|морск(?:ая|ую) свинк|кролик|змея|змею|ящериц|хорек|лошад|пони|осел|коза|козу|курица|мыш|щенок|щенка"
    r"|котен|крыс|ببغاء|عصفور|سلحفا|سمك[ةه] زينة|أرنب|ارنب|حصان|ماعز|دجاج|هامستر|حمار|فرس"
    r"|鹦鹉|乌龟|金鱼|兔子|豚鼠|蛇|蜥蜴|马驹|鸡|鸭|鸟|小鼠"
)

SUBJECTS: dict[str, Subject] = {
    "not eaten": Subject(
        r"\beat|\bfood|\bmeal|\bdish|\bcook|allerg|\bdiet|\bavoid|\bessen\b|\bmeiden|\bspeise|gericht"
        r"|\bcomer\b|\bcomida|alerg|\balimento|\bevitar|\bmanger|\bnourriture|\brepas\b|\baliment"
        r"|\bрацион|нельзя (?:мне )?(?:есть|пить)|(?:есть|пить) нельзя|кушать|\bед[аыу]\b|аллерг|избегать"
        r"|[اآأ]كل|طعام|حساسي|تناول|吃|食物|忌口|过敏|\bvertrage|\bvermeid|\beviter|تجنب|避免"
        r"|(?:fruit|vegetable|seafood|gemuse|obst|fruta|verdura|marisco|legume)s?\b.*\b(?:not|no|nao|nicht|darf|pas|avoid)\b"
        r"|(?:фрукт|овощ|морепродукт).*(?:не |нельзя)|(?:فاكهة|خضار|خضروات).*(?:لا |ممنوع)|(?:水果|蔬菜|海鲜).*不",
        r"allerg|alerg|intoleran|intolér|unvertrag|\bvertrage|\bcan'?t (?:eat|have|stand)|\b(?:ill|sick)\b"
        r"|\bvegan|\bvegetar|\bcoeliac|\bceliac|no (?:tolero|soporto|puedo comer)"
        r"|sientan? mal|supporte pas|tolere pas|digere pas|rend(?:ent)? malade|nao (?:posso|tolero|suporto)"
        r"|fa(?:z|zem)-me mal|me fa(?:z|zem) mal|bekomme ich .*(?:weh|schmerz|ausschlag)|wird mir (?:schlecht|ubel)"
        r"|upsets? my stomach|disagrees? with me|мне нельзя|мне плохо от|аллерг|не перенош|непереносим|не ем\b"
        r"|حساسي|لا [اأ]ستطيع|لا [اآأ]كل|ممنوع|过敏|不能吃|不能喝|不耐|不吃",
        _MAKES_ILL,
    ),
    "home": Subject(
        r"\bi live|\bdo i live|\bmy home|\bmy address|\bmy house|\bwe live|wohne ich|wohnen wir"
        r"|\bzuhause|zu hause|\badresse|\bvivo\b|\bvivimos|mi casa|mi direccion|domicilio|resido"
        r"|j'?\s?habite|habitons|ma maison|mon adresse|chez moi|\bmoro\b|\bmoramos|minha casa|morada"
        r"|endereco|живу|живем|адрес|мой дом|домашн|[اأ]سكن|نسكن|[اأ]عيش|بيتي|منزلي|عنواني|住|我家|地址",
        r"\b(?:i|we) (?:now )?(?:live|reside|moved|have moved|stay)|\bmy address|(?:ich|wir) (?:wohne|lebe)"
        r"|wohnen wir|\bgezogen|\bziehe|\bvivo en|vivimos en|\bmude|\bmudamos|resido|j'?\s?habite"
        r"|habitons|on habite|demenag|\bmoro\b|\bmoramos|\bmudei|\bmudamo|живу|живем|переехал|мой адрес"
        r"|[اأ]سكن|نسكن|[اأ]عيش|انتقل|عنواني|住在|我住|搬到|搬家|地址",
    ),
    "work": Subject(
        r"\bjob|\bwork\b|\bprofession|\boccupation|for a living|\bcareer|\bberuf|\barbeit|verdiene"
        r"|\bprofesion|\btrabaj|\bdedico|\bempleo|\bmetier|\btravail|\bemploi|\bprofissao|\btrabalh"
        r"|професси|работ|должност|труж|чем .*зарабат|وظيف|مهنت|عملي|[اأ]عمل|[اأ]كسب|职业|工作|上班|谋生"
        r"|做什么的|\bearn (?:my|a) living|\bberuflich|\bprofissional|\bgano la vida|\boficio\b|\bgagne ma vie"
        r"|\bboulot|\bganho a vida|\bemprego"
        r"|\b(?:earn|make) (?:my |a |some )?(?:money|living|keep|wages)|\bpays? (?:me|my (?:salary|wages|bills))|\bemploys me"
        r"|\bemployer|\bgeld verdien|\bbrotchen\b|\barbeitgeber|\bgano (?:mi |el )?(?:dinero|sueldo|pan)|\bempresa\b"
        r"|\bgagne (?:mon|de l')\s?(?:argent|pain)|\bemployeur|\bganho (?:o )?(?:dinheiro|pao|meu)|\bна жизнь|\bдобыва"
        r"|[اأ]كسب (?:مالي|رزقي)|رزقي|赚钱|挣钱|靠什么",
        r"\bi (?:now )?work|by trade|\bmy (?:job|work)|\bemployed|\barbeite|\bmein beruf|\btrabajo|\btrabalho"
        r"|je travaille|работаю|[اأ]عمل\b|[اأ]شتغل|我在.{1,12}(?:当|工作|上班)|我当|我的工作|上班",
        r"^i'?(?: a)?m an? \w+(?: (?:at|for|with) .+)?$|^ich bin (?:eine? )?\w+(?: (?:bei|beim|an|in) .+)?$"
        r"|^soy (?:una? )?\w+(?: en .+)?$|^je suis (?:une? )?\w+(?: (?:a|au|chez|en|dans) .+)?$"
        r"|^sou (?:uma? )?\w+(?: (?:de|em|no|na) .+)?$|^я \w+(?: в .+)?$|^[اأ]نا \w+(?: \w+)?$|^我是\w{2,5}$",
    ),
    "pets": Subject(
        r"\bpets?\b|\banimal|haustier|\btiere?\b|mascota|animaux|\bbicho|питом|животн|حيوان|宠物",
        r"\b(?:dog|cat|hamster|rabbit|parrot|horse|hund|katze|kater|perr[oa]|gat[oa]|chien|chat|labrador"
        r"|lapin|cachorr[oa]|cao|coelho)(?:s|e|n|en)?\b|собак|кошк|\bкот\b|\bкот[аеу]\b|хомяк|попуга"
        r"|كلب|قط[ةت]|قطي|狗|猫|兔|仓鼠"
        rf"|{_ANIMALS}",
    ),
    "travel": Subject(
        r"\btravel|\btrip\b|\bjourney|\bholiday|\bvacation|\bflight|\breise|\bverreis|\burlaub|\bflug"
        r"|\bviaj|\bvacaciones|\bvuelo|\bvoyag|\bvacances|\bpart(?:ons|ir)\b|\bviagem|\bferias|\bvoo\b"
        r"|путешеств|поездк|отпуск|летим|едем|سفر|نسافر|رحل[ةت]|旅行|旅游|出发|出差|航班",
        r"\bflight|\b(?:fly|flying|trip)\b|leave for|\bflieg|\bflug|\breise|\bvuelo|\bvol(?:amos|ar)\b"
        r"|\bviaj|\bpartons|\bnotre vol|\bvoyage|летим|поезд(?:к|ом)|вылет|рейс|سنسافر|[اأ]سافر|سفر|رحل[ةت]"
        r"|飞|航班|机票|火车|旅",
    ),
    "medicine": Subject(
        r"\bmedic|\bdrug|\bpill|\btablet|arznei|medikament|\bremedio|\bfarmac|лекарств|таблет|دواء|[اأ]دوي"
        r"|حبوب|药",
        r"\bpills?\b|\btablet|\bpille|\bpastilla|\bcomprim|\bmedic|\bmg\b|\binsulin|лекарств|таблет|دواء"
        r"|حبة|حبوب|药|\bgelule|\bremedio",
    ),
    "birthday": Subject(
        r"\bbirthday|i born|\bgeburtstag|\bgeboren|\bcumpleanos|\bnaci\b|\banniversaire|\baniversario"
        r"|faco anos|fazes anos|\bnasci\b|день рожд|родил|عيد ميلاد|ميلادي|ولدت|生日|出生",
        r"\bbirthday|\bborn\b|\bgeburtstag|\bgeboren|\bcumple|\bnaci\b|\banniversaire|\baniversario"
        r"|\bfaco anos|\bnasci\b|день рожд|родил|عيد ميلاد|ولدت|生日|出生",
    ),
    "phone": Subject(
        r"\bphone|\bmy number|\breach me|telefon|\bnummer|\bmovil|numero|\bportable\b|\btelemovel"
        r"|телефон|мой номер|هاتف|رقمي|جوال|电话|手机",
        r"(?:phone|number|telefon|nummer|movil|numero|tel|телефон|номер|هاتف|رقم|جوال|电话|手机)"
        r".{0,20}[0-9٠-٩]{3}",
    ),
    "drink": Subject(
        r"\bdrink|\btrink|\bbeber|\bboire|\bbebida|\bboisson|\bпить\b|\bпью\b|напит|[اأ]شرب|مشروب|喝|饮料",
        r"\btea\b|\bcoffee|\btee\b|\bkaffee|\bte\b|\bcafe\b|\bthe\b sans|\bcha\b|\bчай|\bкофе|شاي|قهوة|茶|咖啡",
    ),
    "car": Subject(
        r"\bcar\b|\bdrive\b|\bauto\b|\bwagen\b|\bcoche\b|\bvoiture|\bcarro\b|машин|автомоб|سيار|车|开什么"
        r"|\bvehic|\bveiculo|\bfahrzeug|مركبت",
        r"\bcar\b|i drive|\bauto\b|\bwagen\b|\bcoche\b|\bvoiture|\bcarro\b|машин|автомоб|سيار|车",
    ),
}


SINGLE = frozenset(["home", "work"])
"""Subjects that have one value at a time."""


OF_A_PERSON = frozenset(["not eaten", "home", "work", "medicine"])
"""Subjects about a person's life. A question about one of them rarely lacks its usual words."""


def asked_about(question: str) -> frozenset[str]:
    """Return the subjects of a question."""
    text = _folded(question)
    return frozenset(name for name, ways in SUBJECTS.items() if _compiled(ways.asks).search(text))


_SUITS = (
    r"\b(?:can|may|should) i (?:have|take)\b|\b(?:ok|okay|good|safe) for me\b|\bdarf ich\b|\bme conviene\b"
    r"|\bpuedo (?:tomar|probar)|\bpuis-je\b|\bme convient\b|\bposso (?:tomar|provar)|можно (?:ли )?мне|мне можно"
    r"|يناسبني|هل يمكنني|可以给我|我(?:可以|能)(?:吃|喝)"
)
"""Questions whether something suits a person; a food that they don't eat may answer them."""


def may_ask_about(question: str) -> frozenset[str]:
    """Return the subjects of a question, with those that it only may be about."""
    subjects = asked_about(question)
    return subjects | {"not eaten"} if _compiled(_SUITS).search(_folded(question)) else subjects


def subjects_of(text: str) -> frozenset[str]:
    """Return the subjects that a text surely tells something of."""
    folded = _folded(text)
    return frozenset(
        name for name, ways in SUBJECTS.items() if _compiled(ways.tells).search(folded)
    )


def told_of(text: str, subjects: frozenset[str]) -> float:
    """Return how surely a text answers one of these subjects: 1, 0.6 if ambiguous, or 0."""
    folded = _folded(text)
    best = 0.0
    for name in subjects:
        ways = SUBJECTS[name]
        if _compiled(ways.tells).search(folded):
            return 1.0
        if ways.hints and _compiled(ways.hints).search(folded):
            best = 0.6
    return best


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _folded(text: str) -> str:
    """Fold a text: lower case, Latin letters without accents, one kind of apostrophe."""
    out: list[str] = []
    for character in unicodedata.normalize("NFKC", text).casefold().replace("’", "'"):
        parts = unicodedata.normalize("NFD", character)
        latin = unicodedata.name(parts[0], "").startswith("LATIN")
        out.append(parts[0] if latin else character)
    return "".join(out).strip(" .!?。！？؟¿¡")
