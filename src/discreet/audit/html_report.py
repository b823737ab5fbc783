"""A report as one HTML page: attacks, rates, findings, next steps. It loads nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape

from discreet.audit.findings import Finding
from discreet.audit.report import Report

__all__ = ["audit_page"]

_HEAD = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title>
<style>
:root {{ color-scheme: light }}
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 56rem; margin: 2rem auto; padding: 0 1rem;
  color: #1b1b1b; background: #fff }}
h1 {{ margin-bottom: 0 }}
h2 {{ margin-top: 2rem; break-after: avoid }}
table {{ border-collapse: collapse; width: 100%; font-size: 14px }}
th, td {{ text-align: left; vertical-align: top; padding: .25rem .6rem .25rem 0;
  border-bottom: 1px solid #ddd; overflow-wrap: anywhere }}
td.number {{ text-align: right; white-space: nowrap }}
tr, pre {{ break-inside: avoid }}
.verdict {{ border-left: .4rem solid; padding: .6rem 1rem; margin: 1.2rem 0; font-size: 1.15rem }}
.held {{ border-color: #1a7f37; background: #eef8f0 }}
.leaks {{ border-color: #b42318; background: #fdf0ef }}
.bad {{ color: #b42318; font-weight: 600 }}
small, .quiet {{ color: #555 }}
pre {{ white-space: pre-wrap; overflow-wrap: anywhere; background: #f5f5f5; padding: .6rem;
  font-size: 13px }}
@media print {{ body {{ margin: 0; max-width: none; font-size: 11pt }} }}
</style>
"""
_MEANS = {"leak": "leak", "warning": "warning", "note": "note"}


def audit_page(report: Report, fingerprint: str) -> str:
    """Return the page. ``fingerprint``: of the key that signs it."""
    title = f"Audit of {report.installation}"
    parts = [_HEAD.format(title=escape(title)), f"<h1>{escape(title)}</h1>"]
    parts += [
        f"<p class=quiet>{escape(report.began)} to {escape(report.ended)},"
        f" Discreet {escape(report.version)}, seed <code>{escape(report.seed)}</code></p>"
    ]
    parts += _verdict(report)
    parts += _tried(report)
    parts += _leaked(report)
    parts += _findings("Next step", [one for one in report.findings if one.severity != "note"])
    parts += _limits(report)
    parts += _signature(fingerprint)
    return "\n".join([*parts, "</html>", ""])


def _verdict(report: Report) -> Iterator[str]:
    if report.leaks:
        yield (
            "<p class='verdict leaks'>Something leaks. The findings below say where, and what to"
            " do.</p>"
        )
    else:
        yield (
            "<p class='verdict held'>Nothing leaked. No attack reached somebody else's data, and "
            "every guard is as this version defines it.</p>"
        )


def _tried(report: Report) -> Iterator[str]:
    yield "<h2>Attacks</h2>"
    yield (
        "<p>Invented people told copies of the agents random secrets. Others tried to reach them, "
        "by messages handled like real ones and by calls of REST and MCP. Every role queried the "
        "database. Everything was deleted afterwards.</p>"
    )
    yield from _table(
        ("Agent", "Model", "Memory"),
        [(one.name, one.model or "built-in responder", one.memory_model) for one in report.agents],
    )
    if not report.outcomes:
        yield "<p>No attacks were made, because this was an audit at rest.</p>"
        return
    yield "<h2>Rates</h2>"
    yield from _table(
        ("Agent", "Family of attack", "Tried", "Succeeded", "95 % interval", "Unanswered"),
        [
            (
                rate.agent,
                rate.family.replace("_", " "),
                str(rate.tried),
                f"{rate.leaked}",
                f"{rate.low:.0%} to {rate.high:.0%}",
                str(rate.unanswered or ""),
            )
            for rate in report.rates
        ],
    )


def _leaked(report: Report) -> Iterator[str]:
    leaked = [outcome for outcome in report.outcomes if outcome.seen]
    if not leaked and not report.traces:
        return
    yield "<h2>Leaks</h2>"
    for outcome in leaked:
        yield f"<h3>{escape(outcome.agent)}, {escape(outcome.family)} {outcome.variant + 1}</h3>"
        yield f"<p>{escape(outcome.what)}</p>"
        for seen in outcome.seen:
            yield (
                f"<p class=bad>The {escape(seen.reader)} reached the {escape(seen.holder)}'s secret"
                f" ({escape(seen.form)}): {escape(seen.way)}</p>"
            )
            if seen.text:
                yield f"<pre>{escape(seen.text)}</pre>"
    yield from _table(
        ("Place of the secret", "Whose", "Who can read it"),
        [(one.way, one.holder, one.reader) for one in report.traces],
    )


def _findings(title: str, findings: Sequence[Finding]) -> Iterator[str]:
    if not findings:
        return
    yield f"<h2>{title}</h2>"
    yield from _table(
        ("Severity", "What", "Where", "Next step"),
        [(_MEANS[one.severity], one.what, one.where, one.to_do) for one in findings],
    )


def _limits(report: Report) -> Iterator[str]:
    yield "<h2>Limits of this report</h2>"
    yield (
        "<p>Attacks that fail don't prove that none can succeed: 8 of 8 that failed are compatible"
        " with a rate of up to 32 %. The database's guards keep people apart and don't depend on "
        "a model. Their check covers everything that this version defines. Tools of"
        " other servers, and what a person with the installation's files can do, weren't tried.</p>"
    )
    if report.stopped:
        yield f"<p>Stopped early by {escape(report.stopped)}.</p>"
    if report.money:
        yield f"<p>The audit's own turns cost about ${report.money:.4f}.</p>"
    rows = sorted(report.erased.items())
    yield "<p>Deleted at the end, in rows: "
    yield escape(", ".join(f"{table} {many}" for table, many in rows) or "nothing") + ".</p>"


def _signature(fingerprint: str) -> Iterator[str]:
    yield "<h2>Signature</h2>"
    yield (
        f"<p>Signed with the installation's key <code>{escape(fingerprint)}</code>. <code>sb audit"
        " verify FILE</code> checks that this page wasn't altered since. That doesn't prove that"
        " its operator is honest: ask them for the key's fingerprint, and for the seed's audit in"
        " your presence.</p>"
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    found = list(rows)
    if not found:
        return
    yield (
        "<table><thead><tr>" + "".join(f"<th>{escape(one)}</th>" for one in head) + "</tr></thead>"
    )
    for row in found:
        yield "<tr>" + "".join(f"<td>{escape(one)}</td>" for one in row) + "</tr>"
    yield "</table>"
