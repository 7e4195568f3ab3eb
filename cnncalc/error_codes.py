"""The codes of all messages, and what each means. A code stays what it is: scripts test for it.

`python -m cnncalc.error_codes` prints `docs/errors.md`; tests hold the page to it, and the code of every place that
raises an error to these tables.
"""

from __future__ import annotations

CODES: dict[str, dict[str, str]] = {
    "Of what has no code of its own": {
        "error": "Something is wrong that none of the other codes names.",
        "request": "The request cannot be carried out as it is.",
        "spec": "The spec is wrong at the place that is marked.",
        "op": "A layer does not fit its input, or its options do not fit each other.",
    },
    "Files and names": {
        "unknown-network": "The zoo has no network of that name, and there is no such file.",
        "unknown-spec": "`extends` names a spec that the zoo does not have. It takes no paths.",
        "no-such-file": "There is no file at that path.",
        "not-a-file": "The path is that of a folder, a pipe or a device. Pipes are read with `-`.",
        "unreadable-file": "The system does not let the file be read; the message says why.",
        "not-text": "The bytes are not UTF-8.",
        "another-file": "The text is not what it should be, a spec or a device. None of its lines are shown.",
        "address": "Networks are not read from the net. Save the file first.",
        "too-large": "A file is larger than any of its kind needs to be.",
    },
    "YAML": {
        "empty": "The text holds nothing.",
        "not-yaml": "The text cannot be read as YAML: brackets or quotes left open, tabs, dashes out of line.",
        "several-documents": "A file holds one document, without `---` in it.",
        "tag": "`!!str` and other tags are not part of the language.",
        "merge-key": "`<<` is not part of the language; blocks with variables are.",
        "key-no-word": "A list or a mapping stands where a key belongs.",
        "given-twice": "A key, or an option, stands twice in one mapping.",
        "unknown-anchor": "`*name` without an earlier `&name`.",
        "anchor-in-itself": "What an alias stands for contains that alias.",
        "too-deep": "Lists and mappings are nested beyond the bound, with aliases and variables written out.",
        "too-many-values": "A text, or one value, holds more than the bound, with aliases and variables written out.",
        "number-too-large": "A number is beyond 10^18.",
    },
    "Specs": {
        "unknown-key": "A mapping has a key that it does not take.",
        "missing-key": "A mapping lacks a key that it must have.",
        "wrong-type": "A list stands where a word belongs, a word where a number does, and the like.",
        "bad-name": "A name has letters that names do not have, or is too long.",
        "reserved-word": "A block or variable is called like a word of the language.",
        "too-many-variables": "A spec or a block has more variables than the bound.",
        "unfit-input": "An input's shape is no list of one to six whole numbers from 1 to 10^9, or does not fit.",
        "extends": "Specs extend each other in a circle, or too deep.",
        "block-in-itself": "A block calls itself, directly or by another.",
        "unknown-kind": "An item begins with a word that is neither a kind of layer nor a block.",
        "no-kind": "An item has options and says of nothing.",
        "two-kinds": "An item has two kinds or blocks.",
        "unknown-option": "A kind or block does not take this option.",
        "missing-option": "A kind or block lacks an option that it must be given.",
        "unexpected-argument": "A kind or block without a main argument is given one.",
        "unfit-value": "An option has a value of the wrong type or out of its range, or a word that it does not take.",
        "head-name": "A head is not given its name as its value.",
        "not-a-branch": "A branch is no list of items.",
    },
    "Expanding": {
        "missing-value": "A variable has no value, and none was given.",
        "unknown-layer": "`from`, `share`, `outputs` or an argument names a layer that there is not.",
        "forward-from": "`from` or another option names a layer that stands further down.",
        "unfit-share": "Layers that are to share weights are not the same, or not on as many channels.",
        "name-taken": "A name is given twice in one scope.",
        "name-too-long": "A name with the names around it is longer than the bound.",
        "no-branch": "No branch of a merge is left: the conditions of all fail.",
        "unfit-repeat": "`repeat` is no whole number from 0.",
        "unfit-condition": "`when` is neither true nor false.",
        "too-many-layers": "The network has more layers than the bound.",
        "too-much-work": "The spec expands to more items, or to larger values, than the bound.",
        "output-too-large": "A layer's output is beyond 10^9 in one dimension.",
        "arity": "An op is given more or fewer inputs than it has.",
    },
    "Networks": {
        "not-in-language": "The network holds what the language of specs has no words for.",
        "unknown-name": "The network has no layer or group of that name.",
        "unfit-batch": "A batch is no whole number from 1 to 10^12.",
        "another-network": "A node of one network is given to the builder of another.",
        "unknown-word": "A word is none of those that an option takes: a number type, an optimizer, a device, a tool.",
    },
    "Expressions": {
        "not-an-expression": "The text is no arithmetic.",
        "not-in-expressions": "Attributes, calls and whatever else the arithmetic of specs does not have.",
        "expression-too-large": "An expression is too long or nested too deep.",
        "unknown-variable": "No variable of that name holds at this place.",
        "name-as-value": "The name of a layer, or a variable that stands for one, is used as a number.",
        "unknown-function": "There is no function of that name.",
        "function-arguments": "A function is given too few or too many values.",
        "not-a-number": "A text or a list stands where an expression wants a number.",
        "index": "A list is indexed by something else than a whole number within it, or what is indexed is no list.",
        "division-by-zero": "An expression divides by zero.",
        "no-value": "An expression cannot be worked out.",
    },
    "Sweeps": {
        "empty-sweep": "Nothing is varied, or a range or list has no values.",
        "unfit-values": "A grid is over a range without steps, or values to vary are expressions.",
        "variant": "A variant does not expand, and the sweep is strict.",
        "another-sweep": "A folder has the results of another sweep than the one that is to go on.",
        "workers": "The processes that work die, or there is no cluster at the address.",
        "sweep-check": "Counts composed for many variants differ from those of a full expansion: a fault of cnncalc.",
    },
    "PyTorch modules": {
        "no-input": "The network does not say what its input is: `--input` does.",
        "no-module": "What a name stands for is no `torch.nn.Module`, and makes none.",
        "unfit-argument": "What makes the module is not called with these arguments: `--arg` gives them.",
        "code-fails": "The Python code that was named raises an error; its own line and message are told.",
        "module-fails": "The module does not run on the input; the line of its source and its message are told.",
        "depends-on-data": "What the module does depends on the numbers in a tensor, which counting does not know.",
        "not-installed": "A library that is needed is not installed, or does not fit PyTorch.",
        "no-weights": "A layer of the network has weights that the module has not.",
    },
    "ONNX files": {
        "unfit-onnx": "The file's graph is no network: a node reads what nothing gives, or does not fit what it reads.",
        "not-in-onnx": "A layer is of a kind, or in a form, that ONNX has no operators for.",
        "unknown-shape": "A shape depends on the numbers in a tensor, or is that of an operator of the file's own.",
    },
}
"""Codes and their meanings, by subject."""


def known() -> dict[str, str]:
    """Every code with its meaning.

    >>> known()["merge-key"]
    '`<<` is not part of the language; blocks with variables are.'
    """
    return {code: meaning for codes in CODES.values() for code, meaning in codes.items()}


def page() -> str:
    """The page of the documents."""
    lines = [
        "# Errors",
        "",
        "<!-- Written by `python -m cnncalc.error_codes`. Do not edit. -->",
        "",
        "A message begins with its code, then come the place, the cause and the mend:",
        "",
        "```",
        "error[unknown-option]: 'conv' has no option 'kernal'",
        " --> mine.yaml:3:15",
        "  |",
        "3 |   - {conv: 8, kernal: 3}",
        "  |               ^^^^^^",
        "  = did you mean 'kernel'?",
        "```",
        "",
        "In Python the code is the error's `code`. Wordings improve; codes stay.",
    ]
    for subject, codes in CODES.items():
        lines += ["", f"## {subject}", "", "| code | meaning |", "|---|---|"]
        lines += [f"| `{code}` | {meaning} |" for code, meaning in codes.items()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(page(), end="")
