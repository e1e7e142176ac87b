"""A client in Python, generated from nothing but the description of a service.

`client_code` writes a module with a function per operation: path, query and body as the document
says them, a required parameter as an argument without default. It knows nothing of the service's
own code, as the generators that others use do not.
"""

from __future__ import annotations

import keyword
from typing import Any

__all__ = ["client_code"]

_HEAD = '''"""Generated."""

from urllib.parse import quote


def _path(template, **values):
    return template.format(**{name: quote(str(value), safe="") for name, value in values.items()})


def _given(values):
    return {name: value for name, value in values.items() if value is not None}

'''


def client_code(document: dict[str, Any]) -> str:
    """Write the module; each function takes an `httpx.Client` first, and returns its response."""
    functions = [
        _function(path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    return _HEAD + "\n\n".join(functions)


def _function(path: str, method: str, operation: dict[str, Any]) -> str:
    parameters = operation.get("parameters", [])
    required = [one for one in parameters if one.get("required")]
    others = [one for one in parameters if not one.get("required")]
    has_body = "requestBody" in operation
    arguments = ["client", *(_name(one) for one in required)]
    arguments += ["body"] if has_body else []
    arguments += ["*", *(f"{_name(one)}=None" for one in others)] if others else []
    of = {
        place: ", ".join(
            f"{one['name']!r}: {_name(one)}" for one in parameters if one["in"] == place
        )
        for place in ("query", "header")
    }
    in_path = ", ".join(f"{one['name']}={_name(one)}" for one in parameters if one["in"] == "path")
    sent = [f"params=_given({{{of['query']}}})", f"headers=_given({{{of['header']}}})"]
    if has_body:
        (kind,) = operation["requestBody"]["content"]
        sent.append("json=body" if kind.endswith("json") else "content=body")
        if not kind.endswith("json"):
            sent[1] = f"headers={{'content-type': {kind!r}}}"
    address = f"_path({path!r}{', ' if in_path else ''}{in_path})"
    return (
        f"def {operation['operationId']}({', '.join(arguments)}):\n"
        f"    {operation['description'].splitlines()[0]!r}\n"
        f"    return client.request({method.upper()!r}, {address}, {', '.join(sent)})\n"
    )


def _name(parameter: dict[str, Any]) -> str:
    name = str(parameter["name"]).replace("-", "_")
    return f"{name}_" if keyword.iskeyword(name) else name
