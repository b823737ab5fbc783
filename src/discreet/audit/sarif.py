"""Findings in SARIF 2.1.0, for programs that collect such results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from discreet.audit.findings import Finding

__all__ = ["as_sarif"]

_LEVELS = {"leak": "error", "warning": "warning", "note": "note"}


def as_sarif(findings: Sequence[Finding], version: str) -> dict[str, Any]:
    """Return a log with one run: a rule for each kind of finding, a result for each finding."""
    kinds = dict.fromkeys(finding.id for finding in findings)
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "sb audit",
                        "version": version,
                        "rules": [{"id": kind, "name": kind} for kind in kinds],
                    }
                },
                "results": [_result(finding) for finding in findings],
            }
        ],
    }


def _result(finding: Finding) -> dict[str, Any]:
    return {
        "ruleId": finding.id,
        "level": _LEVELS[finding.severity],
        "message": {"text": f"{finding.what} {finding.to_do}"},
        "locations": [{"logicalLocations": [{"fullyQualifiedName": finding.where or "-"}]}],
    }
