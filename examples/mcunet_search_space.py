"""Which width and resolution should a search for a microcontroller begin with? MCUNet's choice, by counting alone.

Lin, Chen, Lin, Cohn, Gan, Han 2020, "MCUNet: tiny deep learning on IoT devices", section 3.1: of the spaces that a
width multiplier and a resolution make, the one whose networks have most work among those that fit 320 kB of memory and
1 MB of flash is searched. Figure 3 gives the mean millions of multiply-adds of such spaces, those below among them;
w0.5-r144 has most.

The paper does not print its space in full. This one has the stages of MnasNet with kernels of 3, 5 or 7, expansions of
3, 4 or 6 and 2 to 4 blocks in each; tensors take a byte an element, and each layer's stay apart. So the means differ
from the paper's, whose engine also overwrites inputs; the choice is the same.
"""

import cnncalc as cc

SPEC = """
title: TinyNAS
input: [3, 224, 224]
vars:
  {w: 1.0, d1: 2, d2: 2, d3: 2, d4: 2, d5: 2, k1: 3, k2: 3, k3: 3, k4: 3, k5: 3, k6: 3, e1: 3, e2: 3, e3: 3, e4: 3,
   e5: 3, e6: 3}
blocks:
  mbconv:
    vars: {out: , kernel: , expansion: , stride: 1, hidden: expansion * channels, same: stride == 1 and channels == out}
    layers:
      - add:
          - - {conv: hidden, kernel: 1, bias: false, when: expansion != 1}
            - {batchnorm: , when: expansion != 1}
            - {relu6: , when: expansion != 1}
            - {depthwise: kernel, stride: stride, padding: kernel // 2, bias: false}
            - batchnorm
            - relu6
            - {conv: out, kernel: 1, bias: false}
            - batchnorm
          - {layers: [], when: same}
  stage:
    vars: {c: , n: , kernel: , expansion: , stride: 1, out: "divisible(c * w, 8)"}
    layers:
      - {mbconv: out, kernel: kernel, expansion: expansion, stride: stride}
      - {mbconv: out, kernel: kernel, expansion: expansion, repeat: n - 1}
layers:
  - {conv: "divisible(32 * w, 8)", kernel: 3, stride: 2, padding: 1, bias: false}
  - batchnorm
  - relu6
  - {stage: 16, n: 1, kernel: 3, expansion: 1}
  - {stage: 24, n: d1, kernel: k1, expansion: e1, stride: 2}
  - {stage: 40, n: d2, kernel: k2, expansion: e2, stride: 2}
  - {stage: 80, n: d3, kernel: k3, expansion: e3, stride: 2}
  - {stage: 96, n: d4, kernel: k4, expansion: e4}
  - {stage: 192, n: d5, kernel: k5, expansion: e5, stride: 2}
  - {stage: 320, n: 1, kernel: k6, expansion: e6}
  - global_avgpool
  - flatten
  - {linear: 1000}
"""
MEMORY, FLASH = 320 * 1024, 2**20
PUBLISHED = {
    (0.3, 160): 32.5,
    (0.4, 112): 32.4,
    (0.4, 128): 39.3,
    (0.4, 144): 46.9,
    (0.5, 112): 38.3,
    (0.5, 128): 46.9,
    (0.5, 144): 52.0,
}
NETWORKS = 40

print("width  input   fit of 40   mean M MACs  published")
means = {}
for (width, size), published in PUBLISHED.items():
    sweep = cc.sweep(
        SPEC,
        {
            **{f"d{stage}": [2, 3, 4] for stage in range(1, 6)},
            **{f"k{stage}": [3, 5, 7] for stage in range(1, 7)},
            **{f"e{stage}": [3, 4, 6] for stage in range(1, 7)},
        },
        vars={"w": width},
        input=size,
        sample=NETWORKS,
        columns=["macs", "params"],
        # `peak` is in float32, with what is stored; the tensors alone, as bytes, are a quarter of the rest.
        where=[f"params <= {FLASH}", f"(peak - param_bytes - 4 * buffers) / 4 <= {MEMORY}"],
    )
    table = sweep.table
    means[width, size] = sum(table.columns["macs"]) / table.met / 1e6
    print(f"{width:5} {size:6} {table.met:11} {means[width, size]:13.1f} {published:10}")
best = max(means, key=lambda space: means[space])
print(f"\nThe space with most work among what fits: w{best[0]}-r{best[1]}; the paper's is w0.5-r144")
assert best == max(PUBLISHED, key=lambda space: PUBLISHED[space]) == (0.5, 144)
