"""Labels: who gets them, who loses them, and who never sees them."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from discreet.domain.addresses import Address
from discreet.domain.errors import BadInput, ScopeError
from discreet.domain.ids import ContactId
from discreet.domain.labels import label_of
from discreet.intake.groups import move_group
from discreet.schemas.contacts import ContactPatch, ListContacts
from discreet.scope import ScopedDatabase, Transaction
from discreet.services import admission, branches, channels, contacts, linking, moving_channels
from discreet.services.agents import create_agent
from tests.contacts.linked import ANN, ANN_TOO, BOB, GROUP, link
from tests.support.platform import Platform, make_platform
from tests.support.world import other_owner


async def labels_of(platform: Platform, who: str) -> list[str]:
    found = await contacts.find_contact(platform.world.db, platform.world.owner_id, who)
    return list(found.entry.labels)


async def label(platform: Platform, who: str, *add: str, remove: tuple[str, ...] = ()) -> None:
    db, owner_id = platform.world.db, platform.world.owner_id
    await contacts.label_contact(db, owner_id, who, add=set(add), remove=set(remove))


async def label_channel(platform: Platform, *labels: str) -> None:
    db, owner_id = platform.world.db, platform.world.owner_id
    await channels.set_contact_labels(db, owner_id, platform.channel_id, labels)


async def test_labels_are_given_taken_listed_and_compared_without_case(platform: Platform) -> None:
    db, owner_id = platform.world.db, platform.world.owner_id
    await platform.accepted(ANN, "hello")
    await platform.accepted(BOB, "hello")
    await label(platform, ANN, "Customer", "ВИП", "ｓｔａｆｆ")
    await label(platform, ANN, "customer", remove=("STAFF", "never-had"))

    assert await labels_of(platform, ANN) == ["customer", "вип"]
    assert await labels_of(platform, BOB) == []
    for wanted in ("customer", "CUSTOMER"):
        listed = await contacts.list_recent_contacts(db, owner_id, label=wanted)
        paged = await contacts.list_contacts(db, owner_id, ListContacts(limit=9, label=wanted))
        assert [one.contact.id for one in listed] == [one.id for one in paged.items]
        assert [one.labels for one in paged.items] == [["customer", "вип"]]
    assert await contacts.list_recent_contacts(db, owner_id, label="staff") == []


@pytest.mark.parametrize(
    "word", ["", " ", "a b", "-a", "a/b", "x" * 41, "Owner", "everybody", "a\nb"]
)
def test_what_is_no_word_or_is_reserved_is_no_label(word: str) -> None:
    with pytest.raises(BadInput):
        label_of(word)


async def test_a_patch_replaces_the_labels_and_makes_a_new_version(platform: Platform) -> None:
    db, owner_id = platform.world.db, platform.world.owner_id
    ann = ContactId((await platform.accepted(ANN, "hello")).contact_id)  # type: ignore[arg-type]
    await label(platform, ANN, "staff")
    before = await contacts.get_contact(db, owner_id, ann)
    changed = await contacts.change_contact(
        db, owner_id, ann, ContactPatch(labels=["customer"]), expected=before.version
    )
    assert changed.contact.labels == ["customer"]
    assert changed.version != before.version


async def test_an_open_channel_labels_who_first_writes_to_its_agent(platform: Platform) -> None:
    await platform.accepted(BOB, "before there were labels")
    await label_channel(platform, "Customer")
    await platform.accepted(ANN, "hello")
    await platform.accepted(BOB, "again")
    await platform.accepted(ANN, "in a group", group=GROUP)

    assert await labels_of(platform, ANN) == ["customer"]
    assert await labels_of(platform, BOB) == []
    assert await labels_of(platform, GROUP) == ["customer"]

    await label(platform, ANN, remove=("customer",))
    await platform.accepted(ANN, "again")
    await platform.accepted(ANN, "elsewhere", thread_key="trip:rome")
    assert await labels_of(platform, ANN) == []


async def test_who_is_approved_or_allowed_gets_the_labels_once(db: ScopedDatabase) -> None:
    platform = await make_platform(db)
    owner_id, scoped = platform.world.owner_id, platform.world.db
    await label_channel(platform, "customer")
    assert await platform.reason(ANN, "may I?") == "aside"
    assert await labels_of(platform, ANN) == []
    await admission.decide_pairing(scoped, owner_id, ANN, let_in=True)
    await admission.allow_address(scoped, owner_id, "Ada", Address.parse(BOB), of_group=False)
    assert await labels_of(platform, ANN) == await labels_of(platform, BOB) == ["customer"]

    await label(platform, BOB, remove=("customer",))
    await platform.accepted(BOB, "the first words")
    assert await labels_of(platform, BOB) == []
    await admission.allow_address(scoped, owner_id, "Ada", Address.parse(BOB), of_group=False)
    await create_agent(scoped, owner_id, "Eve")
    moved = await moving_channels.move_channel(scoped, owner_id, str(platform.channel_id), "Eve")
    assert moved.contact_labels == ("customer",)
    assert await labels_of(platform, BOB) == []


async def test_a_branch_labels_as_its_channel_does(platform: Platform) -> None:
    db, owner_id = platform.world.db, platform.world.owner_id
    await create_agent(db, owner_id, "Eve")
    await label_channel(platform, "customer")
    await branches.add_branch(db, owner_id, str(platform.channel_id), "-100500", "Eve")
    await platform.accepted(ANN, "hello", group=GROUP)
    assert await labels_of(platform, GROUP) == ["customer"]


async def test_a_link_unites_the_labels_and_its_undo_parts_them(platform: Platform) -> None:
    db, owner_id = platform.world.db, platform.world.owner_id
    for who in (ANN, ANN_TOO, BOB):
        await platform.accepted(who, "hello")
    await label(platform, BOB, "neighbour")
    await label(platform, ANN, "customer")
    await label(platform, ANN_TOO, "customer", "staff", "press")
    made = await link(platform, ANN, ANN_TOO)
    assert await labels_of(platform, ANN) == ["customer", "press", "staff"]
    await label(platform, ANN, remove=("staff",))
    await linking.undo_link(db, owner_id, str(made.id))
    assert await labels_of(platform, ANN) == ["customer"]
    assert await labels_of(platform, ANN_TOO) == ["customer", "press"]


async def test_a_group_that_moved_keeps_the_labels_of_both_ids(platform: Platform) -> None:
    await platform.accepted(ANN, "hello", group=GROUP)
    await platform.accepted(ANN, "hello", group="telegram:-7")
    await label(platform, GROUP, "family")
    await label(platform, "telegram:-7", "friends")
    group, moved = Address.parse(GROUP), Address.parse("telegram:-7")
    await move_group(platform.world.db, platform.world.owner_id, group, moved)
    assert await labels_of(platform, GROUP) == ["family", "friends"]


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT label FROM discreet.contact_labels",
        "INSERT INTO discreet.contact_labels (contact_id, label) VALUES (gen_random_uuid(), 'x')",
        "DELETE FROM discreet.contact_labels",
        "SELECT contact_labels FROM discreet.channels",
    ],
)
async def test_a_contact_neither_sees_nor_sets_labels(platform: Platform, statement: str) -> None:
    said = await platform.accepted(ANN, "hello")
    await label(platform, ANN, "customer")
    async with platform.world.db.begin(platform.world.contact(said.contact_id)) as tx:
        with pytest.raises(ScopeError):
            await Transaction.execute(tx, statement)  # type: ignore[arg-type]


async def test_another_owner_finds_nobody_by_a_label(
    platform: Platform, admin: psycopg.Connection[Any]
) -> None:
    db = platform.world.db
    await platform.accepted(ANN, "hello")
    await label(platform, ANN, "customer")
    otto = await other_owner(platform.world, admin)
    assert await contacts.list_recent_contacts(db, otto.owner_id, label="customer") == []


async def test_a_contact_that_was_merged_gets_no_label(
    platform: Platform, admin: psycopg.Connection[Any]
) -> None:
    for who in (ANN, ANN_TOO):
        await platform.accepted(who, "hello")
    await link(platform, ANN, ANN_TOO)
    label_merged = (
        "INSERT INTO discreet.contact_labels (owner_id, contact_id, label)"
        " SELECT owner_id, id, 'customer' FROM discreet.contacts WHERE merged_into IS NOT NULL"
    )
    with pytest.raises(psycopg.errors.SerializationFailure):
        admin.execute(label_merged)
