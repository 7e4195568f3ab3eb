"""The JSON Schema of specs, for editors: completion and marks while one types.

It is laxer than the reader, which also knows blocks, variables and shapes: where a number is expected it takes
any expression. `python -m cnncalc.language.schema` prints `docs/spec.schema.json`; a test holds the file to it.
"""

from __future__ import annotations

import inspect
import json
from typing import Any

import msgspec

from cnncalc.language.reader import PUBLISHED_VALUES
from cnncalc.ops import KINDS, Op

Schema = dict[str, Any]

_EXPRESSION: Schema = {"type": "string", "description": "an expression, such as 4 * width"}
_NUMBERS: Schema = {"type": "array", "items": {"type": ["integer", "string"]}}
_VALUE: Schema = {"type": ["number", "boolean", "string", "array", "null"]}


def spec_schema() -> Schema:
    """The schema of a whole spec (JSON Schema, draft 2020-12).

    >>> spec_schema()["properties"]["input"]["items"]["type"]
    ['integer', 'string']
    """
    text: Schema = {"type": ["string", "number"]}
    variables: Schema = {"type": "object", "additionalProperties": _VALUE}
    block: Schema = {
        "type": "object",
        "properties": {"vars": variables, "layers": {"$ref": "#/$defs/items"}},
        "required": ["layers"],
        "additionalProperties": False,
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "cnncalc spec",
        "type": "object",
        "properties": {
            "title": text,
            "source": text,
            "family": text,
            "year": {"type": "integer"},
            "notes": text,
            "extends": {"type": "string", "description": "a spec of the zoo to take over"},
            "input": {**_NUMBERS, "description": "channels first, without the batch"},
            "inputs": {
                "type": "object",
                "additionalProperties": _NUMBERS,
                "description": "several inputs by name, each channels first; the trunk starts at the first",
            },
            "vars": variables,
            "blocks": {"type": "object", "additionalProperties": block},
            "layers": {"$ref": "#/$defs/items"},
            "outputs": {
                "anyOf": [
                    {"type": "array", "items": {"type": ["string", "integer"]}},
                    {"type": "object", "additionalProperties": {"type": ["string", "integer"]}},
                ],
                "description": "the heads and layers that are the network's outputs, in place of the trunk's end",
            },
            "published": {"type": "array", "items": _published(variables)},
        },
        "additionalProperties": False,
        "$defs": {
            "items": {"type": "array", "items": {"$ref": "#/$defs/item"}},
            "item": _item(),
            "branch": {
                "anyOf": [
                    {"$ref": "#/$defs/items"},
                    {
                        "type": "object",
                        "properties": {**_item_keys(), "layers": {"$ref": "#/$defs/items"}},
                        "additionalProperties": False,
                    },
                ]
            },
        },
    }


def _published(variables: Schema) -> Schema:
    return {
        "type": "object",
        "properties": {
            **{value: {"type": "number"} for value in PUBLISHED_VALUES},
            "source": {"type": "string"},
            "training": {"type": "boolean"},
            "input": _NUMBERS,
            "vars": variables,
        },
        "required": ["source"],
        "additionalProperties": False,
    }


def _item_keys() -> Schema:
    """The keys of every item."""
    return {
        "name": {"type": ["string", "integer"], "description": "opens a scope of names; layer1.0.. numbers repeats"},
        "repeat": {"type": ["integer", "string"], "description": "how often, in a row"},
        "when": {"type": ["boolean", "string"], "description": "only if this holds"},
        "from": {"type": ["string", "integer"], "description": "the earlier layer to start at"},
        "share": {
            "type": ["string", "integer"],
            "description": "the earlier layer or group whose weights it has",
        },
    }


def _item() -> Schema:
    """A word, or a mapping; the key of a kind brings that kind's options in."""
    return {
        "anyOf": [
            {"type": "string", "examples": sorted(KINDS)},
            {"type": "object", "dependentSchemas": {name: _kind(kind) for name, kind in sorted(KINDS.items())}},
        ]
    }


def _kind(kind: type[Op]) -> Schema:
    """The options of a kind, its main argument under the kind's own name."""
    properties = {name: _or_expression(schema) for name, schema in _options(kind).items()}
    if kind.arity != 1:
        properties[kind.kind] = {"type": "array", "items": {"$ref": "#/$defs/branch"}}
    else:
        properties[kind.kind] = properties[kind.main] if kind.main else {"type": "null"}
    properties[kind.kind] = {**properties[kind.kind], "description": (inspect.getdoc(kind) or "").split("\n")[0]}
    return {"properties": {**properties, **_item_keys()}, "additionalProperties": False}


def _options(kind: type[Op]) -> dict[str, Schema]:
    """The options' types as msgspec checks them."""
    _, components = msgspec.json.schema_components([kind])
    properties: dict[str, Schema] = components[kind.__name__].get("properties", {})
    return properties


def _or_expression(schema: Schema) -> Schema:
    """A type, or an expression in place of it or of any number in it."""
    default = {"default": schema["default"]} if "default" in schema else {}
    inner = {key: value for key, value in schema.items() if key != "default"}
    choices = inner.get("anyOf", [inner])
    return {"anyOf": [*map(_with_expressions_inside, choices), _EXPRESSION, {"type": "null"}], **default}


def _with_expressions_inside(schema: Schema) -> Schema:
    """A list's numbers may be expressions too."""
    if schema.get("type") != "array":
        return schema
    return {"type": "array", "items": {"type": ["integer", "number", "string", "array"]}}


if __name__ == "__main__":
    print(json.dumps(spec_schema(), indent=1))
