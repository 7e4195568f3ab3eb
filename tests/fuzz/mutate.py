"""Mutations: of a spec's tree, by kinds that have a name, and of its bytes."""

from __future__ import annotations

import copy
from collections.abc import Callable
from random import Random
from typing import Any, get_args

import msgspec

from cnncalc.language.expressions import FUNCTIONS
from cnncalc.ops import KINDS
from cnncalc.zoo import index as zoo

from .tree import MOST_CHARACTERS, Anchor, Node, Pair, Pairs, read, slots, write

NUMBERS = (
    *("0", "1", "2", "3", "4", "5", "7", "8", "11", "16", "32", "64", "100", "255", "256", "1000", "1024"),
    *("0.5", "1.5", "2.0", "0.25", "1e-5", "-0.0", ".5", "1e3", "4.000000001", "0x10", "0o17", "010", "1_000"),
)
HUGE = (
    *("1000000", "1000000000", "1000000001", "2147483648", "4294967296", "99999999977", "9223372036854775807"),
    *("999999999999999999", "1" + "0" * 18, "9" * 19, "9" * 5000, "0xffffffffffffffff", "0x7fffffffffffffff"),
    *("1e9", "1e18", "1e30", "1e300", "1e308", "1e999", "10 * 99999999999999999", "999999999 * 999999999", "1e-320"),
)
NEGATIVE = ("-1", "-2", "-3", "-0", "-1000000000", "-999999999999999999", "-1e300", "-0.5", "- 1", "0 - 7")
WORDS = (
    *("", "~", "null", "true", "false", "yes", "no", "same", "valid", "input", "output", "channels", "training"),
    *("nearest", "linear", "all", "[]", "{}", "''", '""', "<<", "!!str a", "!!python/name:os.system", "*nothing"),
    *("a.b", "a-b", "a+b", ".inf", ".nan", "nan", "inf", "1:30", "families/resnet", "resnet50", "../../etc/passwd"),
    *("/etc/passwd", "classes", "width", "__class__", "__import__", "lambda", "None", "True", "0b1", "1j", "b'a'"),
)
# Letters with accents, of other scripts and widths; joiners, marks of order and of direction; every end of line.
UNICODE = (
    *(
        "\xe9",
        "\u65e5\u672c\u8a9e",
        "\uff57\uff49\uff44\uff54\uff48",
        "\ufb01",
        "\u0131",
        "\u212a",
        "\xe9 + w\u0131dth",
    ),
    *(
        "\u0663",
        "\uff11\uff12",
        "\xbd",
        "'\U0001f600'",
        "\U0001d520",
        "\u200b",
        "\u202ereversed",
        "\ue000",
        "\ufffe",
        "\ufeff",
    ),
    *("\u2028", "\u2029", "\x85", "'a\u2028b'", "\x7f", "\x9b", "\t", "'\\ud800'"),
    *('"\\0"', '"\\u2028"', '"\\x85"', '"\\t"', '"\\n"', '"a\\\n  b"'),
)
EXPRESSIONS = (
    *("channels", "channels // 2", "channels * 2", "4 * channels", "channels / 2", "channels % 7", "1 / 0", "1 // 0"),
    *("0 % 0", "channels ** 9", "2 ** 99", "1 << 99", "~1", "max(1, channels // 4)", "min(channels, 3)", "round(2.5)"),
    *("floor(channels / 3)", "ceil(7 / 2)", "divisible(channels * 0.3, 8)", "divisible(1, 0)", "divisible(-9, -1)"),
    *("not 1", "1 if channels > 3 else 2", "channels and 1", "3 < channels < 9", "classes[0]", "[1, 2][0]", "min(1)"),
    *("(1)", "((((1))))", "x.y", "exit()", "__import__('os')", "open('/etc/passwd')", "lambda: 1", "[x for x in y]"),
    *("1if 1else 2", "'a' * 9", "f'{1}'", "a := 3", "1 is 1", "channels == [1]", "true + true", "-channels", "+ 3"),
    *("1 +\n      2", "1e308 * 10", "1e308 + 1e308", "-" * 250 + "1", "(" * 150 + "1" + ")" * 150, "0 ** 0", "1 and"),
)
OPERATORS = ("+", "-", "*", "/", "//", "%", "<", "==", ">=", "and", "or", "if", "else", "not", "(", ")", "[", "]", ",")
KEYS = ("name", "repeat", "when", "from", "layers", "head", "vars", "blocks", "input", "extends", "published", "title")
OPTIONS = sorted({option for kind in KINDS.values() for option in kind.__struct_fields__})


def bases() -> list[Node]:
    """The trees to start from: every spec of the zoo, families also with their members' keys filled in."""
    folder = zoo.folder()
    families = {f"families/{path.stem}": read(path.read_text("utf-8")) for path in folder.glob("families/*.yaml")}
    trees = []
    for name in zoo.names():
        tree = read(zoo.path(name).read_text("utf-8"))
        trees.append(tree)
        family = families.get(str(tree.get("extends")))
        if family is not None:
            trees.append(_member(family, tree))
    return trees


def _member(family: Pairs, member: Pairs) -> Pairs:
    """A member of a family as one spec, which says all that it takes from the family."""
    merged = copy.deepcopy(family)
    for key, value in copy.deepcopy(member).items:
        mine = merged.get(key)
        if key in ("vars", "blocks") and mine is not None:
            for name, part in value.items:
                mine.put(name, part)
        elif key != "extends":
            merged.put(key, value)
    return merged


class Mutator:
    """Makes specs from those of the zoo. The same seed makes the same specs."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.bases = bases()
        self.bulky = False
        self.mutations: dict[str, Callable[[Node], None]] = {
            name.removeprefix("_do_"): getattr(self, name) for name in sorted(dir(self)) if name.startswith("_do_")
        }
        # Mild mutations keep a spec readable, and so reach further than the reader: they come more often.
        self.mild = ["number", "option", "insert", "item_key", "repeat", "swap", "drop", "duplicate", "retarget"]
        self.texts = [write(tree, 3).encode() for tree in self.bases]
        self.weights = [1 / len(text) for text in self.texts]  # small specs are soon tried

    def spec(self) -> tuple[str, list[str]]:
        """A spec's text, and the mutations that made it."""
        r = self.random
        tree = copy.deepcopy(r.choices(self.bases, self.weights)[0])
        applied = []
        self.bulky = False
        names = self.mild if r.random() < 0.6 else list(self.mutations)
        for _ in range(r.choice((1, 1, 1, 2, 2, 3, 5, 8))):
            name = r.choice(names)
            self.mutations[name](tree)
            applied.append(name)
        return write(tree, r.choice((0, 1, 2, 2, 3, 5)))[:MOST_CHARACTERS], applied

    def junk(self) -> bytes:
        """A spec's bytes with some changed."""
        r = self.random
        data = bytearray(r.choices(self.texts, self.weights)[0])
        for _ in range(r.choice((1, 1, 2, 3, 5, 20))):
            at = r.randrange(len(data) + 1)
            length = min(r.choice((1, 1, 2, 4, 8, 30, 200)), len(data) - at)
            action = r.randrange(7)
            if action == 0 and at < len(data):
                data[at] ^= 1 << r.randrange(8)
            elif action == 1 and at < len(data):
                data[at] = r.choice(b"\x00\t\n\r -:,[]{}#&*!|>'\"%@`\x7f\x80\xc2\xe2\xff")
            elif action == 2:
                del data[at : at + length]
            elif action == 3:
                data[at:at] = r.randbytes(length)
            elif action == 4:
                data[at:at] = data[at : at + length] * r.choice((1, 2, 10, 300))
            elif action == 5:
                data[at:at] = r.choice((*WORDS, *UNICODE, *NUMBERS, *HUGE, *EXPRESSIONS)).encode("utf-8", "replace")
            else:
                other = r.choice(self.texts)
                start = r.randrange(len(other))
                data[at:at] = other[start : start + r.choice((10, 100, 1000))]
        return bytes(data)

    def request(self) -> dict[str, Any]:
        """Arguments for `expand`: mostly none, else an input or variables that may not fit."""
        r = self.random
        request: dict[str, Any] = {}
        if r.random() < 0.1:
            request["training"] = True
        if r.random() < 0.1:
            sizes = (0, 1, 2, 3, 8, 32, 33, 224, 10**5, 10**9, 10**9 + 1, -1)
            request["input"] = tuple(r.choice(sizes) for _ in range(r.randrange(1, 8)))
        if r.random() < 0.1:
            values = (0, 1, 7, -1, 0.5, 10**18, 10**30, True, "8", "1 +", "classes", (1, 2), r.choice(EXPRESSIONS))
            request["vars"] = {r.choice(("classes", "width", "depths", "nothing")): r.choice(values)}
        return request

    # What the mutations choose from.

    def slot(self, tree: Node, wanted: Callable[[Node], bool] = lambda node: True) -> tuple[Any, int] | None:
        """A random place whose node is as wanted."""
        found = [(holder, index) for holder, index in slots(tree) if wanted(holder[index])]
        return self.random.choice(found) if found else None

    def subtree(self) -> Node:
        """A part of some spec."""
        holder, index = self.slot(self.random.choice(self.bases)) or ([""], 0)
        return copy.deepcopy(holder[index])

    def item(self) -> Pairs:
        """A layer of some kind with options of the right types, most of them."""
        r = self.random
        kind = KINDS[r.choice(list(KINDS))]
        pairs: list[list[Node]] = [[kind.kind, ""]]
        if kind.arity is None:
            pairs[0][1] = [[], [self.item()]] if r.random() < 0.5 else [[], []]
        for field in msgspec.structs.fields(kind):
            value = self.value(field.type)
            if field.name == kind.main:
                pairs[0][1] = value
            elif field.required or r.random() < 0.4:
                pairs.append([field.name, value])
        return Pairs(pairs)

    def value(self, annotation: Any) -> Node:
        """A value for an option of this type, which usually fits."""
        r = self.random
        text = str(annotation)
        if text == "<class 'bool'>":
            return r.choice(("true", "false"))
        words = get_args(annotation) if "Literal" in text else ()
        if words and r.random() < 0.3:
            return str(r.choice([word for word in words if isinstance(word, str)] or ["same", "valid"]))
        if "tuple" in text and r.random() < 0.3:
            return [self.number() for _ in range(r.choice((1, 2, 2, 2, 3)))]
        return self.number()

    def number(self) -> str:
        r = self.random
        if r.random() < 0.8:
            return str(r.choice((0, 1, 1, 2, 2, 3, 3, 4, 5, 6, 7, 8, 16, 64)))
        return r.choice((*NUMBERS, *HUGE, *NEGATIVE, *EXPRESSIONS[:6]))

    def items(self, tree: Node) -> list[Node] | None:
        """A list of items of the spec."""
        lists = [
            holder[index]
            for holder, index in slots(tree)
            if isinstance(holder[index], list) and any(isinstance(item, Pairs) for item in holder[index])
        ]
        return self.random.choice(lists) if lists else None

    # The mutations.

    def _do_drop(self, tree: Node) -> None:
        if (slot := self.slot(tree)) is None:
            return
        holder, index = slot
        parents = [
            node for node in _nodes(tree) if isinstance(node, Pairs) and any(pair is holder for pair in node.items)
        ]
        if parents:
            parents[0].items = [pair for pair in parents[0].items if pair is not holder]
        elif not isinstance(holder, Pair):
            del holder[index]

    def _do_swap(self, tree: Node) -> None:
        one, two = self.slot(tree), self.slot(tree)
        if one and two and not _inside(one, two) and not _inside(two, one):
            (a, i), (b, j) = one, two
            a[i], b[j] = b[j], a[i]

    def _do_duplicate(self, tree: Node) -> None:
        r = self.random
        times = 1 if self.bulky else r.choice((1, 1, 1, 1, 2, 30, 3000))
        self.bulky = self.bulky or times > 2  # once a spec: powers of it would only be too large
        if r.random() < 0.6 and (items := self.items(tree)) is not None:
            at = r.randrange(len(items))
            items[at:at] = [items[at]] * times
        elif (slot := self.slot(tree, lambda node: isinstance(node, Pairs) and len(node.items) > 0)) is not None:
            pairs = slot[0][slot[1]].items
            pairs.append(Pair(r.choice(pairs)))

    def _do_number(self, tree: Node) -> None:
        if (slot := self.slot(tree, _is_number)) is not None:
            old = int(slot[0][slot[1]])
            near = [str(old + 1), str(old - 1), str(old * 2), str(old // 2)]
            slot[0][slot[1]] = self.random.choice((*near, *near, *NUMBERS))

    def _do_huge(self, tree: Node) -> None:
        self._replace(tree, HUGE, _is_number)

    def _do_negative(self, tree: Node) -> None:
        self._replace(tree, NEGATIVE, _is_number)

    def _do_unicode(self, tree: Node) -> None:
        if (slot := self.slot(tree, lambda node: isinstance(node, str))) is None:
            return
        text, extra = slot[0][slot[1]], self.random.choice(UNICODE)
        at = self.random.randrange(len(text) + 1)
        slot[0][slot[1]] = self.random.choice((extra, text[:at] + extra + text[at:]))

    def _do_word(self, tree: Node) -> None:
        self._replace(tree, (*WORDS, *KINDS, *KEYS, *OPTIONS), lambda node: isinstance(node, str))

    def _do_expression(self, tree: Node) -> None:
        r = self.random
        if r.random() < 0.5:
            self._replace(tree, EXPRESSIONS, _is_number)
            return
        tokens = (*OPERATORS, *FUNCTIONS, "channels", "classes", "1", "2", "0.5")
        text = " ".join(r.choice(tokens) for _ in range(r.randrange(1, 40)))
        self._replace(tree, (f'"{text}"', f"'{text}'", text), _is_number)

    def _do_retype(self, tree: Node) -> None:
        if (slot := self.slot(tree)) is not None:
            old = slot[0][slot[1]]
            others = (
                [],
                Pairs([]),
                "",
                [old],
                Pairs([["a", old]]),
                Pairs([[old, old]]),
                "1",
                "relu",
                "1.5",
                "true",
                "'1'",
            )
            slot[0][slot[1]] = self.random.choice(others)

    def _do_nest(self, tree: Node) -> None:
        if (slot := self.slot(tree)) is None:
            return
        old = slot[0][slot[1]]
        wrap = self.random.choice(
            (
                lambda node: [node],
                lambda node: Pairs([["layers", [node]]]),
                lambda node: Pairs([["layers", [node]], ["name", "g"]]),
                lambda node: Pairs([["add", [[node], []]]]),
                lambda node: Pairs([["a", node]]),
                lambda node: Pairs([[node, "1"]]),
            )
        )
        for _ in range(self.random.choice((1, 2, 5, 20, 30, 100, 3000))):
            old = wrap(old)
        slot[0][slot[1]] = old

    def _do_splice(self, tree: Node) -> None:
        if (slot := self.slot(tree)) is not None:
            slot[0][slot[1]] = self.subtree()

    def _do_alias(self, tree: Node) -> None:
        """An alias of another node, at times of one around it, or of a chain of doublings."""
        r = self.random
        one, two = self.slot(tree, lambda node: not isinstance(node, Anchor)), self.slot(tree)
        if one is None or two is None:
            return
        name = f"a{r.randrange(1000)}"
        target = one[0][one[1]]
        if r.random() < 0.3:
            for level in range(r.choice((3, 10, 17, 40))):
                target = [Anchor(f"{name}_{level}", target), f"*{name}_{level}"]
        two[0][two[1]] = f"*{name}"
        one[0][one[1]] = Anchor(name, target)

    def _do_insert(self, tree: Node) -> None:
        if (items := self.items(tree)) is not None:
            items.insert(self.random.randrange(len(items) + 1), self.item())

    def _do_option(self, tree: Node) -> None:
        """An option of some kind, on a layer of that kind."""
        slot = self.slot(tree, lambda node: bool(_kind_words(node)))
        if slot is None:
            return
        pairs = slot[0][slot[1]]
        kind = KINDS[_kind_words(pairs)[0]]
        fields = msgspec.structs.fields(kind)
        if fields:
            field = self.random.choice(fields)
            pairs.put(kind.kind if field.name == kind.main else field.name, self.value(field.type))

    def _do_item_key(self, tree: Node) -> None:
        r = self.random
        slot = self.slot(tree, lambda node: isinstance(node, Pairs))
        if slot is not None:
            key = r.choice(("name", "when", "from", "from", r.choice(KEYS)))
            words = {"name": ("a", "conv1", "relu2", "1", "x" * 100), "when": ("false", "training", "channels > 64")}
            mappings = [node for node in _nodes(tree) if isinstance(node, Pairs)]
            given = [node.get("name") for node in mappings]
            names = [name for name in given if isinstance(name, str)]
            slot[0][slot[1]].put(key, r.choice(words.get(key, (*names, "input", "conv1", "relu1"))))

    def _do_repeat(self, tree: Node) -> None:
        slot = self.slot(tree, lambda node: isinstance(node, Pairs))
        if slot is not None:
            times = self.random.choice(
                ("0", "1", "2", "3", "10", "100", "1000", "10000", "1000000", "channels", "true", "2.0")
            )
            slot[0][slot[1]].put("repeat", times)

    def _do_retarget(self, tree: Node) -> None:
        """A use of one name for another: blocks, variables, layers."""
        words = [
            holder[index]
            for holder, index in slots(tree)
            if isinstance(holder[index], str) and holder[index].isidentifier()
        ]
        if words:
            self._replace(tree, words, lambda node: isinstance(node, str) and node.isidentifier())

    def _replace(self, tree: Node, values: Any, wanted: Callable[[Node], bool]) -> None:
        if (slot := self.slot(tree, wanted)) is not None:
            slot[0][slot[1]] = self.random.choice(values)


def _is_number(node: Node) -> bool:
    return isinstance(node, str) and node.lstrip("-").isdecimal() and node.isascii() and len(node) < 20


def _kind_words(node: Node) -> list[str]:
    """The keys of a mapping that name a kind of layer."""
    return [key for key, _ in node.items if isinstance(key, str) and key in KINDS] if isinstance(node, Pairs) else []


def _nodes(tree: Node) -> list[Node]:
    return [tree, *(holder[index] for holder, index in slots(tree))]


def _inside(outer: tuple[Any, int], inner: tuple[Any, int]) -> bool:
    """Whether one place lies in the node at another: swapping the two would make a circle."""
    return any(holder is inner[0] for holder, _ in slots(outer[0][outer[1]]))
