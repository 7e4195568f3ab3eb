"""Networks that no installed library has, written as plain PyTorch modules from their papers and code.

Modules are registered in the order in which they run.
"""

from __future__ import annotations

import inspect
import sys
from typing import Any

import torch
from torch import Tensor, nn


class Siamese(nn.Module):
    """Koch, Zemel, Salakhutdinov 2015, figure 4."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for channels, width, kernel in ((1, 64, 10), (64, 128, 7), (128, 128, 4)):
            layers += [nn.Conv2d(channels, width, kernel), nn.ReLU(), nn.MaxPool2d(2)]
        layers += [nn.Conv2d(128, 256, 4), nn.ReLU(), nn.Flatten(), nn.Linear(9216, 4096), nn.Sigmoid()]
        self.tower, self.score = nn.Sequential(*layers), nn.Linear(4096, 1)

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        return torch.sigmoid(self.score((self.tower(left) - self.tower(right)).abs()))


class CBAM(nn.Module):
    """Woo, Park, Lee, Kweon 2018: a factor for each channel, then one for each position."""

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(channels, channels // reduction), nn.Linear(channels // reduction, channels)
        self.conv, self.bn = nn.Conv2d(2, 1, 7, padding=3, bias=False), nn.BatchNorm2d(1)

    def forward(self, x: Tensor) -> Tensor:
        seen = [self.fc2(self.fc1(y).relu()) for y in (x.mean((2, 3)), x.amax((2, 3)))]
        x = x * (seen[0] + seen[1]).sigmoid()[:, :, None, None]
        places = torch.stack([x.amax(1), x.mean(1)], 1)
        return x * self.bn(self.conv(places)).sigmoid()


def cbam_resnet50() -> Any:
    """torchvision's ResNet-50 with CBAM after the third normalisation of each bottleneck."""
    from torchvision.models import resnet50

    model = resnet50(weights=None)
    for layer in (model.layer1, model.layer2, model.layer3, model.layer4):
        for block in layer:
            block.bn3 = nn.Sequential(block.bn3, CBAM(block.bn3.num_features))
            block.relu = nn.ReLU()
    return model


class CRNN(nn.Module):
    """Shi, Bai, Yao 2015, table 1."""

    def __init__(self, classes: int = 37, hidden: int = 256) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 1
        widths = (64, 2), (128, 2), (256, 0), (256, (2, 1)), (512, 0), (512, (2, 1)), (512, 0)
        for number, (width, pool) in enumerate(widths, 1):
            layers.append(nn.Conv2d(channels, width, 2 if number == 7 else 3, padding=int(number < 7)))
            layers += [nn.BatchNorm2d(width)] if number in (5, 6) else []
            layers += [nn.ReLU(), *([nn.MaxPool2d(pool)] if pool else [])]
            channels = width
        self.convolutions = nn.Sequential(*layers)
        self.lstm1 = nn.LSTM(512, hidden, bidirectional=True, batch_first=True)
        self.join1 = nn.Linear(2 * hidden, hidden)
        self.lstm2 = nn.LSTM(hidden, hidden, bidirectional=True, batch_first=True)
        self.join2 = nn.Linear(2 * hidden, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.convolutions(x).squeeze(2).transpose(1, 2)
        y: Tensor = self.join2(self.lstm2(self.join1(self.lstm1(x)[0]))[0])
        return y


class ConvSiLU(nn.Sequential):
    """YOLOv8's convolution."""

    def __init__(self, channels: int, width: int, kernel: int = 3, stride: int = 1) -> None:
        conv = nn.Conv2d(channels, width, kernel, stride, kernel // 2, bias=False)
        super().__init__(conv, nn.BatchNorm2d(width, eps=0.001), nn.SiLU())


class C2f(nn.Module):
    """YOLOv8's stage."""

    def __init__(self, channels: int, width: int, n: int, shortcut: bool) -> None:
        super().__init__()
        self.half, self.shortcut = width // 2, shortcut
        self.first = ConvSiLU(channels, width, 1)
        self.inside = nn.ModuleList(
            nn.Sequential(ConvSiLU(self.half, self.half), ConvSiLU(self.half, self.half)) for _ in range(n)
        )
        self.last = ConvSiLU((2 + n) * self.half, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        kept = list(self.first(x).chunk(2, 1))
        for block in self.inside:
            y = block(kept[-1])
            kept.append(kept[-1] + y if self.shortcut else y)
        result: Tensor = self.last(torch.cat(kept, 1))
        return result


class SPPF(nn.Module):
    """YOLOv8's pyramid of poolings."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.last = ConvSiLU(width, width // 2, 1), ConvSiLU(2 * width, width, 1)
        self.pool = nn.MaxPool2d(5, 1, 2)

    def forward(self, x: Tensor) -> Tensor:
        kept = [self.first(x)]
        for _ in range(3):
            kept.append(self.pool(kept[-1]))
        y: Tensor = self.last(torch.cat(kept, 1))
        return y


class YOLOv8(nn.Module):
    """Ultralytics' yolov8.yaml, without the means of the boxes' distributions."""

    def __init__(self, depth: float, scale: float, most: int, classes: int = 80) -> None:
        super().__init__()
        w = [int(min(width, most) * scale) for width in (64, 128, 256, 512, 1024)]
        few, many = max(round(3 * depth), 1), max(round(6 * depth), 1)
        self.to3 = nn.Sequential(
            *(ConvSiLU(3, w[0], 3, 2), ConvSiLU(w[0], w[1], 3, 2), C2f(w[1], w[1], few, True)),
            *(ConvSiLU(w[1], w[2], 3, 2), C2f(w[2], w[2], many, True)),
        )
        self.to4 = nn.Sequential(ConvSiLU(w[2], w[3], 3, 2), C2f(w[3], w[3], many, True))
        self.to5 = nn.Sequential(ConvSiLU(w[3], w[4], 3, 2), C2f(w[4], w[4], few, True), SPPF(w[4]))
        self.up4, self.up3 = C2f(w[4] + w[3], w[3], few, False), C2f(w[3] + w[2], w[2], few, False)
        boxes, scores = max(16, w[2] // 4, 64), max(w[2], min(classes, 100))

        def heads(channels: int) -> nn.ModuleDict:
            return nn.ModuleDict(
                {
                    name: nn.Sequential(ConvSiLU(channels, c), ConvSiLU(c, c), nn.Conv2d(c, out, 1))
                    for name, c, out in (("boxes", boxes, 64), ("classes", scores, classes))
                }
            )

        self.at3 = heads(w[2])
        self.step4, self.down4 = ConvSiLU(w[2], w[2], 3, 2), C2f(w[2] + w[3], w[3], few, False)
        self.at4 = heads(w[3])
        self.step5, self.down5 = ConvSiLU(w[3], w[3], 3, 2), C2f(w[3] + w[4], w[4], few, False)
        self.at5 = heads(w[4])

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        p3 = self.to3(x)
        p4 = self.to4(p3)
        p5 = self.to5(p4)
        larger = nn.Upsample(scale_factor=2)
        u4 = self.up4(torch.cat([larger(p5), p4], 1))
        u3 = self.up3(torch.cat([larger(u4), p3], 1))
        d4 = self.down4(torch.cat([self.step4(u3), u4], 1))
        d5 = self.down5(torch.cat([self.step5(d4), p5], 1))
        return {
            f"{name}.{head}": module(level)
            for name, level in (("at3", u3), ("at4", d4), ("at5", d5))
            for head, module in getattr(self, name).items()
        }


def deformable_resnet50() -> Any:
    """torchvision's ResNet-50 to its last map, without stride in the last stage, and with deformable convolutions of 4
    groups of offsets there, dilated (Dai et al. 2017). Its operator needs torchvision's compiled code to run."""
    from torchvision.models import resnet50
    from torchvision.ops import DeformConv2d

    model = resnet50(weights=None)
    for block in model.layer4:
        offsets = nn.Conv2d(512, 4 * 2 * 9, 3, padding=2, dilation=2)
        block.conv2 = nn.ModuleList([offsets, DeformConv2d(512, 512, 3, padding=2, dilation=2, bias=False)])
    model.fc = nn.Identity()
    return model


class MaskRCNNRegions(nn.Module):
    """torchvision's Mask R-CNN up to the features of its regions, and what classifies them; boxes [N, K, 4] are given
    for each level."""

    def __init__(self) -> None:
        from torchvision.models.detection import maskrcnn_resnet50_fpn

        super().__init__()
        whole = maskrcnn_resnet50_fpn(weights=None, weights_backbone=None)
        self.backbone, self.rpn, self.heads = whole.backbone, whole.rpn.head, whole.roi_heads

    def parts(self) -> list[nn.Module]:
        """Its modules in the order of the spec: the pyramid from above."""
        fpn = self.backbone.fpn
        levels = [part for number in (3, 2, 1, 0) for part in (fpn.inner_blocks[number], fpn.layer_blocks[number])]
        return [self.backbone.body, *levels, self.rpn, self.heads.box_head, self.heads.box_predictor]

    def regions(self, levels: list[Tensor], boxes: tuple[Tensor, ...], size: int) -> Tensor:
        from torchvision.ops import roi_align  # as it is written, not compiled

        align = inspect.unwrap(sys.modules[roi_align.__module__]._roi_align)

        found = []
        for number, (level, given) in enumerate(zip(levels, boxes, strict=False)):
            images = torch.arange(len(given)).repeat_interleave(given.shape[1]).to(given)[:, None]
            rois = torch.cat([images, given.flatten(0, 1)], 1)
            y = align(level, rois, 1 / 4 / 2**number, size, size, 2, False)
            found.append(y.unflatten(0, given.shape[:2]))
        return torch.cat(found, 1)

    def forward(self, image: Tensor, *boxes: Tensor) -> dict[str, Tensor]:
        levels = list(self.backbone(image).values())
        found = {}
        for number, (objects, places) in enumerate(zip(*self.rpn(levels), strict=True), 2):
            found |= {f"rpn{number}.objects": objects, f"rpn{number}.boxes": places}
        found["for_masks"] = self.regions(levels, boxes, 14)
        features = self.regions(levels, boxes, 7)
        classes, places = self.heads.box_predictor(self.heads.box_head(features.flatten(0, 1)))
        return found | {
            "classes": classes.unflatten(0, features.shape[:2]),
            "boxes": places.unflatten(0, features.shape[:2]),
        }
