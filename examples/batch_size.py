"""How many images of a network's input size fit in the memory of a card, for inference and for training?"""

from cnncalc import expand, load
from cnncalc.costs.memory import largest_batch, parse_bytes

CARD = parse_bytes("24GiB")

print(f"{'network':16} {'inference':>10} {'training':>10}")
for name in ("alexnet", "vgg16", "resnet50", "densenet121", "mobilenet_v2"):
    network = expand(load(name))
    fits = [largest_batch(network, CARD, training=training, optimizer="sgd") for training in (False, True)]
    print(f"{name:16} {fits[0]:10,} {fits[1]:10,}")
