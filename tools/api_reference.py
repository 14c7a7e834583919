"""``python -m tools.api_reference``: docs/reference/api.md, from what the API says of itself.

The description (OpenAPI) is that which a running console answers at ``/api/v1/openapi.json``. A
test holds the page current.
"""

import sys
from pathlib import Path
from typing import Any

from console.api.application import AT, api
from console.api.tokens import ApiTokens, Scope
from console.sight import Sight
from console.view import Viewer
from culturewatch.serve_console import settings
from culturewatch.site import load

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "reference" / "api.md"
SITE = ROOT / "examples" / "site.toml"
HEAD = f"""# HTTP API

Made by `python -m tools.api_reference` from the API's own description; a test holds it current. A
running console answers the description itself (OpenAPI) at `{AT}/openapi.json`.

Everything is below `{AT}`. A program shows a token: `Authorization: Bearer TEXT`. An admin makes
it with `culturewatch token create NAME --scope SCOPE`; it is shown once and kept as a hash. Scopes:
{", ".join(f"`{one.value}`" for one in Scope)}. Nothing on the API can alter a reading.

Times are milliseconds since 1970 UTC. A fault is `{{"detail": "…"}}`: 401 no token or one that is
over, 403 its scopes do not reach, 404 no such thing, 422 asked wrongly, 429 asked too often, 503
what would answer is away. `/metrics`, outside of `{AT}`, answers Prometheus.
"""
Node = dict[str, Any]


def main() -> int:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"{PAGE.relative_to(ROOT)}: written\n")
    return 0


def page() -> str:
    """The page as it should be."""
    told = description()
    parts = [HEAD]
    for path, methods in told["paths"].items():
        parts += [_route(method.upper(), path, route) for method, route in methods.items()]
    parts.append("\n# What is answered\n")
    parts += [_schema(name, one) for name, one in sorted(told["components"]["schemas"].items())]
    return "".join(parts)


def description() -> Node:
    """The OpenAPI description of the API, made without serving it."""
    site = settings(load(SITE))
    return api(
        site, Sight(Viewer(site.data, site.ledger_url, site.equipment)), ApiTokens(Path())
    ).openapi()


def _route(method: str, path: str, route: Node) -> str:
    answer = route["responses"]["200"]
    lines = [f"\n## {method} {path}\n", _told(route), ""]
    if parameters := route.get("parameters", []):
        lines += ["| | in | value | |", "| --- | --- | --- | --- |"]
        lines += [_parameter(one) for one in parameters]
        lines.append("")
    if body := route.get("requestBody"):
        lines.append(f"Body: {_kind(_content(body))}.")
    lines.append(f"Answers {_kind(_content(answer))}: {_told(answer)}")
    return "\n".join(lines) + "\n"


def _content(node: Node) -> Node:
    found: Node = {}
    for kind, one in node.get("content", {}).items():
        found = one.get("schema") or {"type": f"`{kind}`"}
    return found


def _parameter(one: Node) -> str:
    value = _kind(one["schema"])
    default = one["schema"].get("default")
    needed = "needed" if one["required"] else f"`{default}` when left out" if default else ""
    told = _told(one)
    cells = (f"`{one['name']}`", one["in"], f"{value}{f', {told}' if told else ''}", needed)
    return f"| {' | '.join(cells)} |"


def _schema(name: str, schema: Node) -> str:
    lines = [f"\n## {name}\n", _told(schema), ""]
    if words := schema.get("enum"):
        return "\n".join([*lines, ", ".join(f"`{one}`" for one in words)]) + "\n"
    lines += ["| key | value |", "| --- | --- |"]
    for key, one in schema.get("properties", {}).items():
        lines.append(f"| `{key}` | {_kind(one)} |")
    return "\n".join(lines) + "\n"


def _kind(schema: Node) -> str:
    match schema:
        case {"$ref": ref}:
            name = ref.rpartition("/")[2]
            found = f"[{name}](#{name.lower()})"
        case {"anyOf": some}:
            found = " or ".join(map(_kind, some))
        case {"type": "array", "prefixItems": each}:
            found = f"list: {', '.join(map(_kind, each))}"
        case {"type": "array"}:
            found = f"list of {_kind(schema.get('items', {}))}"
        case {"type": "object", "additionalProperties": dict(each)}:
            found = f"table of {_kind(each)}"
        case {"enum": words}:
            found = " or ".join(f"`{one}`" for one in words)
        case _:
            found = f"{schema.get('type', 'anything')}{_range(schema)}"
    return found


def _range(schema: Node) -> str:
    least, most = schema.get("minimum"), schema.get("maximum")
    return "" if least is None or most is None else f" from {least} to {most}"


def _told(node: Node) -> str:
    return " ".join(node.get("description", "").replace("``", "`").replace("|", "/").split())


if __name__ == "__main__":
    raise SystemExit(main())
