"""What the titles of a table's columns say: which quantity, and in which unit."""

from __future__ import annotations

import re
from typing import NamedTuple

_WORDS: dict[str, tuple[str, ...]] = {
    "params": ("params", "param", "parameters", "parameter", "param count", "parameter count", "number of parameters",
               "no of parameters", "total params", "trainable params"),
    "weights": ("weights", "weight count", "number of weights"),
    "macs": ("macs", "mac", "maccs", "macc", "mult adds", "multadds", "mult add", "madds", "madd", "multiply adds",
             "multiply accumulates", "multiply add", "multiplyadds"),
    "flops": ("flops", "flop", "ops", "operations", "fp ops", "floating point operations", "computation"),
    "activations": ("activations", "acts", "activation count", "neurons", "units"),
    "shape": ("output size", "output shape", "output", "out shape", "shape", "out", "feature map",
              "output dimensions"),
    "bytes": ("memory", "mem", "model size", "size", "params size", "param size", "weight size", "storage",
              "file size"),
    "channels": ("channels", "out channels", "output channels", "filters", "features", "feature maps", "units out"),
    "kernel": ("kernel", "kernel size", "filter size", "k"),
    "stride": ("stride", "strides", "s"),
    "padding": ("padding", "pad", "p"),
}  # fmt: skip
_TITLES = {title: quantity for quantity, titles in _WORDS.items() for title in titles}
_SCALES = {"k": 10**3, "m": 10**6, "g": 10**9, "b": 10**9, "t": 10**12}
_SPELT = {
    "thousand": 10**3,
    "thousands": 10**3,
    "million": 10**6,
    "millions": 10**6,
    "billion": 10**9,
    "billions": 10**9,
}
UNITS = {
    "params": "parameters",
    "weights": "weights",
    "macs": "MACs",
    "flops": "FLOPs",
    "activations": "elements",
    "bytes": "bytes",
    "channels": "channels",
    "kernel": "pixels",
    "stride": "pixels",
    "padding": "pixels",
}
"""The unit of what is computed for each quantity."""

NAMES = ("layer", "layers", "name", "layer name", "layer type", "type", "module", "block", "stage", "operator", "row",
         "layer name type", "model", "network", "part", "")  # fmt: skip
"""The titles of the column that names the layers."""


class Title(NamedTuple):
    """A recognised title: the quantity, and the worth of 1 in its column."""

    quantity: str
    scale: int


def plain(text: str) -> str:
    """A title without marks, units and capitals.

    >>> plain("# Params (M)"), plain("Mult-Adds [10^6]")
    ('params', 'mult adds')
    """
    text = re.sub(r"[(\[].*?[)\]]", " ", text.lower())
    return " ".join(re.sub(r"[^a-z ]", " ", text.replace("no.", "no")).split())


def read_title(text: str) -> Title | None:
    """What a title says; None if it names no quantity that is known.

    >>> [tuple(read_title(text)) for text in ("#Params (M)", "GFLOPs", "Million Mult-Adds")]
    [('params', 1000000), ('flops', 1000000000), ('macs', 1000000)]
    >>> read_title("top-1 error") is None
    True
    """
    words = plain(text[:100]).split()
    scale = _bracketed(text)
    kept = []
    for word in words:
        if word in _SPELT:
            scale = _SPELT[word]
        elif word not in ("in", "of", "the", "total") or word == "of":
            kept.append(word)
    name = " ".join(kept)
    if name not in _TITLES and len(name) > 3 and name[0] in _SCALES and name[1:] in _TITLES:
        scale, name = _SCALES[name[0]], name[1:]  # GFLOPs
    quantity = _TITLES.get(name)
    return Title(quantity, scale) if quantity else None


def _bracketed(text: str) -> int:
    """The unit that a title gives in brackets: (M), [GFLOPs], (x10^6), (MB), (millions)."""
    for inside in re.findall(r"[(\[](.*?)[)\]]", text.lower()):
        power = re.fullmatch(r"\s*(?:[x\u00d7*]\s*)?10\s*\^?\s*(\d{1,2})\s*", inside)
        if power:
            return int(10 ** int(power[1]))
        word = inside.strip()
        if word in _SPELT:
            return _SPELT[word]
        unit = re.fullmatch(r"(k|m|g|b|t)(i?)(b|bytes?|flops?|macs?|params?|ops)?", word)
        if unit and not (unit[1] == "b" and unit[3]):
            binary = {"k": 2**10, "m": 2**20, "g": 2**30}
            return binary[unit[1]] if unit[2] and unit[1] in binary else _SCALES[unit[1]]
    return 1
