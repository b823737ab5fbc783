from __future__ import annotations

import asyncio
import os
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings

from tests.api.conftest import ALICE, BOB, Harness
from tests.support.waiting import PATIENCE_SECONDS

# The library uses `random` inside its strategies.
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module")
EXAMPLES = int(os.environ.get("DISCREET_EXAMPLES", "4"))
STEPS = 12
SETTINGS = hypothesis_settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def _schema(url: str) -> Any:
    from schemathesis import openapi  # only the process that runs these tests needs it

    return openapi.from_url(f"{url}/api/openapi.json", timeout=PATIENCE_SECONDS)


def _every_operation(url: str, tokens: Mapping[str, str]) -> Counter[str]:
    """Call every operation with valid and invalid input according to its description.

    Return the number of operations that were called with each token.
    """
    import schemathesis

    tried: Counter[str] = Counter()
    for result in _schema(url).get_all_operations():
        operation = result.ok()
        label = operation.label
        if label == "GET /api/events":
            continue  # a stream that doesn't end; see tests/isolation/test_events.py
        excluded = [
            # Input that is valid by the description may be refused because of the current state.
            schemathesis.checks.positive_data_acceptance,
        ]
        if label == "POST /api/messages":
            # The query is set below.
            excluded.append(schemathesis.checks.negative_data_rejection)
        cases = operation.as_strategy()
        for whose, token in tokens.items():
            path = operation.path
            if whose != "owner" and "/api/admin" in path and "resolve" not in path:
                continue  # refused before anything is read: isolation/test_rest_operations.py
            _call(cases, token, label, excluded)
            tried[whose] += 1
    return tried


def _call(cases: Any, token: str, label: str, excluded: list[Any]) -> None:
    @given(case=cases)
    @SETTINGS
    def every_answer_is_as_described(case: Any) -> None:
        if label == "POST /api/messages":
            case.query = {**(case.query or {}), "wait": "0"}
        case.call_and_validate(
            headers={"Authorization": f"Bearer {token}"},
            excluded_checks=excluded,
            timeout=PATIENCE_SECONDS,
        )

    every_answer_is_as_described()


async def test_every_answer_is_one_that_the_description_names(harness: Harness) -> None:
    await harness.world.say(ALICE, "hi")
    tokens = {
        "owner": await harness.token(),
        "agent": await harness.token(agent="Ada"),
        "contact": await harness.token(contact=ALICE),
    }
    tried = await asyncio.to_thread(_every_operation, harness.url, tokens)
    assert min(tried[whose] for whose in tokens) > 17


async def test_every_error_and_example_of_the_description_is_complete(harness: Harness) -> None:
    description = (await (await harness.owner()).get("/api/openapi.json")).json()
    assert description["openapi"].startswith("3.1")
    for path, operations in description["paths"].items():
        for operation in operations.values():
            assert operation["operationId"]
            assert operation["summary"]
            if path in ("/healthz", "/readyz", "/.well-known/jwks.json"):
                continue
            assert operation["security"] == [{"token": []}]
            assert {"401", "403", "413", "422", "429", "503"} <= set(operation["responses"])
            body = operation.get("requestBody")
            if body:
                name = body["content"]["application/json"]["schema"]["$ref"].rsplit("/", 1)[1]
                schema = description["components"]["schemas"][name]
                assert schema["example"]
                assert schema["additionalProperties"] is False


ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def _two_people(url: str, tokens: list[str], forbidden: list[set[str]], known: set[str]) -> int:
    """Make calls from the answers to earlier ones, so that each person also sends the other's ids.

    ``forbidden``: what each must never be shown; ``known``: ids that both may be shown. Return the
    number of calls.
    """
    schema = _schema(url)
    seen = [_own_ids(url, token) - known for token in tokens]
    assert all(seen), "each of them sees something of their own"
    calls = [0]

    class TwoPeople(schema.as_state_machine()):  # type: ignore[misc]
        def before_call(self, case: Any) -> None:
            calls[0] += 1
            token = tokens[calls[0] % 2]
            case.headers = {**(case.headers or {}), "Authorization": f"Bearer {token}"}
            if case.operation.label == "POST /api/messages":
                case.query = {**(case.query or {}), "wait": "0"}

        def validate_response(self, response: Any, case: Any, **_: Any) -> None:
            me, text = calls[0] % 2, response.text
            assert response.status_code < 500, (case.operation.label, text)
            for marker in forbidden[me]:
                assert marker not in text, case.operation.label
            sent = f"{case.body} {case.formatted_path} {case.query}"
            ids = set(ID.findall(text)) - set(ID.findall(sent)) - known
            assert not ids & seen[1 - me], case.operation.label
            seen[me] |= ids

    TwoPeople.run(
        settings=hypothesis_settings(SETTINGS, max_examples=4 * EXAMPLES, stateful_step_count=STEPS)
    )
    return calls[0]


def _own_ids(url: str, token: str) -> set[str]:
    """Return the ids that somebody is shown who lists what is remembered about them."""
    headers = {"Authorization": f"Bearer {token}"}
    answer = httpx.get(f"{url}/api/memories", headers=headers, timeout=PATIENCE_SECONDS)
    return set(ID.findall(answer.raise_for_status().text))


async def test_two_contacts_who_hand_each_other_their_ids_never_see_each_others_rows(
    harness: Harness,
) -> None:
    tokens, forbidden = [], []
    for who, secret in ((ALICE, "the heron sleeps at noon"), (BOB, "the otter wakes at six")):
        client, contact_id = await harness.of(who)
        assert (await client.post("/api/memories", json={"content": secret})).status_code == 201
        sent = await client.post("/api/messages", json={"text": f"remember that {secret}"})
        assert sent.status_code == 200
        tokens.append(client.headers["Authorization"].removeprefix("Bearer "))
        forbidden.append({secret, str(contact_id), who})
    calls = await asyncio.to_thread(
        _two_people, harness.url, tokens, forbidden[::-1], {str(harness.world.agent_id)}
    )
    assert calls > EXAMPLES
