"""What is the best ResNet that I can train on a card of 24 GiB at batch 64, with Adam?

More multiply-adds is taken for better, as it mostly is within one family. Widths, depths and resolutions are varied.
"""

import cnncalc as cc

SPEC = """
extends: families/resnet
title: A residual network
vars: {width: 64, depths: [3, 4, 6, 3]}
layers:
  - stem
  - {bottleneck: width, repeat: "depths[0]", name: conv2_x}
  - {bottleneck: 2 * width, repeat: "depths[1]", stride: 2, name: conv3_x}
  - {bottleneck: 4 * width, repeat: "depths[2]", stride: 2, name: conv4_x}
  - {bottleneck: 8 * width, repeat: "depths[3]", stride: 2, name: conv5_x}
  - classifier
"""
CARD = 24 * 2**30

sweep = cc.sweep(
    SPEC,
    {"width": "64:160:32", "depths": [[3, 4, 6, 3], [3, 4, 23, 3], [3, 8, 36, 3]], "input": [224, 288]},
    batch=64,
    optimizer="adam",
    columns=["params", "macs", "train"],
    where=f"train < {CARD}",
    sort="macs",
    reverse=True,
)
table = sweep.table
print(f"{table.met} of {table.tried} fit; those with most work:")
print("width  depths          input  M parameters  G MACs an image  GiB")
for record in sweep.to_records()[:5]:
    params, macs, train = record["params"] / 1e6, record["macs"] / 64e9, record["train"] / 2**30
    print(f"{record['width']:5}  {record['depths']!s:15} {record['input']:5} {params:13.1f} {macs:16.2f} {train:5.1f}")

# The plain networks among them are those of the zoo.
plain = {tuple(each["depths"]): each for each in sweep if each["width"] == 64 and each["input"] == 224}
for name, depths in (("resnet50", (3, 4, 6, 3)), ("resnet101", (3, 4, 23, 3)), ("resnet152", (3, 8, 36, 3))):
    memory = cc.network(name).analyze(64).memory.training("adam").total
    assert (memory < CARD) == (depths in plain)
    assert depths not in plain or plain[depths]["train"] == memory
    print(f"{name}: {memory / 2**30:.1f} GiB, so batch 64 {'fits' if memory < CARD else 'does not fit'}")
