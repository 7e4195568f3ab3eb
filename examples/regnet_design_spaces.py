"""How large are RegNet's design spaces, what is in them at 400 million multiply-adds, and what do its models weigh?

Radosavovic, Kosaraju, Girshick, He, Dollar 2020, "Designing network design spaces": table 1 has the sizes of the
spaces, section 3.2 draws networks of 360 to 400 million multiply-adds, and the last tables have the models' parameters.
"""

import math

import cnncalc as cc

SPEC = """
title: AnyNetX
input: [3, 224, 224]
vars: {d1: 1, d2: 1, d3: 1, d4: 1, w1: 8, w2: 8, w3: 8, w4: 8, b: 1, g: 8}
blocks:
  conv_bn:
    vars: {out: , kernel: 1, stride: 1, groups: 1}
    layers:
      - {conv: out, kernel: kernel, stride: stride, padding: kernel // 2, groups: groups, bias: false}
      - batchnorm
  block:              # groups of g channels in a bottleneck of 1/b; where they do not go into each other, whole groups
    vars:
      out:
      stride: 1
      change: stride != 1 or channels != out
      group: min(g, max(1, out // b))
      inner: max(1, round(out / b / group)) * group
    layers:
      - add:
          - - {conv_bn: inner}
            - relu
            - {conv_bn: inner, kernel: 3, stride: stride, groups: inner // group}
            - relu
            - {conv_bn: out}
          - - {conv_bn: out, stride: stride, when: change}
      - relu
  stage:
    vars: {out: , blocks: }
    layers:
      - {block: out, stride: 2}
      - {block: out, repeat: blocks - 1}
layers:
  - {conv_bn: 32, kernel: 3, stride: 2}
  - relu
  - {stage: w1, blocks: d1}
  - {stage: w2, blocks: d2}
  - {stage: w3, blocks: d3}
  - {stage: w4, blocks: d4}
  - global_avgpool
  - flatten
  - {linear: 1000}
"""

# Table 1. A depth is one of 16, a width one of 128, a bottleneck one of 3, a group width one of 6, in each of 4 stages.
depth, width, bottleneck, group = 16, 1024 // 8, 3, 6
SPACES = {
    "AnyNetX_A": ((depth * width * bottleneck * group) ** 4, 1.8e18),
    "AnyNetX_B": ((depth * width * group) ** 4 * bottleneck, 6.8e16),
    "AnyNetX_C": ((depth * width) ** 4 * bottleneck * group, 3.2e14),
    "AnyNetX_D": ((depth * width) ** 4 * bottleneck * group / math.factorial(4), 1.3e13),
    "AnyNetX_E": ((depth * width) ** 4 * bottleneck * group / math.factorial(4) ** 2, 5.5e11),
    "RegNetX": (64**4 * group * bottleneck, 3.0e8),
}
print("space       networks  published")
for name, (size, published) in SPACES.items():
    print(f"{name:10} {size:9.1e} {published:10.1e}")
    assert abs(size / published - 1) < 0.04

# A sample of AnyNetX_C: depths and widths log-uniform, and of these the networks of 360 to 400 million multiply-adds.
sample = cc.sweep(
    SPEC,
    {
        **{f"d{stage}": "1:16:log" for stage in (1, 2, 3, 4)},
        **{f"w{stage}": f"8 * v{stage}" for stage in (1, 2, 3, 4)},
        "b": [1, 2, 4],
        "g": [1, 2, 4, 8, 16, 32],
    },
    let={f"v{stage}": "1:128:log" for stage in (1, 2, 3, 4)},
    sample=20_000,
    where=["macs > 360e6", "macs < 400e6"],
    columns=["params", "macs", "activations"],
).table
print(f"\nAnyNetX_C: {sample.met} of {sample.tried:,} drawn networks have 360 to 400 million multiply-adds")
print("quantile    M parameters  M activations")
for part in (0.1, 0.5, 0.9):
    place = int(part * len(sample))
    params, activations = (sorted(sample.columns[name])[place] / 1e6 for name in ("params", "activations"))
    print(f"{part:8} {params:15.1f} {activations:14.1f}")
assert 100 < sample.met < 2000

# The models: depth, then w_0, w_a and w_m of the quantised line of widths, and the group width; published millions.
MODELS = {
    "200MF": (13, 24, 36.44, 2.49, 8, 2.7),
    "400MF": (22, 24, 24.48, 2.54, 16, 5.2),
    "600MF": (16, 48, 36.97, 2.24, 24, 6.2),
    "800MF": (16, 56, 35.73, 2.28, 16, 7.3),
    "1.6GF": (18, 80, 34.01, 2.25, 24, 9.2),
    "3.2GF": (25, 88, 26.31, 2.25, 48, 15.3),
    "4.0GF": (23, 96, 38.65, 2.43, 40, 22.1),
    "6.4GF": (17, 184, 60.83, 2.07, 56, 26.2),
    "8.0GF": (23, 80, 49.56, 2.88, 120, 39.6),
    "12GF": (19, 168, 73.36, 2.37, 112, 46.1),
    "16GF": (22, 216, 55.59, 2.1, 128, 54.3),
    "32GF": (23, 320, 69.86, 2.0, 168, 107.8),
}


def stages(depth: int, w_0: int, w_a: float, w_m: float, group: int) -> list[tuple[int, int, int]]:
    """Width, depth and group width of each stage: equations 2 to 4, in multiples of 8 and of the groups."""
    powers = [round(math.log((w_0 + w_a * block) / w_0, w_m)) for block in range(depth)]
    widths = [round(w_0 * w_m**power / 8) * 8 for power in powers]
    found = []
    for width in sorted(set(widths)):
        groups = min(group, width)
        found.append((round(width / groups) * groups, widths.count(width), groups))
    return found


print("\nRegNetX   M parameters  published")
for name, (*line, published) in MODELS.items():
    given = stages(*line)
    vary = {
        f"{key}{stage}": [value] for stage, row in enumerate(given, 1) for key, value in zip("wd", row, strict=False)
    }
    # The model's stages may have other group widths: each network is one with that of its first stage in all of them.
    (record,) = cc.sweep(SPEC, {**vary, "g": [line[-1]]}, columns=["params", "macs"])
    print(f"{name:8} {record['params'] / 1e6:13.1f} {published:10}   {record['macs'] / 1e9:.2f} G MACs")
    assert abs(record["params"] / 1e6 - published) < 0.06
