"""A page to read the description at: one file, nothing from elsewhere, no script."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from fastapi import FastAPI, Response
from fastapi.responses import HTMLResponse

PATH = "/api/docs"

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:0 auto;padding:1rem;color:#222}
h2{border-bottom:1px solid #ccc;margin-top:2.5rem}summary{cursor:pointer;padding:.3rem 0}
code,pre{font:14px/1.4 ui-monospace,monospace}pre{background:#f4f4f4;padding:.7rem;overflow:auto}
.verb{display:inline-block;min-width:4.5rem;font-weight:bold}td{vertical-align:top;padding-right:1rem}
@media(prefers-color-scheme:dark){body{background:#181818;color:#ddd}pre{background:#252525}}
"""


def serve_page(api: FastAPI) -> None:
    """Serve the page. It shows no more than ``/api/openapi.json``, which needs no token either."""

    @api.get(PATH, include_in_schema=False)
    def page() -> Response:
        headers = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
        return HTMLResponse(_page(api.openapi()), headers=headers)


def _page(described: Mapping[str, Any]) -> str:
    by_tag: dict[str, list[str]] = {}
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            tag = (operation.get("tags") or ["health"])[0]
            by_tag.setdefault(tag, []).append(
                "".join(_operation(method, path, operation, described["components"]["schemas"]))
            )
    parts = described["info"]["description"].split("\n\n")
    intro = "".join(f"<p>{escape(part)}</p>" for part in parts)
    body = "".join(f"<h2>{escape(tag)}</h2>{''.join(found)}" for tag, found in by_tag.items())
    title = f"{escape(described['info']['title'])} {escape(described['info']['version'])}"
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{title} API</title>"
        f"<meta name=viewport content='width=device-width'><style>{_STYLE}</style>"
        f"<h1>{title} API</h1>{intro}"
        "<p>For programs: <a href=/api/openapi.json>openapi.json</a></p>"
        f"{body}</html>"
    )


def _operation(
    method: str, path: str, operation: Mapping[str, Any], schemas: Mapping[str, Any]
) -> Iterator[str]:
    yield f"<details id={escape(operation['operationId'])}><summary>"
    yield f"<code class=verb>{method.upper()}</code> "
    yield f"<code>{escape(path)}</code> {escape(operation['summary'])}</summary>"
    yield f"<p>{escape(operation.get('description', ''))}</p>"
    rows = [
        (one["name"], one["in"], one.get("description", ""))
        for one in operation.get("parameters", ())
    ]
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    name = body.get("schema", {}).get("$ref", "").rsplit("/", 1)[-1]
    schema = schemas.get(name, {})
    rows += [
        (field, "body" if field in schema.get("required", ()) else "body, optional",
         of.get("description", ""))
        for field, of in schema.get("properties", {}).items()
    ]  # fmt: skip
    if rows:
        cells = (
            f"<tr><td><code>{escape(field)}</code><td>{escape(where)}<td>{escape(text)}"
            for field, where, text in rows
        )
        yield f"<table>{''.join(cells)}</table>"
    yield f"<pre>{escape(_curl(method, path, schema.get('example')))}</pre>"
    for status, response in operation["responses"].items():
        example = response.get("content", {}).get("application/json", {}).get("example")
        if example is not None:
            shown = json.dumps(example, indent=2, ensure_ascii=False)
            yield f"<p>{status}</p><pre>{escape(shown)}</pre>"
    yield "</details>"


def _curl(method: str, path: str, example: Any) -> str:
    verb = "" if method in ("get", "post") else f"-X {method.upper()} "
    body = "" if example is None else f"--json '{json.dumps(example, ensure_ascii=False)}' "
    if method == "post" and example is None:
        verb = "-X POST "
    return f'curl -s {verb}{body}-H "Authorization: Bearer $TOKEN" http://127.0.0.1:8780{path}'
