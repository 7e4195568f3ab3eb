"""What do a smaller width and a smaller input save? MobileNet's tables of width multipliers and resolutions.

Howard et al. 2017, "MobileNets: efficient convolutional neural networks for mobile vision applications", tables 6 and
7: millions of multiply-adds and of parameters.
"""

import cnncalc as cc

WIDTHS = {1.0: (569, 4.2), 0.75: (325, 2.6), 0.5: (149, 1.3), 0.25: (41, 0.5)}
RESOLUTIONS = {224: (569, 4.2), 192: (418, 4.2), 160: (290, 4.2), 128: (186, 4.2)}

table = cc.sweep("mobilenet_v1", {"width": list(WIDTHS), "input": list(RESOLUTIONS)}, columns=["macs", "params"])
found = {(record["width"], record["input"]): (record["macs"] / 1e6, record["params"] / 1e6) for record in table}

print("width  input   M MACs  published   M parameters  published")
rows = [((width, 224), said) for width, said in WIDTHS.items()] + [((1.0, n), said) for n, said in RESOLUTIONS.items()]
for (width, size), (macs, params) in rows:
    counted = found[width, size]
    print(f"{width:5} {size:6} {counted[0]:8.1f} {macs:10} {counted[1]:14.2f} {params:10}")
    assert abs(counted[0] - macs) < 1
    assert abs(counted[1] - params) < 0.06

print("\nWhat the paper calls quadratic in width and in resolution, relative to 1.0 at 224:")
for width in WIDTHS:
    print(f"width {width}: {' '.join(f'{found[width, size][0] / found[1.0, 224][0]:6.3f}' for size in RESOLUTIONS)}")
