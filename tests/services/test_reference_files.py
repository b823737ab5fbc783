from __future__ import annotations

import zipfile
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discreet.domain.errors import BadInput
from discreet.services import documents
from discreet.services.reference_files import (
    MAX_FILE_BYTES,
    PASSAGE_CHARACTERS,
    PASSAGE_WORDS,
    read_references,
    split_reference,
)


def test_a_passage_includes_its_heading() -> None:
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
    read = read_references(tmp_path)
    assert [text.title for text in read.texts] == ["b.txt", "sub/a.MD"]
    assert read.skipped == ("picture.png",)


def test_every_file_that_cannot_be_published_is_named_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "good.md").write_text("Fine.")
    (tmp_path / "latin.md").write_bytes(b"caf\xe9")
    (tmp_path / "binary.txt").write_bytes(b"a\0b")
    (tmp_path / "empty.md").write_text(" \n# Only a title\n")
    (tmp_path / "large.md").write_bytes(b"x" * (MAX_FILE_BYTES + 1))
    with pytest.raises(BadInput) as caught:
        read_references(tmp_path)
    assert str(caught.value) == (
        "4 of 5 files can't be published: binary.txt contains a NUL character; "
        "empty.md is empty; large.md is larger than 1,000,000 bytes; latin.md is not UTF-8. "
        "Nothing was changed."
    )


def test_a_byte_order_mark_is_removed_from_the_text(tmp_path: Path) -> None:
    (tmp_path / "windows.txt").write_bytes(b"\xef\xbb\xbfOpen daily.\r\n")
    assert read_references(tmp_path).texts[0].passages == ("Open daily.",)


def test_a_folder_without_texts_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no file that can be read"):
        read_references(tmp_path)
    with pytest.raises(BadInput, match="not a file or folder"):
        read_references(tmp_path / "nowhere")


def test_a_single_file_is_read_alone(tmp_path: Path) -> None:
    (tmp_path / "one.md").write_text("Fine.")
    (tmp_path / "two.md").write_text("Not asked for.")
    assert [text.title for text in read_references(tmp_path / "one.md").texts] == ["one.md"]
    (tmp_path / "a.png").write_bytes(b"x")
    with pytest.raises(BadInput, match="not a text or document"):
        read_references(tmp_path / "a.png")


def pdf(*pages: str) -> bytes:
    """A PDF with these lines, one a page, as a printer driver writes it."""
    count = len(pages)
    kids = " ".join(f"{4 + 2 * n} 0 R" for n in range(count))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {count} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for number, page in enumerate(pages):
        stream = f"BT /F1 12 Tf 72 700 Td ({page}) Tj ET"
        objects.append(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Resources"
            f" << /Font << /F1 3 0 R >> >> /Contents {5 + 2 * number} 0 R >>"
        )
        objects.append(f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream")
    body, places = "%PDF-1.4\n", []
    for number, text in enumerate(objects, 1):
        places.append(len(body))
        body += f"{number} 0 obj\n{text}\nendobj\n"
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    body += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}"
    start = body.index("xref")
    body += f"trailer << /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF"
    return body.encode("latin-1")


def docx(*paragraphs: tuple[str, str]) -> bytes:
    from docx import Document

    made, file = Document(), BytesIO()
    for style, text in paragraphs:
        made.add_paragraph(text, style=style)
    made.add_table(1, 2).rows[0].cells[1].text = "80 euros"
    made.save(file)
    return file.getvalue()


def test_documents_are_read_with_their_headings(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(pdf("Breakfast from 7 to 10.", "Parking is free."))
    (tmp_path / "b.docx").write_bytes(docx(("Heading 1", "Prices"), ("Normal", "A room a night:")))
    (tmp_path / "c.html").write_text(
        "<html><head><title>no</title><script>no()</script></head><body><h2>Hours</h2>"
        "<p>Open&nbsp;<b>daily</b>.</p><table><tr><td>Mon</td><td>9-18</td></tr></table>"
    )
    passages = {text.title: text.passages for text in read_references(tmp_path).texts}
    assert passages["a.pdf"] == ("Breakfast from 7 to 10.\nParking is free.",)
    assert passages["b.docx"][0].startswith("Prices\nA room a night:")
    assert "80 euros" in passages["b.docx"][0]
    assert passages["c.html"] == ("Hours\nOpen daily.\nMon | 9-18",)


def test_documents_that_are_too_much_or_damaged_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "MAX_PAGES", 2)
    (tmp_path / "pages.pdf").write_bytes(pdf("one", "two", "three"))
    (tmp_path / "scan.pdf").write_bytes(pdf(""))
    (tmp_path / "torn.pdf").write_bytes(b"%PDF-1.4 nothing")
    (tmp_path / "torn.docx").write_bytes(b"PK\x03\x04 nothing")
    with zipfile.ZipFile(tmp_path / "bomb.docx", "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("word/document.xml", b"0" * (documents.MAX_UNPACKED_BYTES + 1))
    with pytest.raises(BadInput) as caught:
        read_references(tmp_path)
    for said in (
        "bomb.docx unpacks to more than",
        "pages.pdf has 3 pages",
        "scan.pdf has no text",
        "torn.docx can't be read",
        "torn.pdf can't be read",
    ):
        assert said in str(caught.value)
