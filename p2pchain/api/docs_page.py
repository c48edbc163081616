"""The API as one page for people, made of the same endpoints that serve it; it loads nothing from anywhere."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from html import escape

from p2pchain.api.openapi import Endpoint, Parameter, Schema, error_words

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""The browser itself then refuses to load anything."""
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 60rem; padding: 1rem; color: #1c2733; background: #fff }
h1 { margin-bottom: 0 } h2 { font-size: 1.1rem; margin: 2.2rem 0 .3rem; border-top: 1px solid #d5dce4; padding-top: 1rem }
code, pre { font: 14px/1.45 ui-monospace, monospace } pre { background: #f3f6f9; padding: .7rem; overflow-x: auto; border-radius: 4px }
.method { color: #0b6b4f; font-weight: 600 } td, th { text-align: left; vertical-align: top; padding: .15rem 1rem .15rem 0 }
nav a { display: block; text-decoration: none } a { color: #0a58a3 }
@media (prefers-color-scheme: dark) { body { color: #dfe6ee; background: #141a21 } pre { background: #1f2832 } a { color: #7db8f0 }
.method { color: #6fd3b1 } h2 { border-color: #33404d } }
"""
_INDENT = "  "


def draw_docs(endpoints: Iterable[Endpoint], version: str, origin: str) -> str:
    """The whole page, also well-formed XML; `origin` is where the reader found it, for the examples."""
    listed = tuple(endpoints)
    parts = [
        "<!DOCTYPE html>",
        '<html lang="en"><head><meta charset="utf-8"/>',
        f'<meta http-equiv="Content-Security-Policy" content="{escape(_POLICY)}"/>',
        '<meta name="viewport" content="width=device-width, initial-scale=1"/>',
        f"<title>p2pchain API</title><style>{_STYLE}</style></head><body>",
        (
            f"<h1>p2pchain API</h1><p>Version {escape(version)}. Amounts are decimal strings; heights, slots and nonces numbers; hashes and"
            ' keys hex; accounts bech32m text. The same for programs: <a href="/openapi.json">/openapi.json</a>.</p>'
        ),
        "<nav>",
        *(f'<a href="#{_anchor(each)}"><code>{_title(each)}</code> {escape(each.summary)}</a>' for each in listed),
        "</nav>",
    ]
    for each in listed:
        parts += _section(each, origin)
    return "\n".join([*parts, "</body></html>"])


def _anchor(endpoint: Endpoint) -> str:
    return re.sub(r"[^a-z0-9]+", "-", f"{endpoint.method} {endpoint.path}".lower()).strip("-")


def _title(endpoint: Endpoint) -> str:
    return f'<span class="method">{endpoint.method}</span> {escape(endpoint.path)}'


def _section(endpoint: Endpoint, origin: str) -> Iterator[str]:
    yield f'<h2 id="{_anchor(endpoint)}"><code>{_title(endpoint)}</code></h2><p>{escape(endpoint.summary)}.</p>'
    yield f"<pre>{escape(_example(endpoint, origin))}</pre>"
    if endpoint.parameters:
        rows = "".join(_parameter_row(parameter) for parameter in endpoint.parameters)
        yield f"<table><tr><th>parameter</th><th>value</th><th></th></tr>{rows}</table>"
    for media_type, schema in (endpoint.bodies or {}).items():
        yield f"<p>Body, <code>{escape(media_type)}</code>:</p><pre>{escape(describe(schema))}</pre>"
    for answer in endpoint.answers:
        words = f"<b>{answer.status}</b>, <code>{escape(answer.media_type)}</code>: {escape(answer.description)}"
        yield f"<p>{words}.</p><pre>{escape(describe(answer.schema))}</pre>"
    if endpoint.errors:
        rows = "".join(f"<tr><td><b>{status}</b></td><td>{escape(error_words(status))}</td></tr>" for status in endpoint.errors)
        yield f"<table>{rows}</table>"


_BINARY = "-H 'content-type: application/msgpack' -X POST -T FILE"


def _example(endpoint: Endpoint, origin: str) -> str:
    body = ""
    if endpoint.bodies:
        in_json = "application/json" in endpoint.bodies
        sent = """-H 'content-type: application/json' -d '{"transactions": ["HEX"]}'""" if in_json else ""
        body = f" \\\n  {sent or _BINARY}"
    return f"curl {origin}{re.sub(r'{(.*?)}', lambda match: match[1].upper(), endpoint.path)}{body}"


def _parameter_row(parameter: Parameter) -> str:
    default = parameter.schema.get("default")
    words = parameter.description if default is None else f"{parameter.description} [{default}]"
    shape = escape(describe(parameter.schema))
    return f"<tr><td><code>{escape(parameter.name)}</code></td><td><code>{shape}</code></td><td>{escape(words)}</td></tr>"


def describe(schema: Mapping[str, object], indent: str = "") -> str:
    """A schema as a sketch of its JSON: names with what stands there."""
    match schema:
        case {"anyOf": [*choices]}:
            return " or ".join(describe(each, indent) for each in choices if isinstance(each, dict))
        case {"enum": [*values]}:
            return " | ".join(f'"{value}"' for value in values)
        case {"type": "object", "properties": dict(properties)}:
            return _describe_object(schema, properties, indent)
        case {"type": "array", "items": dict(items)}:
            return f"[{describe(items, indent)}, ...]"
        case {"description": str(words), "type": "string"}:
            return f"text: {words}"
        case _:
            return {"string": "text", "boolean": "true or false"}.get(str(schema.get("type")), str(schema.get("type", "any")))


def _describe_object(schema: Mapping[str, object], properties: Mapping[str, Schema], indent: str) -> str:
    deeper = indent + _INDENT
    lines = [f'{deeper}"{name}": {describe(each, deeper)}' for name, each in properties.items()]
    if schema.get("additionalProperties"):
        lines.append(f"{deeper}... {schema.get('description', 'and more')}")
    return "{\n" + ",\n".join(lines) + f"\n{indent}}}"
