"""docs/check.md, from the rules and from what they find in the zoo.

`python -m cnncalc.check.page > docs/check.md` writes it; a test holds the page to it.
"""

from __future__ import annotations

from cnncalc.check.rules import RULES, check

_ON_PIXELS = "True: a 3x3 convolution of stride 2 has its middle on a pixel, nearest upsampling between two."

REASONS = {
    ("unseen", "resnet"): "He et al. 2015 put the stride into the first 1x1 convolution of a bottleneck and into the "
    "1x1 shortcut: three quarters of the positions are computed and thrown away. torchvision moved it to the 3x3.",
    ("unseen", ""): "The size less the kernel is no multiple of the stride: nobody sees the last rows and columns. "
    "AlexNet's 227 in place of 224 is the mend.",
    ("bias-before-norm", ""): "As published: the biases stayed when batch normalisation was put after.",
    (
        "unread",
        "wavenet",
    ): "True: the last layer's way on is read by nobody; the skips alone are. It is so in the paper's "
    "figure 4, and costs a 1x1 convolution.",
    ("misaligned", "wavenet"): "Meant: causal convolutions look back only.",
    ("misaligned", "fpn"): _ON_PIXELS,
    ("misaligned", "retinanet"): _ON_PIXELS,
    ("misaligned", "maskrcnn"): _ON_PIXELS,
    ("misaligned", "hrnet"): _ON_PIXELS,
    ("misaligned", "yolov"): _ON_PIXELS,
    ("misaligned", "inception"): "True: the pooling branch of stride 2 rounds up and has no padding, the convolutions "
    "have.",
    ("misaligned", "xception"): "True: TensorFlow's `same` pads a map of even size at the end only, so that the "
    "pooling's window of three has its middle one further than the 1x1 shortcut.",
    ("dead-weights", ""): "True: the last maps are smaller than the kernel that predicts boxes from them.",
    ("ragged-channels", "lenet"): "True: 6 and 16 channels, of 1998.",
    ("ragged-channels", "hrnet"): "True: widths of 18 and 36; HRNet-W32 and W48 are the others.",
}
"""Why a rule speaks of a published network, by its code and the beginning of the network's name."""


def page() -> str:
    """The page of the documents."""
    lines = [
        "# Warnings",
        "",
        "<!-- Written by `python -m cnncalc.check.page`. Do not edit. -->",
        "",
        "`cnncalc check NETWORK` looks for what a network does that its author hardly means. A *warning* is likely a",
        "slip; *advice* may well be meant otherwise. Nothing is an error: the network is counted as it stands.",
        "`--strict` exits with status 1 if there is any, `--object N` asks whether units see objects of N pixels,",
        "`--format json` is for programs. The counting commands tell in a line how many warnings the cheap rules give.",
        "",
        "```",
        "warning[bias-before-norm]: the bias of 'conv1' is lost in the batch normalisation after it",
        " --> mine.yaml:3:6",
        "  |",
        "3 |   - {conv: 64, kernel: 3}",
        "  |      ^^^^",
        "  = write bias: false",
        "```",
    ]
    for rule in RULES:
        lines += ["", f"## {rule.code}", "", f"*{rule.severity.capitalize()}.* {rule.page}"]
    lines += [
        "",
        "## In the zoo",
        "",
        "Where a rule speaks of a published network, it has been looked at:",
        "",
        "| rule | networks | why |",
        "|---|---|---|",
    ]
    lines += [f"| `{code}` | {', '.join(names)} | {reason} |" for (code, reason), names in _found().items()]
    return "\n".join(lines) + "\n"


def _found() -> dict[tuple[str, str], list[str]]:
    """The networks of the zoo by rule and reason."""
    from cnncalc.language.expand import expand
    from cnncalc.zoo import load, names

    found: dict[tuple[str, str], list[str]] = {}
    order = {rule.code: number for number, rule in enumerate(RULES)}
    for name in names():
        spec = load(name)
        for code in dict.fromkeys(warned.code for warned in check(expand(spec), spec)):
            found.setdefault((code, reason(code, name)), []).append(name)
    return dict(sorted(found.items(), key=lambda entry: order[entry[0][0]]))


def reason(code: str, name: str) -> str:
    """Why a rule speaks of a published network.

    Raises:
        LookupError: nobody has looked at it.
    """
    fitting = [key for key in REASONS if key[0] == code and key[1] and key[1] in name]
    key = fitting[0] if fitting else (code, "")
    if key not in REASONS:
        raise LookupError(f"nobody has said why {code} speaks of {name}")
    return REASONS[key]


if __name__ == "__main__":
    print(page(), end="")
