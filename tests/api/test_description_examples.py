"""The description: its examples fit, and the page that shows it needs nothing from elsewhere."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fastapi.routing import APIRoute
from pydantic import TypeAdapter

from discreet.api.application import ROOMS
from discreet.postgres.server import Database
from tests.support.rest import Rest, open_rest


@pytest.fixture
async def rest(database: Database, tmp_path: Path) -> AsyncIterator[Rest]:
    async with open_rest(database, tmp_path) as opened:
        yield opened


async def test_every_answer_has_an_example_that_fits_and_every_summary_is_a_sentence(
    rest: Rest,
) -> None:
    described = (await rest.http.get("/api/openapi.json")).json()
    assert described["servers"] == [
        {"url": "/", "description": "The server that this description came from."}
    ]
    operations = {
        one["operationId"]: one for path in described["paths"].values() for one in path.values()
    }
    tried = 0
    for module in ROOMS:
        for route in module.router.routes:
            assert isinstance(route, APIRoute)
            operation = operations[str(route.operation_id)]
            assert re.fullmatch(r"[A-Z].*[^.]\.", operation["summary"]), operation["summary"]
            if "requestBody" in operation:
                assert "415" in operation["responses"]
            for status, response in operation["responses"].items():
                body = response.get("content", {}).get("application/json")
                if status.startswith("2") and body is not None:
                    TypeAdapter(route.response_model).validate_python(body["example"])
                    tried += 1
    assert tried > 60


async def test_the_page_shows_every_operation_and_asks_nobody_else(rest: Rest) -> None:
    answer = await rest.http.get("/api/docs")
    page = answer.text
    assert answer.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert not re.search(r"<script|<link|<img|src=|url\(|@import", page)
    named = {found.rstrip(".") for found in re.findall(r"https?://[^/\s\"'<&]+", page)}
    assert named <= {"http://127.0.0.1:8780", "https://example.com", "https://shop.example"}
    for operation in await rest.operations():
        assert f"<details id={operation}>" in page
