"""PyTorch modules read as networks: names, sharing, views, what is not known, errors, and counts against PyTorch's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch import Tensor, nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

import cnncalc as cc  # noqa: E402
from cnncalc.errors import RequestError  # noqa: E402
from cnncalc.pytorch import build, read, reading, weights  # noqa: E402
from cnncalc.pytorch.verify_module import verify_module  # noqa: E402
from tests.oracles.reading import counted  # noqa: E402


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.relu = nn.ReLU(inplace=True)
        self.mix = nn.Conv2d(8, 8, 1)
        self.fc = nn.Linear(8, 10)
        self.forgotten = nn.Linear(3, 3)
        self.register_buffer("mean", torch.zeros(3, 1, 1))
        self.register_buffer("scratch", torch.zeros(4), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.conv(x - self.mean))
        x = self.relu(x + self.mix(x))
        return self.fc(self.mix(x).mean((2, 3)))


def test_names_functions_and_shared_weights() -> None:
    graph = read(Residual(), (3, 8, 8))
    assert [node.name for node in graph.nodes] == [
        *("input", "mean", "subtract1", "conv", "relu", "mix", "add1", "relu_2", "mix_2", "mean1", "fc")
    ]
    assert graph.node("mix_2").shares is graph.node("mix")
    costs = cc.Network.of(graph).analyze()
    assert costs.params == 8 * 28 + 8 * 9 + 9 * 10
    assert costs.buffers == 3
    assert costs.macs == counted(Residual(), torch.zeros(1, 3, 8, 8))


def test_what_nothing_uses_is_said() -> None:
    found = reading(Residual(), (3, 8, 8))
    assert dict(found.unused) == {"forgotten.weight": 9, "forgotten.bias": 3}
    assert dict(found.unstored) == {"scratch": 4}
    assert "12 parameters are not counted" in found.graph.notes
    assert "scratch" in found.graph.notes


def test_the_module_is_left_as_it_was() -> None:
    module = Residual().train()
    module.relu.eval()
    read(module, (3, 8, 8))
    assert module.training
    assert module.conv.training
    assert not module.relu.training


class Several(nn.Module):
    def forward(self, left: Tensor, right: Tensor) -> dict[str, Tensor]:
        return {"sum": left + right, "first": left[:, :1]}


def test_several_inputs_and_outputs() -> None:
    graph = read(Several(), [(3, 8, 8), (3, 8, 8)])
    assert [node.name for node in graph.inputs] == ["left", "right"]
    assert {name: node.output for name, node in graph.outputs.items()} == {"sum": (3, 8, 8), "first": (1, 8, 8)}
    again = read(Several(), (torch.zeros(2, 3, 8, 8), torch.zeros(2, 3, 8, 8)))
    assert [node.op for node in again.nodes] == [node.op for node in graph.nodes]
    named = read(Several(), {"right": (3, 8, 8), "left": (3, 8, 8)})
    assert [node.op for node in named.nodes] == [node.op for node in graph.nodes]
    with pytest.raises(RequestError, match="needs its input 'left'"):
        read(Several(), {"right": (3, 8, 8)})
    with pytest.raises(RequestError, match="has no input 'middle'"):
        read(Several(), {"middle": (3, 8, 8)})


class Unknown(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.special.bessel_j0(x) @ torch.ones(8, 8)


def test_an_op_that_is_not_known_keeps_its_shape_and_is_unknown() -> None:
    graph = read(Unknown(), (3, 8, 8))
    op = graph.node("special_bessel_j0")
    assert op.output == (3, 8, 8)
    costs = cc.Network.of(graph).analyze()
    assert costs["special_bessel_j0"].macs is None
    assert str(costs.macs).startswith("at least")
    assert int(costs.macs) == 3 * 8 * 8 * 8


def test_half_precision_and_training() -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.2)).half()
    graph = read(module, (3, 8, 8), training=True)
    assert graph.training
    assert [node.op.kind for node in graph.layers] == ["conv", "batchnorm", "dropout"]


class Branch(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        if x.sum() > 0:
            return x
        return -x


def test_control_flow_on_data_is_one_error_at_its_line() -> None:
    with pytest.raises(RequestError) as found:
        read(Branch(), (3, 8, 8))
    line = Branch.forward.__code__.co_firstlineno + 1
    assert found.value.code == "depends-on-data"
    assert f"test_read.py:{line}" in found.value.message


class Above(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x[x > 0].sum()


def test_a_size_that_depends_on_data_is_one_error_at_its_line() -> None:
    with pytest.raises(RequestError) as found:
        read(Above(), (3, 8, 8))
    assert found.value.code == "depends-on-data"
    assert f"test_read.py:{Above.forward.__code__.co_firstlineno + 1}" in found.value.message


def test_an_input_too_few_is_said_without_a_place_in_python() -> None:
    with pytest.raises(RequestError, match=r"on an input of 3x8x8: missing a required argument: 'right'"):
        read(Several(), (3, 8, 8))


def test_errors_of_the_input() -> None:
    with pytest.raises(RequestError, match="does not say what its input is"):
        read(nn.Conv2d(3, 4, 3))
    with pytest.raises(RequestError, match="does not run on an input of 5x8x8"):
        read(nn.Conv2d(3, 4, 3), (5, 8, 8))
    with pytest.raises(RequestError, match=r"no torch\.nn\.Module"):
        read(3)  # type: ignore[arg-type]


class Written(nn.Module):
    """Writes in place, into a view."""

    def forward(self, x: Tensor) -> Tensor:
        y = x.clone()
        y[:, 1:].mul_(2.0)
        return F.relu(y)


def test_a_view_written_in_place_is_read_by_who_reads_the_whole() -> None:
    graph = read(Written(), (3, 4, 4))
    names = [node.name for node in graph.nodes]
    assert names == ["input", "slice1", "power1", "written", "relu1"]
    assert [source.name for source in graph.node("relu1").inputs] == ["written"]


def test_the_face_takes_modules() -> None:
    net = cc.network(Residual(), input=(3, 16, 16))
    assert net["conv"].output == (8, 16, 16)
    assert "Residual" in repr(net)


SOURCE = """
import torch
from torch import nn
print("noise")
class Net(nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.conv = nn.Conv2d(3, width, 3)
    def forward(self, x):
        return self.conv(x)
class Broken(Net):
    def __init__(self):
        raise ValueError("no way")
net = Net(2)
number = 3
"""


def run(capsys: Any, *words: str) -> tuple[int, str, str]:
    """Exit status, output and errors of a command line."""
    from cnncalc.cli.app import app

    with pytest.raises(SystemExit) as left:
        app(list(words), prog_name="cnncalc")
    shown = capsys.readouterr()
    return int(left.value.code or 0), shown.out, shown.err


def test_the_command_line(tmp_path: Path, capsys: Any) -> None:
    file = tmp_path / "net.py"
    file.write_text(SOURCE)
    status, out, _ = run(capsys, "params", f"{file}:Net", "--input", "8", "--arg", "width=6", "--format", "json")
    assert status == 0
    assert out.startswith("{")
    assert '"params": 168' in out
    assert run(capsys, "verify", f"{file}:net", "-i", "8")[0] == 0
    assert "conv: 2" in run(capsys, "import", f"{file}:net", "-i", "8")[1]
    status, out, _ = run(capsys, "reconcile", f"{file}:net", "-i", "8")
    assert status == 0
    assert "Prints for the module" in out


@pytest.mark.parametrize(
    ("name", "words", "message"),
    [
        ("Net", (), "what is the input's size?"),
        ("Nett", ("-i", "8"), "has no 'Nett'"),
        ("number", ("-i", "8"), "is of the type int"),
        ("Broken", ("-i", "8"), "net.py:13): ValueError: no way"),
        ("Net", ("-i", "8", "--arg", "depth=3"), "cannot be called so"),
        ("Net", ("-i", "8", "--set", "a=3"), "--set is for the variables of a spec"),
    ],
)
def test_errors_of_the_command_line(
    tmp_path: Path, capsys: Any, name: str, words: tuple[str, ...], message: str
) -> None:
    file = tmp_path / "net.py"
    file.write_text(SOURCE)
    status, out, err = run(capsys, "params", f"{file}:{name}", *words)
    assert status == 2
    assert not out
    assert err.startswith("error[")
    assert message in err
    assert "Traceback" not in err


def test_a_saved_program(tmp_path: Path, capsys: Any) -> None:
    file = tmp_path / "net.pt2"
    torch.export.save(torch.export.export(nn.Sequential(nn.Conv2d(3, 4, 3)), (torch.zeros(1, 3, 8, 8),)), file)
    status, out, _ = run(capsys, "params", str(file))
    assert status == 0
    assert "112" in out


class Functional(nn.Module):
    """Layers called as functions, a module called twice, and one with children."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.act = nn.ReLU()
        self.block = nn.Sequential(nn.Conv2d(8, 8, 3), nn.BatchNorm2d(8), nn.MaxPool2d(2))
        self.fc = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        y = self.act(self.block(self.act(self.conv(x))))
        return self.fc(F.relu(F.adaptive_avg_pool2d(y, 1)).flatten(1))


@pytest.mark.parametrize("tool", ["torch", "fvcore", "ptflops", "thop", "torchinfo"])
def test_what_a_tool_prints_is_explained_line_by_line(tool: str) -> None:
    from cnncalc.costs.conventions import count_as
    from cnncalc.pytorch.tools import explained, printed

    found = reading(Functional().eval(), (3, 16, 16))
    shown, counts = printed(found, tool), count_as(found.graph, tool)
    if shown.number is None and "not installed" in shown.reason:
        pytest.skip(shown.reason)
    assert shown.number
    lines = explained(found, shown, counts)
    assert sum(line.tool for line in lines) == shown.number
    assert sum(line.layers for line in lines) == int(counts.total)
    assert all(bool(line.because) == (line.difference != 0) for line in lines)
    functions = [line for line in lines if line.modules == ("",)]
    assert [line.kinds for line in functions] == {
        "ptflops": [("global_avgpool", "relu")],
        "thop": [("global_avgpool",)],
    }.get(tool, [])


class Mixing(nn.Module):
    """Every sample of a batch with every other."""

    def forward(self, x: Tensor) -> Tensor:
        return (x @ x.transpose(-1, -2)).softmax(-1) @ x


def test_a_module_that_mixes_the_samples_of_a_batch_is_read_with_one() -> None:
    found = reading(Mixing(), (12,))
    assert cc.Network.of(found.graph).analyze().macs == counted(Mixing(), torch.zeros(1, 12)) == 24
    assert "mixes the samples of a batch" in found.graph.notes


class Odd(nn.Module):
    """Tensors of size 0, a block without gradients, windows in a pooling and a normalisation, rounded quotients."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(4)

    def forward(self, x: Tensor) -> Tensor:
        n, c, h, w = x.shape
        with torch.no_grad():
            places = torch.div(torch.arange(h, device=x.device), 2, rounding_mode="floor") + 1
        rest, whole = x[:, :, :0], x[:, :, 0:]
        x = torch.cat([rest, whole], 2) * places
        windows = x.view(n, c, 2, h // 2, 2, w // 2).permute(0, 2, 4, 1, 3, 5).reshape(n * 4, c, h // 2, w // 2)
        return F.max_pool2d(self.norm(windows), 2).reshape(n, -1)


def test_odd_forms_are_known_in_all_their_counts() -> None:
    found = reading(Odd().eval(), (4, 8, 8))
    costs = cc.Network.of(found.graph).analyze()
    assert not found.unknown
    assert found.graph.outputs["output"].output == (4 * 4 * 2 * 2,)
    assert (costs.params, costs.buffers) == (8, 8)
    assert costs.operations["compare"] == 4 * 4 * 2 * 2 * 3 + 8
    assert verify_module(found).equal


class Tied(nn.Module):
    """One weight, two biases."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.other = nn.Linear(8, 8), nn.Linear(8, 8)
        self.other.weight = self.one.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.other(self.one(x))


def test_tied_weights_count_once_and_each_bias() -> None:
    found = reading(Tied(), (8,))
    assert not found.unused
    assert cc.Network.of(found.graph).analyze().params == 64 + 16
    assert verify_module(found).equal


@pytest.mark.parametrize(
    ("size", "output", "mode"), [(4, 2, "bilinear"), (2, 4, "bilinear"), (16, 5, "bicubic"), (5, 16, "bicubic")]
)
def test_what_antialiased_resizing_covers(size: int, output: int, mode: str) -> None:
    """The elements that each output is made of are those with a gradient."""
    from cnncalc.pytorch.aten import _covered

    x = torch.zeros(1, 1, size, 1, dtype=torch.float64, requires_grad=True)
    y = F.interpolate(x, size=(output, 1), mode=mode, antialias=True)[0, 0, :, 0]
    seen = sum(int((torch.autograd.grad(one, x, retain_graph=True)[0] != 0).sum()) for one in y)
    assert _covered(size, output, 2 if mode == "bicubic" else 1) == seen


class Of(nn.Module):
    """A function of the inputs, as a module."""

    def __init__(self, function: Callable[..., Any], **parts: nn.Module) -> None:
        super().__init__()
        self.function, self.parts = function, nn.ModuleDict(parts)

    def forward(self, *inputs: Tensor) -> Any:
        return self.function(self.parts, *inputs)


LETTERS: list[tuple[str, list[tuple[int, ...]], list[str]]] = [
    ("ntc,nsc->nts", [(5, 4), (7, 4)], ["tc,sc->ts"]),
    ("...tc,...sc->...ts", [(2, 5, 4), (2, 7, 4)], ["btc,bsc->bts"]),
    ("ndhw, nchw -> nhwcd", [(3, 4, 5), (2, 4, 5)], ["dhw,chw->hwcd"]),
    ("nchw,nc->nchw", [(3, 4, 5), (3,)], ["chw,c->chw"]),
    ("nchw,nd->nd", [(3, 4, 5), (6,)], []),
    ("nij,njk,nkl->nil", [(2, 3), (3, 4), (4, 5)], ["ij,jk->ik", "ik,kl->il"]),
    ("nchw,nd->ndc", [(3, 4, 5), (6,)], ["c,d->dc"]),
]


@pytest.mark.parametrize(("equation", "shapes", "products"), LETTERS)
def test_products_by_letters_are_products(equation: str, shapes: list[tuple[int, ...]], products: list[str]) -> None:
    module = Of(lambda _, *inputs: torch.einsum(equation, *inputs))
    found = reading(module, shapes if len(shapes) > 1 else shapes[0])
    assert not found.unknown
    kinds = [node.op for node in found.graph.layers]
    assert [op.equation for op in kinds if op.kind == "einsum"] == products
    inputs = [torch.randn(2, *shape) for shape in shapes]
    assert cc.Network.of(found.graph).analyze().macs == counted(module, *[x[:1] for x in inputs])
    assert found.graph.outputs["output"].output == tuple(module(*inputs).shape[1:])
    if not any(op.kind == "opaque" for op in kinds):
        assert torch.allclose(build(found.graph)(*inputs), module(*inputs), atol=1e-5)


def test_letters_of_a_learnt_matrix_are_a_layer() -> None:
    layer = nn.Linear(4, 6, bias=False)
    module = Of(lambda parts, x: torch.einsum("ntc,oc->nto", x, parts["layer"].weight), layer=layer)
    found = reading(module, (5, 4))
    assert [node.op.kind for node in found.graph.layers] == ["linear"]
    built, x = build(found.graph), torch.randn(2, 5, 4)
    built.load_state_dict(weights(module, found.graph))
    assert torch.allclose(built(x), module(x), atol=1e-6)


def test_letters_that_cnncalc_does_not_have_are_counted() -> None:
    """Sums over the batch's neighbour, a diagonal, sizes that are spread: opaque, and by PyTorch's own counter."""
    for equation, shapes in [("nii->ni", [(3, 3)]), ("nab,ncb->nac", [(3, 4), (5, 1)])]:
        module = Of(lambda _, *inputs, equation=equation: torch.einsum(equation, *inputs))
        found = reading(module, shapes)
        assert not found.unknown
        inputs = [torch.zeros(1, *shape) for shape in shapes]
        assert cc.Network.of(found.graph).analyze().macs == counted(module, *inputs)


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
@pytest.mark.parametrize("options", [{}, {"num_layers": 2, "bidirectional": True}, {"bias": False}])
def test_recurrent_layers(kind: Any, options: dict[str, Any]) -> None:
    module = Of(lambda parts, x: parts["cells"](x)[0], cells=kind(4, 3, batch_first=True, **options)).eval()
    found = reading(module, (7, 4))
    op = found.graph.layers[0].op
    assert [node.op.kind for node in found.graph.layers] == [kind.__name__.lower()]
    assert (op.hidden, op.depth, op.bidirectional) == (3, options.get("num_layers", 1), len(options) == 2)
    x = torch.randn(2, 7, 4)
    costs = cc.Network.of(found.graph).analyze()
    assert costs.macs == counted(module, x[:1])
    assert costs.params == sum(parameter.numel() for parameter in module.parameters())
    built = build(found.graph).eval()
    built.load_state_dict(weights(module, found.graph))
    assert torch.allclose(built(x), module(x), atol=1e-6)
    assert verify_module(found).equal


def test_the_last_state_is_the_last_step() -> None:
    module = Of(lambda parts, x: parts["cells"](x)[1][0], cells=nn.LSTM(4, 3, batch_first=True)).eval()
    graph = read(module, (7, 4))
    assert [node.op.kind for node in graph.layers] == ["lstm", "slice"]
    assert graph.outputs["output"].output == (1, 3)


def test_states_of_its_own_and_projections_leave_a_recurrent_layer_counted() -> None:
    own = Of(
        lambda parts, x: parts["cells"](x, x[:, :1, :3].transpose(0, 1).contiguous())[0],
        cells=nn.GRU(4, 3, batch_first=True),
    )
    projected = Of(lambda parts, x: parts["cells"](x)[0], cells=nn.LSTM(4, 3, proj_size=2, batch_first=True))
    for module in (own, projected):
        found = reading(module, (7, 4))
        assert "opaque" in {node.op.kind for node in found.graph.layers}
        assert int(cc.Network.of(found.graph).analyze().macs) == counted(module, torch.zeros(1, 7, 4))
    assert reading(own, (7, 4)).unknown == {}
    assert reading(projected, (7, 4)).unknown == {"lstm": 1}


def test_products_with_vectors_count_though_the_counter_does_not_see_them() -> None:
    module = nn.Sequential(Of(lambda _, x: x @ torch.ones(4)), nn.Bilinear(5, 5, 2))
    found = reading(Of(lambda parts, x: parts["two"][1](y := parts["two"][0](x), y), two=module), (5, 4))
    assert cc.Network.of(found.graph).analyze().macs == 5 * 4 + 2 * 5 * 5
    assert verify_module(found).equal


def test_a_buffer_that_two_read_is_stored_once() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("scale", torch.ones(4))

        def forward(self, x: Tensor) -> Tensor:
            return x * self.scale + self.scale

    found = reading(Twice(), (4,))
    assert cc.Network.of(found.graph).analyze().buffers == 4
    assert verify_module(found).equal


class Pooled(nn.Module):
    """A convolution, and a pooling called as a function."""

    def __init__(self, by: int) -> None:
        super().__init__()
        self.conv, self.by = nn.Conv2d(3, 4, 1), by

    def forward(self, x: Tensor) -> Tensor:
        return F.max_pool2d(self.conv(x), self.by)


def test_what_a_module_with_children_gives_is_compared() -> None:
    def twice(by: int) -> nn.Module:
        return Of(lambda parts, x: parts["inner"](x).relu() + parts["inner"](x[..., :4]).sum(), inner=Pooled(by)).eval()

    found = reading(twice(2), (3, 8, 8))
    assert found.ends["parts.inner", 0] != found.ends["parts.inner", 1]
    assert verify_module(found).equal
    wrong = [mismatch for mismatch in verify_module(replace(found, module=twice(4))).mismatches if mismatch.layer]
    assert [(one.layer, one.quantity, one.cnncalc, one.other) for one in wrong] == [
        ("parts.inner.maxpool1", "output of parts.inner", (4, 4, 4), (4, 2, 2)),
        ("parts.inner.maxpool2", "output of parts.inner", (4, 4, 2), (4, 2, 1)),
    ]


@pytest.mark.parametrize(
    ("function", "kinds"),
    [
        (lambda _, x, y: torch.multiply(x, y), ["multiply"]),
        (lambda _, x, y: torch.subtract(x, torch.absolute(y)), ["apply", "subtract"]),
        (lambda _, x, y: torch.true_divide(x, torch.special.expit(y)), ["sigmoid", "divide"]),
        (lambda _, x, y: torch.special.softmax(torch.negative(x), 1) + y, ["apply", "softmax", "add"]),
    ],
)
def test_a_function_is_known_by_each_of_its_names(function: Any, kinds: list[str]) -> None:
    graph = read(Of(function), [(3, 4), (3, 4)])
    assert [node.op.kind for node in graph.layers] == kinds
    x, y = torch.randn(2, 3, 4), torch.rand(2, 3, 4) + 1
    assert torch.allclose(build(graph)(x, y), function({}, x, y), atol=1e-6)


def test_a_function_that_makes_tensors_within_is_read() -> None:
    """PyTorch's tensors without data once refused it, in a traceback; its products are in no counter."""
    module = Of(lambda _, x: F.affine_grid(x, [x.shape[0], 1, 4, 5], False))
    found = reading(module, (2, 3))
    assert found.unknown == {"affine_grid_generator": 1}
    assert found.graph.outputs["output"].output == (4, 5, 2)


def test_padding_with_a_value() -> None:
    module = Of(lambda _, x: F.pad(x, (1, 2), value=-1.5))
    built, x = build(read(module, (3, 4))), torch.randn(2, 3, 4)
    assert torch.equal(built(x), module(x))
    lowest = Of(lambda _, x: F.max_pool1d(F.pad(x, (1, 1), value=-torch.inf), 2))
    assert torch.equal(build(read(lowest, (3, 4)))(x), lowest(x))


def test_weights_by_any_name() -> None:
    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.shift, self.scale = nn.Parameter(torch.randn(4)), nn.Parameter(torch.randn(4))

        def forward(self, x: Tensor) -> Tensor:
            return F.layer_norm(x, (4,), self.scale, self.shift)

    module, x = Own(), torch.randn(2, 4)
    graph = read(module, (4,))
    built = build(graph)
    built.load_state_dict(weights(module, graph))
    assert torch.allclose(built(x), module(x), atol=1e-6)


@pytest.mark.parametrize("norm_first", [True, False])
def test_a_transformer_is_verified_on_a_processor(norm_first: bool) -> None:
    """There PyTorch runs it as one op, unless it is asked not to."""
    module = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, norm_first=norm_first).eval()
    report = verify_module(reading(module, (5, 8)))
    assert report.equal, report.mismatches
    assert torch.backends.mha.get_fastpath_enabled()


@pytest.mark.parametrize("size", [(1, 1), (3, 4), (10, 16)])
def test_nearest_exact_finds_other_elements_where_the_sizes_do_not_divide(size: tuple[int, int]) -> None:
    """There it is no `upsample`, which would give other outputs."""

    class Resized(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return nn.functional.interpolate(x, size=size, mode="nearest-exact")

    net = read(Resized(), (4, 5, 8))
    assert net.layers[-1].output == (4, *size)
    kind = net.layers[-1].op.kind
    assert kind == ("upsample" if size == (10, 16) else "opaque")
    if kind == "upsample":
        x = torch.rand(2, 4, 5, 8)
        assert torch.equal(build(net).eval()(x), Resized()(x))


def test_a_cell_without_features_is_read() -> None:
    """It has weights of size 0, and no traceback."""

    class Cell(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.cell = nn.GRUCell(0, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.cell(x[:, :0])

    analysis = cc.network(Cell(), input=(4,)).analyze()
    assert analysis.params == sum(parameter.numel() for parameter in Cell().parameters()) == 45
    assert analysis.macs == 9 * 3


def test_attention_between_the_samples_of_a_batch_is_read_with_one() -> None:
    """Unbatched attention takes the batch of [N, C] for a sequence: what a sample costs depends on it."""

    class Attends(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention = nn.MultiheadAttention(8, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.attention(x, x, x, need_weights=False)[0]

    net = cc.network(Attends(), input=(8,))
    assert net.analyze().macs == counted(Attends(), torch.rand(1, 8))
    assert "Read with a batch of one: the module mixes the samples of a batch." in net.notes
