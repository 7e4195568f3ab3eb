"""Networks written as a reader of their papers would, held against numbers that others state."""

from __future__ import annotations

from pathlib import Path

import pytest

from cnncalc import network

ROOT = Path(__file__).parent.parent

# Koch, Zemel, Salakhutdinov 2015, figure 4: 38,947,648 in a tower, 4,097 in the last layer.
SIAMESE = """
title: Siamese network
inputs: {left: [1, 105, 105], right: [1, 105, 105]}
blocks:
  tower:
    layers:
      - {conv: 64, kernel: 10}
      - relu
      - {maxpool: 2}
      - {conv: 128, kernel: 7}
      - relu
      - {maxpool: 2}
      - {conv: 128, kernel: 4}
      - relu
      - {maxpool: 2}
      - {conv: 256, kernel: 4}
      - relu
      - flatten
      - {linear: 4096}
      - sigmoid
layers:
  - {tower: , name: first}
  - {tower: , name: second, from: right, share: first}
  - multiply: [{from: first}, {from: second}]
  - {linear: 1}
  - sigmoid
"""

# Iandola et al. 2016, SqueezeNet 1.0 as torchvision has it: 1,248,424.
FIRE = """
input: [3, 224, 224]
blocks:
  fire:
    vars: {squeeze: , expand: 4 * squeeze}
    layers:
      - {conv: squeeze, kernel: 1}
      - relu
      - concat:
          - [{conv: expand, kernel: 1}, relu]
          - [{conv: expand, kernel: 3, padding: 1}, relu]
layers:
  - {conv: 96, kernel: 7, stride: 2}
  - relu
  - {maxpool: 3, stride: 2, ceil: true}
  - {fire: 16, repeat: 2}
  - {fire: 32}
  - {maxpool: 3, stride: 2, ceil: true}
  - {fire: 32}
  - {fire: 48, repeat: 2}
  - {fire: 64}
  - {maxpool: 3, stride: 2, ceil: true}
  - {fire: 64}
  - {conv: 1000, kernel: 1}
  - relu
  - global_avgpool
"""

# Tran et al. 2014, C3D for the 101 classes of UCF-101: 78,409,573.
C3D = """
input: [3, 16, 112, 112]
blocks:
  conv_relu: {vars: {width: }, layers: [{conv: width, kernel: 3, padding: 1}, relu]}
layers:
  - {conv_relu: 64}
  - {maxpool: [1, 2, 2]}
  - {conv_relu: 128}
  - {maxpool: 2}
  - {conv_relu: 256, repeat: 2}
  - {maxpool: 2}
  - {conv_relu: 512, repeat: 2}
  - {maxpool: 2}
  - {conv_relu: 512, repeat: 2}
  - {maxpool: 2, padding: [0, 1, 1]}
  - flatten
  - {layers: [{linear: 4096}, relu, dropout], repeat: 2}
  - {linear: 101}
"""

# Ronneberger, Fischer, Brox 2015, figure 1, cropping as there: 31,030,593 for one class, and 65 more for the second.
UNET = """
input: [1, 572, 572]
blocks:
  double: {vars: {width: }, layers: [{layers: [{conv: width, kernel: 3}, relu], repeat: 2}]}
  up:
    vars: {skip: , crop: , width: channels // 2}
    layers:
      - {conv_transpose: width, kernel: 2, stride: 2}
      - concat: [{from: skip, layers: [{pad: -crop}]}, []]
      - {double: width}
layers:
  - {double: 64, name: down1}
  - {maxpool: 2}
  - {double: 128, name: down2}
  - {maxpool: 2}
  - {double: 256, name: down3}
  - {maxpool: 2}
  - {double: 512, name: down4}
  - {maxpool: 2}
  - {double: 1024, name: bottom}
  - {up: down4, crop: 4}
  - {up: down3, crop: 16}
  - {up: down2, crop: 40}
  - {up: down1, crop: 88}
  - {conv: 2, kernel: 1}
"""


@pytest.mark.parametrize(
    ("text", "params"), [(SIAMESE, 38_951_745), (FIRE, 1_248_424), (C3D, 78_409_573), (UNET, 31_030_593 + 65)]
)
def test_parameters(text, params):
    net = network(text)
    assert net.analyze().params == params


def test_a_siamese_network_works_twice():
    costs = network(SIAMESE).analyze()
    assert costs["first"].macs == costs["second"].macs
    assert costs["second"].params == 0


def test_the_last_map_of_a_u_net():
    assert network(UNET).outputs["output"].output == (2, 388, 388)


def test_wavenet_in_under_forty_lines_with_its_skips_gathered():
    text = (ROOT / "specs" / "wavenet.yaml").read_text("utf-8")
    assert text.count("\n") < 40
    net = network("wavenet")
    assert len(net["skips"].inputs) == 30
    assert [net[f"layer.{n}.gate.conv"].op.dilation for n in (1, 2, 10, 11, 30)] == [1, 2, 512, 1, 512]
    assert net["layer.30.gate.conv"].output == (64, 16000)


def test_heads_shared_over_five_levels():
    net = network("retinanet_resnet50")
    costs = net.analyze()
    # torchvision's retinanet_resnet50_fpn has 34,014,999, and no scale and shift in its frozen normalisation.
    assert costs.params == 34_014_999 + costs.buffers
    assert sum(node.shares is not None for node in net.layers) == 40
    assert [node.output[0] for node in net.outputs.values()] == [819] * 5 + [36] * 5


def test_the_levels_of_a_pyramid_are_one_block():
    net = network("fpn_resnet50")
    assert [node.output for node in net.outputs.values()] == [(256, n, n) for n in (200, 100, 50, 25, 13)]
    # The lateral and the 3x3 convolutions, by hand.
    assert net.analyze().params - network("resnet50_torchvision").analyze().params + 2_049_000 == 3_344_384
