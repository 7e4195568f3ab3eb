"""Counts by loops that visit each multiplication, one at a time."""

from itertools import product


def slow_convolution(c_in, c_out, sizes, k, s, p, d, groups):
    """Outputs, weights and multiplications of a convolution, by visiting each of them."""
    starts = [[i for i in range(-p, n + p) if i + d * (k - 1) < n + p and (i + p) % s == 0] for n in sizes]
    outputs = multiplications = 0
    weights = set()
    for out_channel in range(c_out):
        group = out_channel // (c_out // groups)
        for _ in product(*starts):
            outputs += 1
            for in_channel in range(group * (c_in // groups), (group + 1) * (c_in // groups)):
                for tap in product(range(k), repeat=len(sizes)):
                    weights.add((out_channel, in_channel, tap))
                    multiplications += 1
    return outputs, len(weights), multiplications
