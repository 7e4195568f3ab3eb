"""Fuzz the language itself: values, numbers, aliases, nesting, whole specs made by its grammar, files of other kinds.

    python -m tests.fuzz.language 100000 --seed 1

makes so many texts, reads each as a spec, as a device's file or as a value of the command line, expands what can be
read, and looks at every message. It prints what was found, with the seed and number that make it again. `--only` tries
one kind of text, `--read` does not expand.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

import msgspec

from cnncalc.error_codes import known
from cnncalc.errors import CnncalcError, Source, SpecError
from cnncalc.language.expand import expand
from cnncalc.language.model import given_value
from cnncalc.language.plain import read_plain
from cnncalc.language.reader import SPEC_KEYS, read_value
from cnncalc.ops import KINDS
from cnncalc.zoo import index as zoo

from .limits import Finding, bound_memory, check_error, check_message, time_limit
from .mutate import EXPRESSIONS, HUGE, NEGATIVE, NUMBERS, UNICODE, WORDS

MOST = 250_000
MAX_LAYERS = 20_000
SECRET = "hunter2hunter2"
CODES = frozenset(known())
DEVICE = ("title", "source", "flops", "bandwidth", "memory")
HOSTILE = (
    *(
        '"\\e[2J"',
        '"a\\nerror: b"',
        '"\\u202Eabc"',
        '"\\x9B31m"',
        '"\\x7f"',
        '"\\0"',
        '"\\u2028"',
        "'[b]x[/b]'",
        '"=1+1"',
    ),
    *("'<script>'", "'$x^2$'", "'\\\\input{x}'", '"\\uFEFF"', "'`a`|b'", '"\\ud83d"'),
)


class Maker:
    """Makes texts; the same seed and number make the same text."""

    def __init__(self, seed: str) -> None:
        self.r = Random(seed)
        self.calls: tuple[str, ...] = ("b0", "b1")  # the blocks that items call
        self.kinds: dict[str, Callable[[], str]] = {
            name.removeprefix("_make_"): getattr(self, name) for name in sorted(dir(self)) if name.startswith("_make_")
        }

    def text(self, only: str | None = None) -> tuple[str, str]:
        """The kind of a text, and the text; at times changed in some bytes."""
        name = only or self.r.choice(list(self.kinds))
        text = self.kinds[name]()[:MOST]
        if name != "other" and self.r.random() < 0.2:
            text = self.noise(text)
        return name, text

    def noise(self, text: str) -> str:
        r = self.r
        for _ in range(r.choice((1, 1, 2, 5))):
            at = r.randrange(len(text) + 1)
            piece = r.choice((*HUGE, *WORDS, *UNICODE, *HOSTILE, *EXPRESSIONS, *"[]{}:,-&*!\n\t '\"#"))
            text = text[:at] + piece + text[at + r.choice((0, 0, 1, 3, 20)) :]
        return text[:MOST]

    def size(self) -> int:
        """How much of something: mostly little, at times as much as there is room for."""
        return self.r.choice((0, 1, 2, 3, 5, 8, 20, 60, 64, 65, 100, 101, 300, 3000))

    # Values.

    def number(self) -> str:
        return self.r.choice(
            (*NUMBERS, *NUMBERS, *NUMBERS, *HUGE, *NEGATIVE, ".inf", "-.INF", ".nan", "2001-01-01", "1:30")
        )

    def value(self, names: list[str], depth: int = 0) -> str:
        """A number, an expression over some names, or a list of values."""
        r, choice = self.r, self.r.random()
        if choice < 0.3:
            return str(r.randrange(1, 9))
        if choice < 0.4:
            return self.number()
        if choice < 0.65 and names:
            name = r.choice(names)
            return r.choice((name, name, f'"{name}[0]"', f"{name} + 1", f"{name} * {name}", f'"{name}[-1][0]"'))
        if choice < 0.7:
            return f'"{self.expression(names)}"'
        if choice < 0.73:
            return r.choice(HOSTILE)
        if depth < r.choice((2, 3, 6)):
            return f"[{', '.join(self.value(names, depth + 1) for _ in range(r.randrange(4)))}]"
        return "1"

    def expression(self, names: list[str], depth: int = 0) -> str:
        r = self.r
        if depth > r.randrange(1, 7):
            return r.choice((*names, "channels", "training", "index", "sizes[0]", "1", "2", "0.5", "1e18"))
        a, b, c = (self.expression(names, depth + 1) for _ in range(3))
        return r.choice(
            (
                *(f"{a} {operator} {b}" for operator in ("+", "-", "*", "/", "//", "%", "**", "<", "==", "and", "or")),
                *(f"({a})", f"-{a}", f"not {a}", f"{a} if {b} else {c}", f"max({a}, {b})", f"divisible({a}, {b})"),
                *(f"round({a})", f"floor({a})", f"({a})[{b}]"),
            )
        )

    def chain(self, count: int, indent: str = "  ", mild: bool = False) -> tuple[str, list[str]]:
        """Variables of which each is made of earlier ones; mild ones are small numbers, most of them."""
        r = self.r
        rows, names = [], []
        first = r.choice(("1", "[]", "[1, 1]", "[[]]", "1 + 1", f"[{', '.join(['1'] * self.size())}]"))
        shape = r.choice(
            ("[P, P]", "[P]", "[P, P, P, P]", "[[P], [[P]]]", "P", "[Q, P]", "[P, Q]", "P + P", "P * P", '"P[0]"', None)
        )
        open_, close = r.choice((("", ""), ("[" * 60, "]" * 60)))
        for number in range(count):
            name = f"a{number}"
            if mild and r.random() < 0.9:
                value = r.choice(("1", "2", "4", "[1, 2]", "[3, 3]", "1 + 1", *(f"{name} + 1" for name in names)))
            elif not names:
                value = first
            elif shape is None:
                value = self.value(names)
            else:
                value = open_ + shape.replace("P", names[-1]).replace("Q", r.choice(names)) + close
            rows.append(f"{indent}{name}: {value}\n")
            names.append(name)
        return "".join(rows), names

    # Items.

    def options(self, names: list[str]) -> str:
        """A layer of a kind with some of its options."""
        r = self.r
        word = r.choice(list(KINDS))
        kind = KINDS[word]
        if kind.arity is None:
            return f"{word}: [[], [{self.item(names, 9)}]]"
        options = [
            f"{field.name}: {self.option(names)}"
            for field in msgspec.structs.fields(kind)
            if field.name != kind.main and (field.required or r.random() < 0.1)
        ]
        return ", ".join([f"{word}: {self.option(names) if kind.main else ''}", *options])

    def option(self, names: list[str]) -> str:
        r = self.r
        if r.random() < 0.85:
            return str(r.choice((1, 1, 1, 2, 2, 3, 4)))
        return r.choice((self.value(names), self.value(names), r.choice(("same", "valid", "linear", "true", "false"))))

    def item(self, names: list[str], depth: int = 0) -> str:
        r, choice = self.r, self.r.random()
        if choice < 0.3:
            words = ("relu", "relu", "relu6", "batchnorm", "sigmoid", "dropout", "identity", *self.calls)
            return r.choice(words) if r.random() < 0.98 else r.choice(("rellu", "flatten", "global_avgpool", "1"))
        extra = ""
        if r.random() < 0.3:
            extra += f", name: {r.choice((*'uvwxyz', 'conv1', 'a0', '1')) if r.random() < 0.95 else r.choice(HOSTILE)}"
        if r.random() < 0.2:
            extra += f", repeat: {r.choice(('0', '1', '2', '7', '100', '1000000', self.value(names)))}"
        if r.random() < 0.1:
            extra += f", share: {r.choice(('x', 'y', 'u.1', 'relu1', 'conv1', 'input', 'v.conv1', 'u*', 'a0'))}"
        if r.random() < 0.2:
            extra += f", when: {r.choice(('true', 'training', 'channels > 3', self.value(names)))}"
        if r.random() < 0.2:
            extra += f", from: {r.choice(('input', 'x', 'y', 'relu1', 'x.relu1', 'a0', 'right', 'x.*', 'a0.conv1'))}"
        if choice > 0.65 and choice < 0.7 and self.calls:
            argument = r.choice(("x", "y.relu1", "conv1", "a0", "u.1")) if r.random() < 0.3 else self.option(names)
            return "{" + f"{r.choice(self.calls)}: {argument}{extra}" + "}"
        if choice < 0.7 or depth > 5:
            return "{" + self.options(names) + extra + "}"
        inner = ", ".join(self.item(names, depth + 1) for _ in range(r.randrange(4)))
        if choice < 0.8:
            return f"{{layers: [{inner}]{extra}}}"
        if choice < 0.85:
            return f"{{head: {r.choice(('h', 'k'))}, layers: [{inner}]}}"
        merge = r.choice(("add", "concat", "multiply"))
        gather = r.choice(("{from: '*'}", "{from: u.*}", "{from: conv*, layers: [relu]}", "{from: '*.relu1'}"))
        branch = r.choice(("[]", "{from: x}", gather, f"{{layers: [{inner}]{extra}}}"))
        return f"{{{merge}: [[{inner}], {branch}]{extra}}}"

    def spec(self, variables: str, names: list[str], blocks: str = "", items: str | None = None) -> str:
        r = self.r
        shape = ", ".join(
            r.choice(("3", "8", "16", "32", "4", *names[:1]))
            for _ in range(r.choices((1, 2, 3, 4, 7), (6, 9, 60, 3, 1))[0])
        )
        layers = items if items is not None else ", ".join(self.item(names) for _ in range(r.randrange(6)))
        inputs = f"input: [{shape}]\n" if r.random() < 0.9 else f"inputs: {{left: [{shape}], right: [{shape}]}}\n"
        parts = [f"vars:\n{variables}" if variables else "", inputs, blocks, f"layers: [{layers}]\n"]
        if r.random() < 0.05:
            parts.append(f"outputs: {r.choice(('[h]', '[x, k]', '[relu*]', '{a: x, b: input}', '[h.relu1]', '[]'))}\n")
        if r.random() < 0.05:
            parts.append(f"{r.choice(SPEC_KEYS)}: {self.value(names)}\n")
        if r.random() < 0.1:
            r.shuffle(parts)
        return "".join(parts)

    # Texts.

    def _make_grammar(self) -> str:
        variables, names = self.chain(self.r.randrange(5), mild=True)
        blocks = ""
        calls, self.calls = self.calls, ()
        for block in calls:
            inner, inner_names = self.chain(self.r.randrange(1, 4), "      ", mild=True)
            items = ", ".join(self.item([*names, *inner_names]) for _ in range(self.r.randrange(4)))
            blocks += f"  {block}:\n    vars:\n{inner}    layers: [{items}]\n"
            self.calls = (*self.calls, block)
        return self.spec(variables, names, f"blocks:\n{blocks}")

    def _make_variables(self) -> str:
        """Lists of variables, in the spec and in a block, used in every place that takes a value."""
        r = self.r
        variables, names = self.chain(self.size())
        inner, inner_names = self.chain(min(99, self.size()), "      ")
        last = names[-1] if names else "1"
        block = f"blocks:\n  b1:\n    vars:\n{inner}    layers: [{self.item(inner_names)}]\n" if inner else ""
        use = r.choice(
            (
                f"{{relu: , when: {last}}}",
                f'{{relu: , when: "{last}[0] == 1"}}',
                f"{{relu: , repeat: {last}}}",
                f"{{conv: 2, kernel: {last}}}",
                f"{{conv: 2, kernel: 1, connections: {last}}}",
                f"{{slice: [0, {last}]}}",
                f"{{b1: {last}, repeat: {r.choice((1, 3, 1000, 1000000))}}}",
                f"{{b1: [{last}, {last}, {last}], repeat: 1000}}",
            )
        )
        return self.spec(variables, names, block, r.choice((use, "relu", f"{use}, {use}")))

    def _make_aliases(self) -> str:
        """Anchors in each other, of items, lists and mappings."""
        r = self.r
        links = (
            "[*P]",
            "[*P, *P]",
            "{layers: [*P]}",
            "{layers: [*P, *P]}",
            "{add: [[*P], []]}",
            "{a: *P}",
            "*P",
            "[[*P]]",
        )
        link, levels = r.choice(links), self.size()
        rows = ["  - &n0 " + r.choice(("relu", "[]", "{layers: [relu]}", "1", self.item([]))) + "\n"]
        rows += [
            f"  - &n{level} {(r.choice(links) if r.random() < 0.05 else link).replace('P', f'n{level - 1}')}\n"
            for level in range(1, levels)
        ]
        key = r.choice(("layers", "layers", "input", "vars", "x", "blocks", "published"))
        return (
            r.choice(("input: [3, 8]\n", "")) + f"{key}:\n{''.join(rows)}layers: [{r.choice(('relu', '*n0', '*n1'))}]\n"
        )

    def _make_deep(self) -> str:
        """One thing in another in another, in several ways."""
        r = self.r
        open_, close = r.choice(
            (
                ("[", "]"),
                ("{a: ", "}"),
                ("{layers: [", "]}"),
                ("{add: [[", "], []]}"),
                ("(", ")"),
                ("- ", ""),
                ("[[", "]]"),
            )
        )
        levels = r.choice((10, 20, 30, 31, 32, 33, 62, 63, 64, 65, 100, 150, 3000, 60_000))
        deep = (open_ * levels + r.choice(("relu", "1", "", "x")) + close * r.choice((levels, levels, levels - 1, 0)))[
            :MOST
        ]
        place = r.choice(
            (
                "input: [3, 8]\nlayers: [X]",
                "vars: {a: X}\ninput: [a]\nlayers: []",
                "X",
                "input: X\nlayers: []",
                "input: [3]\nlayers: [{relu: , when: 'X'}]",
                "input: [3]\nblocks: {b: {layers: [X]}}\nlayers: [b]",
            )
        )
        return place.replace("X", deep)

    def _make_wide(self) -> str:
        """Much of one thing: keys, variables, blocks, names, expressions, digits."""
        r = self.r
        count = r.choice((10, 99, 101, 1000, 9000, 20_000))
        word = r.choice(("x", "conv", "a" * 90, "a" * 250, "\u65e5"))
        many = ", ".join(f"{word}{i}: {r.choice(('1', 'x0', '[x0]'))}" for i in range(count))[: MOST - 100]
        return r.choice(
            (
                f"{{{many}}}",
                f"input: [3]\nvars: {{{many}}}\nlayers: [{{relu: , when: {word}}}]",
                f"input: [3]\nblocks: {{{many}}}\nlayers: [{word}]",
                "input: [3]\nblocks: {"
                + ", ".join(f"{word[:80]}{i}: {{layers: []}}" for i in range(count))
                + f"}}\nlayers: [{word[:80]}]",
                f"input: [3, 8]\nlayers: [{{conv: 1, {many}}}]",
                f"input: [3, 8]\nlayers: [{{conv: {'9' * count}, kernel: 1}}]",
                f"input: [3, 8]\nlayers: [{{conv: '{'1 + ' * min(count, 90)}1', kernel: 1}}]",
                f"input: [3, 8]\nlayers: [{', '.join([self.item([])] * count)}]",
                "input: [3, 8]\nlayers: ["
                + ", ".join(f"{{relu: , name: {word[:80]}{i}}}" for i in range(count))
                + f", {{relu: , from: {word[:80]}}}]",
                f"title: {word * count}\ninput: [3]\nlayers: [{word * 30}]",
            )
        )

    def _make_numbers(self) -> str:
        """A number without end in one place."""
        r = self.r
        number = r.choice(
            (*HUGE, "9" * 4301, "-" + "9" * 19, "0" * 5000 + "3", "1e-400", "." + "9" * 5000, "1e" + "9" * 99)
        )
        place = r.choice(
            (
                "input: [3, X]\nlayers: []",
                "input: [3, 8]\nvars: {a: X}\nlayers: [{conv: a, kernel: a}]",
                "input: [3, 8]\nlayers: [{maxpool: X, stride: X}]",
                "input: [3, 8]\nlayers: [{maxpool: 1, stride: X, repeat: 400}]",
                "input: [3, 8]\nlayers: [{pad: [[0, X]], repeat: 90}]",
                "input: [3, 8]\nlayers: [{upsample: X}, {upsample: X}]",
                "input: [3, 8]\nlayers: [{relu: , repeat: X}, {dropout: X}, {leaky_relu: X}]",
                "input: [3, 8]\nlayers: [{relu: , when: X}, {slice: [X, X]}]",
                "input: [3, 8]\nlayers: [{conv: 'X * X + X', kernel: 'X // X'}]",
                "title: X\nsource: X\nyear: X\ninput: [3]\nlayers: []",
                "input: [3]\nlayers: []\npublished: [{params: X, macs: X, source: X, input: [X], vars: {a: X}}]",
                "input: [3]\nlayers: [{relu: , name: X}, {relu: , from: X}]",
            )
        )
        return place.replace("X", number)

    def _make_hostile(self) -> str:
        """Words that would write to a terminal, a page or a sheet."""
        r = self.r
        word = r.choice(HOSTILE)
        place = r.choice(
            (
                "title: X\nsource: X\nnotes: X\ninput: [3, 8]\nlayers: [X]",
                "X: 1\ninput: [3]\nlayers: []",
                "X: 1\nX: 2\ninput: [3]\nlayers: []",
                "input: [3]\nvars: {X: 1}\nlayers: []",
                "input: [3]\nblocks: {X: {layers: []}}\nlayers: [{X: 1}]",
                "input: [3]\nblocks: {b: {X: []}}\nlayers: [b]",
                "input: [3]\nlayers: [{relu: , name: X}]",
                "input: [3]\nlayers: [{relu: , from: X}]",
                "input: [3]\nlayers: [{relu: X}]",
                "input: [3, 8]\nlayers: [{conv: X, kernel: X, padding: X}]",
                "input: [3, 8]\nlayers: [{conv: 1, X: 1}]",
                "input: X\nlayers: X\nextends: X",
                "extends: X",
                "input: [3]\nlayers: []\npublished: [{X: 1, source: X, training: X}]",
            )
        )
        return place.replace("X", word)

    def _make_other(self) -> str:
        """A file of another kind, with a secret on every line."""
        r = self.r
        lines = (
            *(
                "user: SECRET",
                "SECRET:x:0:0",
                "SECRET",
                "- SECRET",
                "key = SECRET",
                "# SECRET",
                "{a: SECRET}",
                "@SECRET",
            ),
            *(
                "a: *SECRET",
                "a: !SECRET 1",
                "a: &SECRET [*SECRET]",
                "SECRET: 1",
                "\tSECRET",
                "a: 'SECRET",
                "a: [SECRET",
            ),
            *("<<: SECRET", "? SECRET", "--- SECRET", "a: b: SECRET", "%SECRET", "<a>SECRET</a>", "input SECRET"),
            *('"a": "SECRET",', "a: SECRET\n input: 3"),
        )
        line = r.choice(lines)
        rows = [line] * r.choice((1, 2, 3, 9))
        for _ in range(r.randrange(4)):
            rows.insert(
                r.randrange(len(rows) + 1), r.choice(("password: SECRET", "x:", "}", "[", "'", "...", "name: SECRET"))
            )
        if r.random() < 0.2:
            rows += ["a: 1", "b: 2", "c: 3", "d: 4", "e: 5", "f: 6", "g: 7", "h: 8", "i: 9", "j: 10"]
            rows.insert(r.randrange(len(rows)), r.choice(("input: SECRET", "layers: SECRET", "flops: SECRET")))
        return "\n".join(rows).replace("SECRET", SECRET)


def check(name: str, text: str, maker: Maker, expands: bool = True) -> str:
    """Read a text in each way that a text can come in; how far it came.

    Raises:
        Finding: an exception that is no error of ours, too much time, or a message that is not as it should be.
    """
    r = maker.r
    _attempt(
        "a device", text, lambda: read_plain(Source("fuzzed.yaml", text), "a device", DEVICE, ("flops", "bandwidth"))
    )
    if name != "other":
        value = text if len(text) < 300 else maker.value(["a0", "classes"])
        _attempt("a value", value, lambda: read_value(value, "--set a"))
    if name == "variables":
        _attempt("a value from Python", "", lambda: given_value(python_value(r), "a"))
    spec = _attempt("reading", text, lambda: zoo.load_text(text, "fuzzed", "fuzzed.yaml"))
    if isinstance(spec, CnncalcError):
        if name == "other" and SECRET in spec.render():
            raise Finding(f"a line of another file is shown: {spec.message[:80]!r}")
        return "refused"
    if expands:
        network = _attempt("expanding", text, lambda: expand(spec, max_layers=MAX_LAYERS))
        return "read" if isinstance(network, CnncalcError) else "expanded"
    return "read"


def python_value(r: Random, depth: int = 0) -> Any:
    """A value that someone gives from Python."""
    if depth > 4 or r.random() < 0.5:
        return r.choice((1, 0.5, True, "a0 + 1", "1 +", None, 10**18, 10**400, float("nan"), float("inf"), {}, b"", 1j))
    part = [python_value(r, depth + 1) for _ in range(r.randrange(3))]
    for _ in range(r.choice((0, 0, 1, 70))):
        part = [part, part]
    return r.choice((part, tuple(part)))


def _attempt(what: str, text: str, action: Callable[[], Any]) -> Any:
    """What an action gives, or its error if that is one of ours."""
    try:
        with time_limit(what):
            return action()
    except CnncalcError as error:
        with time_limit(f"the message of {what}", 0.5):
            error.render()
        if what in ("reading", "expanding") and isinstance(error, SpecError):
            check_error(error, text)
        check_message(error)
        if error.code not in CODES:
            raise Finding(f"{error.code} is no code") from error
        return error
    except Finding:
        raise
    except Exception as error:
        raise Finding(f"{what} raises {type(error).__name__}: {str(error)[:200]}") from error


def main() -> int:
    """Run; the exit status is 1 if anything was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.language", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("count", type=int, help="texts to try")
    parser.add_argument("--seed", type=int, default=0, help="the same seed tries the same texts")
    parser.add_argument("--start", type=int, default=0, help="the number of the first text")
    parser.add_argument("--only", help="one kind of text")
    parser.add_argument("--read", action="store_true", help="read and do not expand")
    parser.add_argument("--print", action="store_true", help="print the texts that show something")
    arguments = parser.parse_args()
    bound_memory()
    outcomes: Counter[str] = Counter()
    findings: Counter[str] = Counter()
    slowest, started = (0.0, ""), time.monotonic()
    for number in range(arguments.start, arguments.start + arguments.count):
        maker = Maker(f"{arguments.seed}:{number}")
        name, text = maker.text(arguments.only)
        before = time.process_time()
        try:
            outcomes[check(name, text, maker, not arguments.read)] += 1
        except (Finding, MemoryError) as finding:
            outcomes["found"] += 1
            what = str(finding) or "the memory is bounded"
            findings[what[:60]] += 1
            if findings[what[:60]] == 1:
                print(f"text {number} ({name}): {what}", flush=True)
                if arguments.print:
                    print(text[:3000], flush=True)
        slowest = max(slowest, (time.process_time() - before, f"text {number} ({name})"))
        if sum(outcomes.values()) % 10_000 == 0:
            print(f"{sum(outcomes.values()):,} texts in {time.monotonic() - started:.0f} s", flush=True)
    told = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(outcomes.items()))
    seconds = time.monotonic() - started
    print(f"{arguments.count:,} texts in {seconds:.0f} s: {told}; slowest {slowest[0]:.2f} s, {slowest[1]}")
    print(f"{len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
