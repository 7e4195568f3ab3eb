"""The JSON documents: their published schema is current, and what the commands print fits it, every field of it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cnncalc.cli.app import COMMANDS, app
from cnncalc.views.schema import document_schema

FILE = Path(__file__).parent.parent / "docs" / "document.schema.json"
jsonschema = pytest.importorskip("jsonschema")

PRINTED = {
    "list": ("list lenet", "CatalogueDocument"),
    "show": ("show lenet5", "NetworkDocument"),
    "params": ("params googlenet --training --batch 3", "NetworkDocument"),
    "flops": ("flops lenet5 --operations", "NetworkDocument"),
    "flops on a device": ("flops alexnet --device h100 --dtype bfloat16", "NetworkDocument"),
    "flops as a tool": ("flops seresnet50 --as thop", "NetworkDocument"),
    "shapes": ("shapes squeezenet1_1", "NetworkDocument"),
    "memory": ("memory densenet121 --optimizer adam --fits 24GiB --mixed", "NetworkDocument"),
    "memory that any batch fits": ("memory lenet5 --fits 1MB", "NetworkDocument"),
    "rf": ("rf unet", "NetworkDocument"),
    "rf of a unit": ("rf lenet5 C3 --unit 1,2", "NetworkDocument"),
    "compare": ("compare vgg16 nin lenet5", "ComparisonDocument"),
    "sweep": ("sweep lenet5 --vary input=28:34:2 --columns params,field", "SweepDocument"),
    "check": ("check resnet50 --object 64", "CheckDocument"),
    "explain": ("explain alexnet", "NetworkDocument"),
    "explain a layer": ("explain resnet18 conv1", "NetworkDocument"),
    "bottleneck": ("bottleneck nin", "NetworkDocument"),
    "reconcile": ("reconcile resnet18", "NetworkDocument"),
    "tables": ("tables googlenet", "TablesDocument"),
    "tables of a paper": ("tables he-2015", "TablesDocument"),
    "published values": ("tables --published resnet50", "PublishedDocument"),
    "verify": ("verify lenet5", "VerifyDocument"),
    "profile": ("profile lenet5 --repeats 1 --warmup 1", "NetworkDocument"),
}
# They write a picture, a page, a spec.
WITHOUT = {"plot", "page", "import", "export"}
NEED_TORCH = {"verify", "profile"}


def closed(schema: Any) -> Any:
    """The schema with no field but those that it names."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {key: closed(part) for key, part in schema.items()}
    return {**inner, "additionalProperties": False} if "properties" in schema else inner


def test_the_schema_is_current() -> None:
    written = json.loads(FILE.read_text("utf-8"))
    assert written == json.loads(json.dumps(document_schema())), (
        "run: python -m cnncalc.views.schema > docs/document.schema.json"
    )
    jsonschema.Draft202012Validator.check_schema(written)


def test_every_command_is_here() -> None:
    assert {words.split()[0] for words, _ in PRINTED.values()} | WITHOUT == set(COMMANDS)


@pytest.mark.parametrize(("words", "record"), PRINTED.values(), ids=PRINTED)
def test_what_commands_print_fits(words: str, record: str) -> None:
    if words.split()[0] in NEED_TORCH:
        pytest.importorskip("torch")
    result = CliRunner().invoke(app, [*words.split(), "--format", "json"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    schema = closed(document_schema())
    validator = jsonschema.Draft202012Validator({"$ref": f"#/$defs/{record}", "$defs": schema["$defs"]})
    validator.validate(found)
    jsonschema.Draft202012Validator(json.loads(FILE.read_text("utf-8"))).validate(found)


@pytest.mark.parametrize(
    ("path", "value"),
    [("schema", 1), ("totals", {}), ("layers", [{"name": "a"}]), ("batch", "one"), ("at_least", None)],
)
def test_the_schema_sees_what_is_wrong(path: str, value: object) -> None:
    found = json.loads(CliRunner().invoke(app, ["params", "lenet5", "--format", "json"]).stdout)
    validator = jsonschema.Draft202012Validator(document_schema())
    assert validator.is_valid(found)
    assert not validator.is_valid({**found, path: value})


def test_the_example_of_the_page_is_a_part_of_the_document() -> None:
    """docs/cli.md shows AlexNet's document with its first layer alone."""
    (text,) = re.findall(r"```json\n(\{\"schema\".*?)```", (FILE.parent / "cli.md").read_text("utf-8"), re.DOTALL)
    found = json.loads(CliRunner().invoke(app, ["params", "alexnet", "--format", "json"]).stdout)
    assert json.loads(text) == {**found, "layers": found["layers"][:1]}


def test_the_page_names_every_field() -> None:
    text = (FILE.parent / "cli.md").read_text("utf-8")
    for record in ("NetworkDocument", "Totals", "LayerRecord"):
        for name in document_schema()["$defs"][record]["properties"]:
            assert re.search(rf"\b{name}\b", text), f"{record}.{name}"
