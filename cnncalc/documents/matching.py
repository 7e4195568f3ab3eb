"""Which layer or group of a network each row of a table means: by name, order and shape, never by its figures."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from cnncalc.documents.networks import View

TOTAL = ("total", "sum", "overall", "all", "whole network", "network", "totals", "total params", "in total")
MOST = 400_000
"""The most comparisons of a row with a layer."""

_KINDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("depthwise", ("depthwise", "dw", "dwise", "dwconv", "convdw")),
    ("conv", ("conv", "convolution", "convolutional", "convd", "c", "pointwise", "pw", "cnn")),
    ("linear", ("linear", "fc", "dense", "fullyconnected", "fully", "classifier", "output", "f", "innerproduct", "ip")),
    ("maxpool", ("maxpool", "maxpoold", "maxpooling", "pool", "pooling", "maxp", "s", "subsampling")),
    ("avgpool", ("avgpool", "averagepool", "avgpoold", "averagepooling", "pool", "pooling", "avgpooling", "s",
                 "subsampling")),
    ("global_avgpool", ("avgpool", "averagepool", "globalaveragepool", "globalavgpool", "gap", "adaptiveavgpoold",
                        "adaptiveavgpool", "globalpool", "pool", "averagepooling", "globalaveragepooling")),
    ("batchnorm", ("batchnorm", "bn", "batchnormd", "batchnormalization", "batchnormalisation", "norm")),
    ("layernorm", ("layernorm", "ln", "norm")),
    ("lrn", ("lrn", "norm", "localresponsenorm", "localresponsenormalization", "localresponsenormalisation", "rnorm")),
    ("relu", ("relu", "activation")),
    ("dropout", ("dropout", "drop")),
    ("softmax", ("softmax", "prob")),
    ("flatten", ("flatten",)),
    ("add", ("add", "sum", "addition")),
    ("concat", ("concat", "concatenate", "concatenation")),
)  # fmt: skip
_WORDS: dict[str, set[str]] = {}
for _kind, _names in _KINDS:
    for _name in _names:
        _WORDS.setdefault(_name, set()).add(_kind)


_RUNNING = re.compile(r"^([A-Za-z]+?)(?:[123]d)?(?:-|:\s*)\d+(?:-\d+)*$")
"""What torchsummary and torchinfo call layers: Conv2d-1, Conv2d: 1-1; the number counts all layers."""


class Place(NamedTuple):
    """A layer or group that a row may mean."""

    path: str
    first: int
    last: int
    kind: str  # of a layer; empty for a group
    shape: tuple[int, ...]


def match_rows(seen: View, labels: Sequence[str], shapes: Sequence[tuple[int, ...] | None]) -> list[str | None]:
    """The path in a network that each row means: empty for the whole, None for none.

    `shapes` are the output sizes that the rows print, as they are printed.

    >>> from cnncalc.documents.networks import view
    >>> match_rows(view("alexnet"), ["Conv 1", "max pool", "CONV2", "Total"], [None] * 4)
    ['conv1', 'pool1', 'conv2', '']
    """
    places = _places(seen)
    labels = [_RUNNING.sub(r"\1", label.strip()) for label in labels]
    rows = [i for i, label in enumerate(labels) if _flat(label) not in {_flat(total) for total in TOTAL}]
    paths: list[str | None] = ["" if i not in set(rows) else None for i in range(len(labels))]
    if len(rows) * len(places) > MOST:
        known = {_flat(place.path): place.path for place in places}
        for i in rows:
            paths[i] = known.get(_flat(labels[i]))
        return paths
    for i, place in zip(rows, _aligned([labels[i] for i in rows], [shapes[i] for i in rows], places), strict=True):
        paths[i] = place.path if place is not None else None
    return paths


def _places(seen: View) -> list[Place]:
    """Every layer and group, by where it ends; a group after its last layer."""
    spans: dict[str, list[int]] = {}
    for i, name in enumerate(seen.names):
        parts = name.split(".")
        for depth in range(1, len(parts) + 1):
            span = spans.setdefault(".".join(parts[:depth]), [i, i])
            span[1] = i
    whole = set(seen.names)
    found = [
        Place(path, first, last, seen.kinds[last] if path in whole else "", seen.output(last))
        for path, (first, last) in spans.items()
    ]
    return sorted(found, key=lambda place: (place.last, -place.first))


def _aligned(
    labels: Sequence[str], shapes: Sequence[tuple[int, ...] | None], places: Sequence[Place]
) -> list[Place | None]:
    """The alignment of rows with places, both in their order, whose scores sum to most."""
    width = len(places) + 1
    before = [0.0] * width
    choices: list[list[bool]] = []
    for label, shape in zip(labels, shapes, strict=True):
        now = [0.0] * width
        taken = [False] * width
        for j, place in enumerate(places, 1):
            score = _score(label, shape, place)
            best = max(now[j - 1], before[j])
            if score > 0 and before[j - 1] + score > best:
                best = before[j - 1] + score
                taken[j] = True
            now[j] = best
        choices.append(taken)
        before = now
    return _traced(labels, shapes, places, choices)


def _traced(
    labels: Sequence[str],
    shapes: Sequence[tuple[int, ...] | None],
    places: Sequence[Place],
    choices: list[list[bool]],
) -> list[Place | None]:
    """The alignment, walked back from the table of the best sums."""
    table = [[0.0] * (len(places) + 1)]
    for row, (label, shape) in enumerate(zip(labels, shapes, strict=True)):
        now = [0.0] * (len(places) + 1)
        for j, place in enumerate(places, 1):
            now[j] = max(now[j - 1], table[row][j])
            if choices[row][j]:
                now[j] = max(now[j], table[row][j - 1] + _score(label, shape, place))
        table.append(now)
    found: list[Place | None] = [None] * len(labels)
    i, j = len(labels), len(places)
    while i and j:
        if table[i][j] == table[i][j - 1]:
            j -= 1
        elif table[i][j] == table[i - 1][j]:
            i -= 1
        else:
            found[i - 1] = places[j - 1]
            i, j = i - 1, j - 1
    return found


@lru_cache(maxsize=500_000)
def _score(label: str, shape: tuple[int, ...] | None, place: Place) -> float:
    """How well a row fits a place; 0 for not at all."""
    flat, path = _flat(label), _flat(place.path)
    name = place.path.rsplit(".", 1)[-1]
    depth = place.path.count(".")
    score = 0.0
    if flat == path:
        score = 12.0
    elif flat == _flat(name) or _flat(_bare(label)) == _flat(name):
        score = 9.0
    words, numbers = _letters(label), _numbers(label)
    own_words, own_numbers = _letters(name), _numbers(name)
    if not score:
        if words and words == own_words and (not numbers or not own_numbers or numbers[-1] == own_numbers[-1]):
            score = 7.0 if numbers == own_numbers else 4.0
        elif place.kind and any(place.kind in _WORDS.get(word, ()) for word in _kind_words(label)):
            agrees = bool(numbers) and numbers[-1:] == own_numbers[-1:]
            score = 5.0 if agrees else 2.5
    if score and shape is not None:
        score += 3.0 if _same_shape(shape, place.shape) else -4.0
    return max(0.0, score - 0.05 * depth)


def _flat(text: str) -> str:
    """Letters and digits alone, small."""
    return re.sub(r"[^a-z0-9]", "", text.lower())


def _bare(text: str) -> str:
    """A label without what stands in brackets."""
    return re.sub(r"\(.*?\)", "", text)


def _letters(text: str) -> str:
    return re.sub(r"[^a-z]", "", text.lower())


def _numbers(text: str) -> list[str]:
    return re.findall(r"\d+", text)


def _kind_words(label: str) -> list[str]:
    """What a label may call a kind: each word without digits, and all of them together."""
    words = [re.sub(r"[^a-z]", "", word) for word in re.split(r"[\s_\-./()\[\]]+", label.lower())]
    joined = "".join(words)
    pairs = [a + b for a, b in pairwise(words)]
    return [word for word in (joined, *pairs, *words) if word]


def _same_shape(printed: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    """Whether a printed size is a shape: channels first or last, or the spatial sizes alone."""
    channels, *sizes = shape
    forms = {shape, (*sizes, channels), tuple(sizes), (1, *shape), (*([1] * (2 - len(sizes))), channels)}
    return printed in forms or (len(set(sizes)) == 1 and printed == (sizes[0],) and len(sizes) > 0)
