"""How many images of a network's input size fit in the memory of a card, for inference and for training?"""

import cnncalc as cc

CARD = "24GiB"

print(f"{'network':16} {'inference':>10} {'training':>10}")
for name in ("alexnet", "vgg16", "resnet50", "densenet121", "mobilenet_v2"):
    memory = cc.network(name).analyze().memory
    inference = memory.largest_batch(CARD, training=False)
    training = memory.largest_batch(CARD, optimizer="sgd")
    print(f"{name:16} {inference:10,} {training:10,}")
