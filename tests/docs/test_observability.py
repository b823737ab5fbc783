"""Every metric that the page and the dashboard name exists, and every one that exists is named."""

from __future__ import annotations

import json
import re
from pathlib import Path

from discreet import tracing
from discreet.api import metrics, operations
from tests.docs.pages import DOCS

PAGE = (DOCS / "observability.md").read_text(encoding="utf-8")
DASHBOARD = (DOCS / "grafana-dashboard.json").read_text(encoding="utf-8")
SUFFIXES = re.compile(r"_bucket$")


def told() -> set[str]:
    counted = re.findall(r"\"(discreet_http_\w+)\"", Path(metrics.__file__).read_text())
    gauges = Path(operations.__file__).read_text().split("for name, help_text, value in (")[1]
    gauges = gauges.split("    ):\n")[0]
    return {*counted, *(f"discreet_{name}" for name in re.findall(r"\(\s*\"([a-z_]+)\",", gauges))}


def named(text: str) -> set[str]:
    return {SUFFIXES.sub("", name) for name in re.findall(r"\bdiscreet_[a-z_]+", text)}


def test_the_page_names_the_metrics_that_there_are() -> None:
    assert named(PAGE) == told()


def test_the_dashboard_asks_for_metrics_that_there_are() -> None:
    assert named(DASHBOARD) <= told()
    panels = json.loads(DASHBOARD)["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels) > 5


def test_the_page_names_no_attribute_of_a_span_that_does_not_exist() -> None:
    written = set(re.findall(r"`((?:discreet|gen_ai|error)\.[a-z_.]+)`", PAGE))
    assert written <= set(tracing.ATTRIBUTES.values())
