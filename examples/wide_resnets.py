"""Is a ResNet better made wide or deep? Parameters and work of residual networks for CIFAR by depth and width.

Zagoruyko, Komodakis 2016, "Wide residual networks", tables 4 and 5 give the millions of parameters of WRN-depth-width.
"""

import cnncalc as cc

SPEC = """
title: Wide ResNet for CIFAR
input: [3, 32, 32]
vars: {classes: 10, n: 4, k: 10}    # 6n + 4 layers, k times as wide
blocks:
  basic:                            # normalisation and activation come first; a 1x1 convolution where the width changes
    vars: {width: , stride: 1, step: stride if channels != width else 1, change: channels != width}
    layers:
      - {batchnorm: , when: change}
      - {relu: , when: change}
      - add:
          - - {batchnorm: , when: not change}
            - {relu: , when: not change}
            - {conv: width, kernel: 3, stride: step, padding: 1, bias: false}
            - batchnorm
            - relu
            - {conv: width, kernel: 3, padding: 1, bias: false}
          - - {conv: width, kernel: 1, stride: step, bias: false, when: change}
layers:
  - {conv: 16, kernel: 3, padding: 1, bias: false}
  - {basic: 16 * k, repeat: n, name: group1}
  - {basic: 32 * k, repeat: n, stride: 2, name: group2}
  - {basic: 64 * k, repeat: n, stride: 2, name: group3}
  - batchnorm
  - relu
  - global_avgpool
  - flatten
  - {linear: classes}
"""
PUBLISHED = {  # depth, width: millions of parameters
    (40, 1): 0.6,
    (40, 2): 2.2,
    (40, 4): 8.9,
    (40, 8): 35.7,
    (28, 10): 36.5,
    (28, 12): 52.5,
    (22, 8): 17.2,
    (22, 10): 26.8,
    (16, 8): 11.0,
    (16, 10): 17.1,
}

sweep = cc.sweep(SPEC, {"n": [2, 3, 4, 6], "k": [1, 2, 4, 8, 10, 12]}, columns=["params", "macs", "activations"])
found = {(6 * record["n"] + 4, record["k"]): record for record in sweep}
print("WRN      M parameters  published   G MACs")
for (depth, width), published in PUBLISHED.items():
    record = found[depth, width]
    print(f"{depth}-{width:<5} {record['params'] / 1e6:12.2f} {published:10.1f} {record['macs'] / 1e9:8.2f}")
    assert abs(record["params"] / 1e6 - published) < 0.06

print("\nA deep and a wide one of like size: the wide one's activations, which training keeps, are fewer")
for name in ((40, 8), (28, 10)):
    record = found[name]
    print(f"{name[0]}-{name[1]}: {record['params']:,} parameters, {record['activations']:,} activations")
assert found[28, 10]["activations"] < found[40, 8]["activations"]
