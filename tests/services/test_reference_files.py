from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discreet.domain.errors import BadInput
from discreet.services.reference_files import (
    MAX_FILE_BYTES,
    PASSAGE_CHARACTERS,
    PASSAGE_WORDS,
    read_folder,
    split_reference,
)


def test_a_passage_stands_below_its_heading() -> None:
    text = "# Prices\n\nA haircut is 30 euros.\n\n# Hours\n\nTuesday to Saturday."
    assert list(split_reference(text)) == [
        "Prices\nA haircut is 30 euros.",
        "Hours\nTuesday to Saturday.",
    ]


def test_a_passage_names_the_headings_above_its_own() -> None:
    text = "# Hotel\n## Breakfast\nFrom 7 to 10.\n## Parking\nFree.\n# Bar\nOpen late."
    assert list(split_reference(text)) == [
        "Hotel > Breakfast\nFrom 7 to 10.",
        "Hotel > Parking\nFree.",
        "Bar\nOpen late.",
    ]


def test_a_long_section_is_cut_between_paragraphs_and_each_part_keeps_the_heading() -> None:
    paragraph = "word " * 100
    passages = list(split_reference(f"# Rules\n\n{paragraph}\n\n{paragraph}\n\n{paragraph}"))
    assert [len(passage.split()) for passage in passages] == [101, 101, 101]
    assert all(passage.startswith("Rules\n") for passage in passages)


def test_a_long_paragraph_is_cut_between_sentences() -> None:
    passages = list(split_reference("One two three four five six seven eight nine ten. " * 40))
    assert all(passage.endswith("ten.") for passage in passages)
    assert max(len(passage.split()) for passage in passages) <= PASSAGE_WORDS


@given(st.text(alphabet=st.sampled_from("ab. \n#-") | st.characters(codec="utf-8"), max_size=6000))
def test_no_word_is_lost_and_no_passage_is_much_too_long(text: str) -> None:
    passages = list(split_reference(text))
    said = "".join("".join(passages).split())
    bodies = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    for word in (word for line in bodies for word in line.split()):
        assert word in said or len(word) > PASSAGE_CHARACTERS
    assert all(len(passage) <= 2 * PASSAGE_CHARACTERS for passage in passages)


def test_only_texts_are_read_and_hidden_ones_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / ".git").mkdir()
    for name in ("b.txt", "sub/a.MD", "picture.png", ".hidden.md", ".git/notes.md"):
        (tmp_path / name).write_text("Some words.")
    assert [text.title for text in read_folder(tmp_path)] == ["b.txt", "sub/a.MD"]


def test_every_file_that_cannot_be_published_is_named_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "good.md").write_text("Fine.")
    (tmp_path / "latin.md").write_bytes(b"caf\xe9")
    (tmp_path / "binary.txt").write_bytes(b"a\0b")
    (tmp_path / "empty.md").write_text(" \n# Only a title\n")
    (tmp_path / "large.md").write_bytes(b"x" * (MAX_FILE_BYTES + 1))
    with pytest.raises(BadInput) as caught:
        read_folder(tmp_path)
    assert str(caught.value) == (
        "4 of 5 files can't be published: binary.txt contains a NUL character; "
        "empty.md is empty; large.md is larger than 1,000,000 bytes; latin.md is not UTF-8. "
        "Nothing was changed."
    )


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    (tmp_path / "windows.txt").write_bytes(b"\xef\xbb\xbfOpen daily.\r\n")
    assert read_folder(tmp_path)[0].passages == ("Open daily.",)


def test_a_folder_without_texts_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"no \.md or \.txt"):
        read_folder(tmp_path)
    with pytest.raises(BadInput, match="not a folder"):
        read_folder(tmp_path / "nowhere")
