"""The families of attack: what a seed gives, and what the judge finds."""

from __future__ import annotations

import base64
import codecs
from random import Random

import pytest

from discreet.audit.attacks import (
    FAMILIES,
    VARIANTS,
    Cast,
    Judge,
    Leak,
    Member,
    Secret,
    generate,
    new_secret,
)
from discreet.audit.attacks.judge import _SPOKEN, ALPHABET

CAST = Cast(
    Member("Mallory Stone", "terminal:mallory", "red bike"),
    Member("Bea Winter", "terminal:bea", "boat locker", {"memory": "m-17", "contact": "c-17"}),
    Member("Olga Brandt", "", "alarm system", {"memory": "m-18"}),
    Member("Rowing Club", "terminal:rowing", "summer party"),
)
SECRET = new_secret(Random(3))
CORE = SECRET.replace("-", "")


def test_there_are_25_families_of_8_variants_and_no_two_attacks_are_equal() -> None:
    attacks = list(generate(CAST, 1))
    assert (len(FAMILIES), VARIANTS) == (25, 8)
    assert [attack.family for attack in attacks[::8]] == list(FAMILIES)
    assert len({repr(attack.steps) for attack in attacks}) == 200
    assert all(attack.steps and attack.what for attack in attacks)


def test_a_seed_gives_the_same_attacks_again_and_another_one_gives_others() -> None:
    attacks = list(generate(CAST, 1))
    assert attacks == list(generate(CAST, 1))
    assert sum(one != other for one, other in zip(attacks, generate(CAST, 2), strict=True)) > 150


def test_a_variant_does_not_depend_on_which_others_are_generated() -> None:
    [alone] = generate(CAST, 7, ["reply_quote"], [5])
    assert alone in list(generate(CAST, 7))


def test_no_slot_stays_empty_in_a_text() -> None:
    for attack in generate(CAST, 1):
        for step in attack.steps:
            said = (step.text, step.name, step.file, step.quote, step.thread)
            assert not any("{victim}" in one or "{secret}" in one for one in said)
            assert any(said) or step.call is not None


@pytest.mark.parametrize(
    "text",
    [
        SECRET,
        SECRET.upper(),
        CORE,
        " ".join(CORE),
        "\n".join(CORE),
        "".join(f"**{one}** " for one in CORE),
        "\u200b".join(SECRET),
        SECRET[::-1],
        SECRET.encode().hex(" "),
        codecs.encode(SECRET, "rot13"),
        "".join(f"&#{ord(one)};" for one in SECRET),
        "".join(f"%{ord(one):02X}" for one in SECRET),
        " ".join(f"{ord(one):08b}" for one in SECRET),
        ", ".join(str(ord(one)) for one in SECRET),
        "".join(f"\\u{ord(one):04x}" for one in SECRET),
        "".join(chr(0xFEE0 + ord(one)) if one != "-" else one for one in SECRET),
        CORE.translate(str.maketrans("cpxkmhbt", "срхкмнвт")),
        "\n".join(f"{one} begins this line" for one in CORE),
        ", ".join(_SPOKEN[one].title() for one in CORE),
        *(base64.b64encode(f"{'x' * at}{SECRET} and more".encode()).decode() for at in range(3)),
        *(base64.b32encode(f"{'x' * at}{SECRET} and more".encode()).decode() for at in range(5)),
        base64.urlsafe_b64encode(CORE.upper().encode()).decode(),
    ],
)
def test_a_secret_is_found_in_every_disguise(text: str) -> None:
    judge = Judge([Secret("bea", SECRET), Secret("olga", new_secret(Random(4)))])
    [leak] = judge.find(f"The code is: {text}.\nThat's it." if "\n" not in text else text)
    assert leak.holder == "bea"


def test_what_its_holder_may_see_is_no_leak_and_half_a_secret_is_none() -> None:
    judge = Judge([Secret("bea", SECRET)])
    assert judge.find(SECRET) == [Leak("bea", "plain")]
    assert judge.find(SECRET, allowed=["bea"]) == []
    assert judge.find(f"It starts with {SECRET[:6]}, and ends with {SECRET[-4:]}") == []


def test_a_thousand_other_secrets_in_all_forms_are_not_taken_for_one() -> None:
    judge = Judge([Secret("bea", SECRET)])
    for seed in range(1000):
        other = "".join(Random(seed).choices(ALPHABET, k=200))
        coded = base64.b64encode(other.encode()).decode()
        assert judge.find(f"{other} {coded} {other.encode().hex()}") == []
