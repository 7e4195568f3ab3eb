"""The generated documents are current."""

import json
from pathlib import Path

import pytest
import yaml

import cnncalc
from cnncalc.language.schema import spec_schema
from cnncalc.ops import KINDS
from cnncalc.reference import reference
from cnncalc.zoo import index as zoo

DOCS = Path(__file__).parent.parent / "docs"


def test_the_reference_of_kinds_is_current():
    written = (DOCS / "kinds.md").read_text()
    assert written == reference(), "run: python -m cnncalc.reference > docs/kinds.md"
    assert all(f"### `{kind}`" in written for kind in KINDS)


def yaml_blocks(file: str) -> list[str]:
    """The ```yaml blocks of a document."""
    return [part.split("```")[0] for part in (DOCS / file).read_text().split("```yaml\n")[1:]]


@pytest.mark.parametrize("text", yaml_blocks("spec-language.md"))
def test_every_spec_in_the_language_s_page_is_one(text):
    assert cnncalc.network(cnncalc.load_text(text)).layers


def test_the_schema_is_current():
    written = json.loads((DOCS / "spec.schema.json").read_text())
    assert written == json.loads(json.dumps(spec_schema())), (
        "run: python -m cnncalc.language.schema > docs/spec.schema.json"
    )


@pytest.fixture(scope="module")
def validator():
    return pytest.importorskip("jsonschema").Draft202012Validator(spec_schema())


@pytest.mark.parametrize("file", sorted(zoo.folder().rglob("*.yaml")), ids=lambda file: file.stem)
def test_the_zoo_fits_the_schema(file, validator):
    validator.validate(yaml.safe_load(file.read_text()))


@pytest.mark.parametrize(
    "item", ["{conv: 64, kernal: 3}", "{conv: 64, kernel: 0}", "{relu: 3}", "{maxpool: 2, ceil: 4}", "{add: [relu]}"]
)
def test_the_schema_sees_what_is_wrong(item, validator):
    assert not validator.is_valid(yaml.safe_load(f"{{input: [3, 8, 8], layers: [{item}]}}"))
