"""How does EfficientNet grow from B0 to B7? Compound scaling: width, depth and resolution together.

Tan, Le 2019, "EfficientNet: rethinking model scaling for convolutional neural networks": section 3.3 finds by a small
grid that 1.2 times the depth, 1.1 times the width and 1.15 times the resolution double the work; table 2 gives millions
of parameters and billions of multiply-adds (which it calls FLOPs). The coefficients of B1 to B7 are those of its code.
"""

import cnncalc as cc

MODELS = {  # width, depth, input; published parameters and multiply-adds
    "B0": (1.0, 1.0, 224, 5.3, 0.39),
    "B1": (1.0, 1.1, 240, 7.8, 0.70),
    "B2": (1.1, 1.2, 260, 9.2, 1.0),
    "B3": (1.2, 1.4, 300, 12, 1.8),
    "B4": (1.4, 1.8, 380, 19, 4.2),
    "B5": (1.6, 2.2, 456, 30, 9.9),
    "B6": (1.8, 2.6, 528, 43, 19),
    "B7": (2.0, 3.1, 600, 66, 37),
}

vary = {
    "width": sorted({model[0] for model in MODELS.values()}),
    "depth": sorted({model[1] for model in MODELS.values()}),
    "input": [model[2] for model in MODELS.values()],
}
found = {
    (record["width"], record["depth"], record["input"]): record
    for record in cc.sweep("efficientnet_b0", vary, columns=["params", "macs"], check=0.01)
}
print("     M parameters  published   G MACs  published")
for name, (width, depth, size, params, macs) in MODELS.items():
    record = found[width, depth, size]
    counted = record["params"] / 1e6, record["macs"] / 1e9
    print(f"{name} {counted[0]:14.2f} {params:10} {counted[1]:8.2f} {macs:10}")
    assert abs(counted[0] / params - 1) < 0.03
    assert abs(counted[1] / macs - 1) < 0.05

# The grid of section 3.3: which alpha (depth), beta (width) and gamma (resolution) about double B0's work?
base = found[1.0, 1.0, 224]["macs"]
grid = cc.sweep(
    "efficientnet_b0",
    {"depth": "alpha", "width": "beta", "input": "round(224 * gamma)"},
    let={"alpha": "1:1.6:0.05", "beta": "1:1.4:0.05", "gamma": "1:1.4:0.05"},
    where=["alpha * beta ** 2 * gamma ** 2 > 1.9", "alpha * beta ** 2 * gamma ** 2 < 2.1"],
    columns=["params", "macs"],
    sort="params",
).table
print(f"\n{len(grid)} of {grid.tried} candidates have alpha * beta^2 * gamma^2 within 1.9 and 2.1")
candidates = [grid.record(place) for place in range(len(grid))]
(chosen,) = [each for each in candidates if (each["alpha"], each["beta"], each["gamma"]) == (1.2, 1.1, 1.15)]
print(f"of them the paper's, 1.2, 1.1, 1.15: {chosen['macs'] / base:.2f} times the MACs")
ratios = [each["macs"] / base for each in candidates]
print(f"all of them: {min(ratios):.2f} to {max(ratios):.2f} times: whole channels, blocks and pixels are rounded")
