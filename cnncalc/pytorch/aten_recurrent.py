"""The part of the table of `aten` that is of recurrent layers and their cells."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

from cnncalc import ops
from cnncalc.ops.base import Op, cost_numbers
from cnncalc.pytorch.walk import Step
from cnncalc.reading.drafts import Draft, Value
from cnncalc.reading.forms import inseparable, weight
from cnncalc.reading.steps import OPERATIONS, Result, Unread, entries

RECURRENT: dict[str, Callable[[Step], Result]] = {}
entry = entries(RECURRENT)


@entry("lstm", "gru")
def recurrent(step: Step) -> Result:
    """Layers of long short-term memory or gated units: every step, and the last states. In a form that is none of
    cnncalc's, such as one that begins with states of its own, opaque with the layers' counts."""
    x, kind = step["input"], ops.LSTM if step.name == "lstm" else ops.GRU
    if not isinstance(x, Value) or "params" not in step.args or len(x.shape) != 3:
        raise Unread  # a packed sequence
    owns = [weight(value) for value in step["params"]]
    hidden, features = owns[1].shape[0] // kind.gates, owns[1].shape[1]
    op = kind(hidden, depth=step["num_layers"], bidirectional=step["bidirectional"], bias=step["has_biases"])
    batch = 0 if step["batch_first"] else 1
    if x.axis != batch or inseparable(x) or features != hidden or not _starts_at_zero(step):
        return _counted(step, op, x, owns, batch, step["params"])
    draft = step.draft(op, [step.walk.drafted(x)], owns)
    states = [_last(step, draft, op, number) for number in range(1, len(step.shapes))]
    return (Value(step.shape, x.batch, x.axis, draft), *states)


def _starts_at_zero(step: Step) -> bool:
    """Whether the states before the first step are zeros."""
    given: Any = step.node.args[1]
    states = given if isinstance(given, (list, tuple)) else [given]
    return all(str(state.target) == "aten.zeros.default" for state in states)


def _last(step: Step, draft: Draft, op: ops.LSTM | ops.GRU, number: int) -> Value:
    """The states after the last step: those of one layer in one direction are the last that it gives."""
    shape = step.shapes[number]
    if number == 1 and op.depth == op.directions == 1:
        steps = draft.output[0]
        return step.value(step.between(ops.Slice((steps - 1, steps), axis=0), draft), shape)
    value = step.value(None, shape)
    moved = ops.Opaque(value.sizes, others=0)
    state = step.walk.add(Draft(moved, (draft,), value.sizes, step.calls, name="state"))
    return step.value(state, shape)


def _counted(
    step: Step, op: ops.LSTM | ops.GRU, x: Value, owns: list[Value], batch: int, params: list[Value]
) -> Result:
    """Layers as an opaque op, with the counts of `op` over the steps; of projected states, the multiply-accumulates by
    PyTorch's counter alone, and the others are unknown."""
    steps, samples = x.shape[1 - batch], x.shape[batch]
    if x.axis is not None and not x.folded and x.axis != batch:
        steps, samples = steps // x.batch, samples  # the batch is taken for the steps
    elif x.axis == batch:
        samples //= x.batch
    else:
        raise Unread
    if op.hidden != params[1].shape[1]:
        step.walk.unknown[step.name] = step.walk.unknown.get(step.name, 0) + 1
        return step.opaque(owns, mac=step.macs(), compare=0)
    return step.opaque(owns, **_counts(op, steps, x.shape[2], samples))


def _counts(op: Op, steps: int, features: int, samples: int = 1) -> dict[str, int]:
    """The operations of an op over a sequence."""
    shape = (steps, features)
    costs = cost_numbers(op, (shape,), op.output_shape(shape))
    return {option[:-1]: (costs.get(option[:-1], 0) or 0) * samples for option in OPERATIONS}


@entry("lstm_cell", "gru_cell")
def cell(step: Step) -> Result:
    """One step of long short-term memory or of gated units."""
    kind = ops.LSTM if step.name == "lstm_cell" else ops.GRU
    x, owns = step["input"], [step["w_ih"], step["w_hh"], step["b_ih"], step["b_hh"]]
    op = kind(owns[1].shape[1], bias=owns[2] is not None)
    return step.opaque(owns, **_counts(op, prod(x.sizes[:-1]), x.shape[-1]))


@entry("rnn_tanh", "rnn_relu", "rnn_tanh_cell", "rnn_relu_cell")
def plain(step: Step) -> Result:
    """A plain recurrent layer, or one step of one: its products, their sum, the biases and the activation."""
    x, single = step["input"], step.name.endswith("cell")
    owns = [step[name] for name in ("w_ih", "w_hh", "b_ih", "b_hh")] if single else list(step["params"])
    kernels = [value for value in owns if value is not None and len(value.shape) == 2]
    if not isinstance(x, Value) or not all(isinstance(value, Value) for value in kernels):
        raise Unread
    rows = prod(x.sizes[:-1])
    hidden = kernels[0].shape[0] * len(kernels) // 2 * rows
    activation = ops.Tanh() if "tanh" in step.name else ops.ReLU()
    numbers = cost_numbers(activation, ((hidden,),), (hidden,))
    counts = {option[:-1]: numbers.get(option[:-1], 0) or 0 for option in OPERATIONS}
    counts["mac"] = rows * sum(value.elements for value in kernels)
    biases = any(value is not None and len(value.shape) == 1 for value in owns)
    counts["add"] += hidden * (3 if biases else 1)
    return step.opaque(owns, **counts)
