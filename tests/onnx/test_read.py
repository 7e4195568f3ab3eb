"""ONNX files read as networks: sizes and symbols, names, weights, what is not known, and what is refused."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import cnncalc as cc
from cnncalc.cli.app import app
from cnncalc.errors import RequestError
from cnncalc.onnx import read, reading
from tests.fuzz.onnx import choices, convolutions, model, node, outside, sizes, tokens


def saved(found: Any, path: Path = Path("net.onnx")) -> Path:
    path.write_bytes(found.SerializeToString())
    return path


def chain(*nodes: Any, shape: Any = ("n", 3, 8, 8), **stored: tuple[int, ...]) -> Path:
    """A file of nodes from x to y."""
    return saved(model(list(nodes), stored, list(shape), {}))


def test_convolutions_count_as_written_out() -> None:
    graph = read(saved(convolutions()))
    analysis = cc.Network.of(graph).analyze()
    assert [row.name for row in analysis.layers] == ["c", "n", "u", "d", "t", "p", "q", "g", "f", "l"]
    conv, transposed, linear = 8 * 3 * 9, 8 * 4 * 4, 12 * 10
    assert analysis.params == conv + 8 + 16 + transposed + linear + 10
    assert analysis.buffers == 16
    assert analysis.macs == conv * 8 * 8 + transposed * 4 * 4 + linear
    assert [node.op.kind for node in graph.layers] == [
        *("conv", "batchnorm", "silu", "maxpool", "conv_transpose", "avgpool", "concat", "global_avgpool", "flatten"),
        "linear",
    ]


def test_sizes_are_reckoned_with() -> None:
    graph = read(saved(sizes()))
    assert [(node.op.kind, node.output) for node in graph.layers] == [
        ("upsample", (2, 16, 16)),
        ("pad", (2, 18, 18)),
        *[("slice", (1, 18, 18))] * 2,
        ("add", (1, 18, 18)),
        ("permute", (18, 18, 1)),
        ("slice", (4, 18, 1)),
        ("mean", (18, 1)),
        ("flatten", (18,)),
        ("softmax", (18,)),
    ]


def test_attention_and_recurrence() -> None:
    analysis = cc.Network.of(read(saved(tokens()))).analyze()
    assert analysis.params == 12 * 12 + 12 + 24 + 20 * (12 + 5) + 40
    assert analysis.macs == 6 * 12 * 12 + 2 * 3 * 6 * 6 * 4 + 6 * 20 * (12 + 5)
    assert analysis.network.outputs["output"].output == (5,)


def test_a_choice_that_is_known_is_made_and_lists_are_cut() -> None:
    graph = read(saved(choices()))
    assert [(node.name, node.op.kind) for node in graph.layers] == [("a3", "relu"), ("list", "slice")]
    assert graph.outputs["output"].output == (3, 4, 4)


@pytest.mark.parametrize("batch", ["n", 1, 3, None])
def test_the_batch_is_taken_away(batch: Any) -> None:
    path = chain(node("Flatten", "x", to="f"), node("MatMul", "f", "w", to="y"), shape=(batch, 3, 8, 8), w=(192, 10))
    assert read(path).outputs["output"].output == (10,)
    assert read(path, batch=7).outputs["output"].output == (10,)


def test_a_graph_of_one_sample_is_read_with_one() -> None:
    found = model([node("Reshape", "x", "shape", to="y")], {}, ["n", 3, 8, 8], {"shape": [1, 192]})
    assert reading(saved(found)).batch == 1
    assert read(saved(found)).outputs["output"].output == (192,)


def test_open_sizes_are_asked_for() -> None:
    path = chain(node("Relu", "x", to="y"), shape=("n", 3, "height", "width"))
    with pytest.raises(RequestError) as caught:
        read(path)
    assert (caught.value.code, caught.value.hint) == ("no-input", "say it: --input 3x224x224")
    for given, shape in ((32, (3, 32, 32)), ((32, 16), (3, 32, 16)), ((5, 32, 16), (5, 32, 16))):
        assert read(path, given).input == shape
    with pytest.raises(RequestError, match="has 3 sizes without the batch, not 4"):
        read(path, (1, 3, 8, 8))


def test_several_inputs_share_symbols() -> None:
    names = {"left": ["n", 3, "h", "w"], "right": ["n", 3, "h", "w"], "scale": []}
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in names.items()]
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    nodes = [helper.make_node("Add", ["left", "right"], ["s"]), helper.make_node("Mul", ["s", "scale"], ["y"])]
    path = saved(helper.make_model(helper.make_graph(nodes, "two", inputs, [y])))
    graph = read(path, {"left": (3, 8, 8)})
    assert [node.output for node in graph.inputs] == [(3, 8, 8), (3, 8, 8), (1,)]
    assert graph.outputs["output"].output == (3, 8, 8)
    with pytest.raises(RequestError, match="would be 8 and 9"):
        read(path, {"left": (3, 8, 8), "right": (3, 9, 8)})
    with pytest.raises(RequestError, match="no input 'middle'"):
        read(path, {"middle": (3, 8, 8)})
    with pytest.raises(RequestError, match="leaves the size of 'left' open"):
        read(path)


def test_names_say_the_modules() -> None:
    conv = helper.make_node("Conv", ["x", "stage.0.conv.weight"], ["a"], name="Conv_0")  # by its weights
    relu = helper.make_node("Relu", ["a"], ["b"], name="/stage/stage.0/act/Relu")  # by its path
    add = helper.make_node("Add", ["b", "a"], ["c"], name="/stage/stage.0/Add")
    tanh = helper.make_node("Tanh", ["c"], ["d"], name="node_tanh")  # by its metadata
    tanh.metadata_props.add(key="pkg.torch.onnx.name_scopes", value="['', 'head', 'head.act', 'tanh']")
    own = helper.make_node("Sigmoid", ["d"], ["y"], name="last one")
    path = chain(conv, relu, add, tanh, own, **{"stage.0.conv.weight": (4, 3, 3, 3)})
    assert [node.name for node in read(path).layers] == [
        *("stage.0.conv", "stage.0.act", "stage.0.add1", "head.act", "last_one")
    ]


@pytest.mark.parametrize("options", [{}, {"is_causal": 1, "scale": 0.5}])
def test_attention_as_one_operator(options: dict[str, Any]) -> None:
    heads = {"q_num_heads": 3, "kv_num_heads": 3, **options}
    one = model([helper.make_node("Attention", ["x", "x", "x"], ["y"], **heads)], {}, ["n", 6, 12], {})
    analysis = cc.Network.of(read(saved(one))).analyze()
    assert (analysis.layers[0].op.kind, analysis.macs) == ("attention", 2 * 6 * 6 * 12)
    split = model([helper.make_node("Attention", ["x", "x", "x"], ["y"], **options)], {}, ["n", 3, 6, 4], {})
    assert reading(saved(split)).unknown == {}
    assert cc.Network.of(read(saved(split))).analyze().macs == 2 * 6 * 6 * 12


def test_a_product_by_letters() -> None:
    nodes = [node("Einsum", "x", "x", to="y", equation="ntc,nsc->nts")]
    analysis = cc.Network.of(read(saved(model(nodes, {}, ["n", 6, 12], {})))).analyze()
    assert (analysis.layers[0].op.kind, analysis.macs) == ("einsum", 6 * 6 * 12)
    for equation in ("ntc,cd->ntd", "...c, cd -> ...d"):
        nodes = [node("Einsum", "x", "w", to="y", equation=equation)]
        analysis = cc.Network.of(read(saved(model(nodes, {"w": (12, 5)}, ["n", 6, 12], {})))).analyze()
        assert (analysis.params, analysis.macs) == (60, 6 * 12 * 5)


@pytest.mark.parametrize(
    ("equation", "inputs", "kinds", "macs"),
    [
        ("ntc,nsc->nts", 2, ["einsum"], 6 * 6 * 12),
        ("...tc,...sc->...ts", 2, ["einsum"], 6 * 6 * 12),
        ("nab,ncb,ncd->nad", 3, ["einsum", "einsum"], 2 * 6 * 6 * 12),
        ("nab,ncd->nbd", 2, ["sum", "sum", "einsum"], 0),
        ("nab->nba", 1, ["permute"], 0),
        ("nab->nb", 1, ["sum"], 0),
        ("nab,nab->nab", 2, ["einsum"], 0),
    ],
)
def test_products_by_letters_are_what_onnxruntime_runs(equation: str, inputs: int, kinds: list[str], macs: int) -> None:
    runtime = pytest.importorskip("onnxruntime")
    pytorch = pytest.importorskip("cnncalc.pytorch")
    import torch

    path = saved(model([node("Einsum", *["x"] * inputs, to="y", equation=equation)], {}, ["n", 6, 12], {}))
    found = reading(path)
    assert ([one.op.kind for one in found.graph.layers], found.unknown) == (kinds, {})
    assert cc.Network.of(found.graph).analyze().macs == macs
    x = np.random.default_rng(0).standard_normal((2, 6, 12), np.float32)
    expected = runtime.InferenceSession(path).run(None, {"x": x})[0]
    np.testing.assert_allclose(pytorch.build(found.graph)(torch.from_numpy(x)).numpy(), expected, rtol=1e-4, atol=1e-4)


def test_quantised_weights_count_as_what_they_stand_for() -> None:
    whole = {"w": ((4, 3, 3, 3), TensorProto.INT8), "b": ((4,), TensorProto.INT32), "z": ((), TensorProto.INT8)}
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        helper.make_node("QLinearConv", ["q", "s", "z", "w", "s", "z", "s", "z", "b"], ["c"], name="first"),
        helper.make_node("DequantizeLinear", ["c", "s", "z"], ["d"]),
        helper.make_node("DequantizeLinear", ["v", "s", "z"], ["v2"]),
        helper.make_node("Conv", ["d", "v2"], ["y"], name="second"),
    ]
    found = model(nodes, {"s": ()}, ["n", 3, 8, 8], {})
    for name, (shape, kind) in {**whole, "v": ((5, 4, 1, 1), TensorProto.INT8)}.items():
        found.graph.initializer.append(helper.make_tensor(name, kind, shape, [1] * int(np.prod(shape))))
    result = reading(saved(found))
    analysis = cc.Network.of(result.graph).analyze()
    assert result.unknown == {}
    assert (analysis.params, analysis.macs) == (108 + 4 + 20, (108 + 20) * 36)


def test_names_are_made_printable() -> None:
    nodes = [
        helper.make_node("\x1b[2J", ["x"], ["a"], domain="com.example"),
        helper.make_node("Add", ["a", "b.\x1b[2J\u202e"], ["b"], name="\x1b[2J/\n/Add"),
        helper.make_node("Relu", ["b"], ["y"], name="y" * 5000),
    ]
    found = model(nodes, {"b.\x1b[2J\u202e": (3, 8, 1)}, ["n", 3, 8, 8], {})
    found.graph.value_info.append(helper.make_tensor_value_info("a", TensorProto.FLOAT, [None, 3, 8, 8]))
    with pytest.raises(RequestError, match="the shape of 'a' is not known"):
        read(saved(found))
    del found.graph.value_info[:]
    found.graph.value_info.append(helper.make_tensor_value_info("a", TensorProto.FLOAT, ["n", 3, 8, 8]))
    graph = read(saved(found))
    assert all(node.name.isprintable() and len(node.name) < 200 for node in graph.nodes)
    assert graph.notes.isprintable()


def test_matrices_are_shared_and_equal_vectors_are_not() -> None:
    nodes = [
        node("Conv", "x", "w", "b", to="a", pads=[1] * 4),
        node("Conv", "a", "w", "b", to="c", pads=[1] * 4),
        node("Conv", "c", "v", "b", to="y"),
    ]
    analysis = cc.Network.of(read(chain(*nodes, w=(3, 3, 3, 3), v=(3, 3, 1, 1), b=(3,)))).analyze()
    assert analysis.params == 81 + 3 + 9 + 3  # the exporter wrote the zeros of two biases once
    assert analysis.macs == (81 + 81 + 9) * 64


def test_a_shared_matrix_with_a_bias_of_its_own() -> None:
    nodes = [node("Conv", "x", "w", to="a"), node("Conv", "a", "w", "b", to="y")]
    analysis = cc.Network.of(read(chain(*nodes, w=(3, 3, 1, 1), b=(3,)))).analyze()
    assert (analysis.params, analysis.macs) == (9 + 3, 2 * 9 * 64)


def test_an_operator_of_another_domain_is_unknown_and_named() -> None:
    nodes = [node("Conv", "x", "w", to="a"), helper.make_node("Magic", ["a", "m"], ["y"], domain="com.example")]
    found = model(nodes, {"w": (4, 3, 1, 1), "m": (5, 5)}, ["n", 3, 8, 8], {})
    with pytest.raises(RequestError, match="the shape of 'y' is not known") as caught:
        read(saved(found))
    assert caught.value.code == "unknown-shape"
    shape = found.graph.output[0].type.tensor_type.shape
    for size in ("n", 4, 2, 2):
        shape.dim.add(**({"dim_value": size} if isinstance(size, int) else {"dim_param": size}))
    result = reading(saved(found))
    assert result.unknown == {"Magic": 1}
    assert "Magic" in result.graph.notes
    analysis = cc.Network.of(result.graph).analyze()
    assert analysis.layers[-1].output == (4, 2, 2)
    assert analysis.layers[-1].macs is None
    assert analysis.params == 12 + 25
    assert "at least" in str(analysis.macs)


def test_a_standard_operator_without_an_entry_keeps_its_shape() -> None:
    result = reading(chain(node("Hardmax", "x", to="y")))
    assert (result.unknown, result.graph.layers[0].output) == ({"Hardmax": 1}, (3, 8, 8))


def test_weights_are_not_read_and_no_other_file_is_opened(tmp_path: Path) -> None:
    opened: list[str] = []
    active = True
    sys.addaudithook(lambda event, given: opened.append(str(given[0])) if active and event == "open" else None)
    path = saved(outside(), tmp_path / "outside.onnx")
    opened.clear()
    graph = read(path)
    active = False
    assert set(opened) == {str(path)}
    assert cc.Network.of(graph).analyze().params == 216 + 8 + 16 + 128 + 120 + 10


def test_large_weights_take_no_memory(tmp_path: Path) -> None:
    found = convolutions()
    found.graph.initializer[0].CopyFrom(helper.make_tensor("c.weight", TensorProto.FLOAT, [8, 3, 3, 3], [0.0] * 216))
    tensor = found.graph.initializer.add()
    tensor.CopyFrom(numpy_helper.from_array(np.zeros(2**22, np.float32), "large"))
    from cnncalc.onnx.file import without_weights

    data = found.SerializeToString()
    assert len(data) > 2**24
    slim = without_weights(data)
    assert len(slim) < 2**14
    kept = onnx.ModelProto.FromString(slim)
    assert [list(each.dims) for each in kept.graph.initializer] == [list(each.dims) for each in found.graph.initializer]
    assert reading(saved(found)).unused == {"large": 2**22}


@pytest.mark.parametrize("opset", [7, 9, 10, 11, 13, 17, 21])
def test_opsets(opset: int) -> None:
    """Sizes as attributes, and as inputs."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4, 8, 8])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    numbers: dict[str, list[int]] = {}

    def given(kind: str, since: int, to: str, source: str, **values: list[int]) -> Any:
        if opset < since:
            return helper.make_node(kind, [source], [to], **values)
        numbers.update({f"{to}_{name}": value for name, value in values.items()})
        return helper.make_node(kind, [source, *(f"{to}_{name}" for name in values)], [to])

    nodes = [
        given("Slice", 10, "a", "x", starts=[0, 2], ends=[4, 100], axes=[1, 2]),
        given("Pad", 11, "b", "a", pads=[0, 0, 1, 1, 0, 0, 1, 1]),
        given("Unsqueeze", 13, "c", "b", axes=[1]),
        given("Squeeze", 13, "d", "c", axes=[1]),
        given("ReduceMean", 18, "e", "d", axes=[2, 3]),
        helper.make_node("Flatten", ["e"], ["y"]),
    ]
    stored = [helper.make_tensor(name, TensorProto.INT64, [len(value)], value) for name, value in numbers.items()]
    graph = helper.make_graph(nodes, "old", [x], [y], stored)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    kinds = [(node.op.kind, node.output) for node in read(saved(made)).layers]
    assert kinds == [
        ("slice", (4, 6, 8)),
        ("pad", (4, 8, 10)),
        ("reshape", (1, 4, 8, 10)),
        ("reshape", (4, 8, 10)),
        ("global_avgpool", (4, 1, 1)),
        ("flatten", (4,)),
    ]


def run(capsys: Any, *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as caught:
        app(list(words))
    captured = capsys.readouterr()
    return int(caught.value.code or 0), captured.out, captured.err


COMMANDS = "params flops shapes memory rf explain check bottleneck reconcile import plot"


@pytest.mark.parametrize("command", COMMANDS.split())
def test_every_command_takes_a_file(command: str, capsys: Any) -> None:
    status, out, err = run(capsys, command, str(saved(convolutions())))
    assert (status, err) == (0, "")
    assert "conv" in out or command in ("check", "explain", "bottleneck", "reconcile", "plot")


def test_the_page_and_comparisons_take_files(capsys: Any) -> None:
    path = str(saved(convolutions()))
    assert run(capsys, "compare", path, "lenet5")[0] == 0
    assert run(capsys, "page", path, "-o", "page.html")[0] == 0
    assert run(capsys, "show", "--expanded", path)[0] == 0
    status, out, err = run(capsys, "sweep", path, "--vary", "input=16:32:16", "--columns", "input,macs", "-f", "csv")
    assert (status, len(out.splitlines())) == (0, 3)
    assert "macs" in out.splitlines()[0]
    status, out, err = run(capsys, "import", path, "-o", path)
    assert (status, err.splitlines()[0]) == (2, "error[request]: 'net.onnx' is the network itself")
    assert run(capsys, "show", path)[2].startswith("error[request]: an ONNX file has no spec")
    assert run(capsys, "params", path, "--classes", "3")[0] == 2
    assert run(capsys, "params", path, "--input", "32")[1].startswith("net: input 3x32x32")


def test_python_takes_a_path() -> None:
    path = saved(convolutions())
    assert cc.network(path).analyze().params == cc.network(str(path), input=32).analyze().params
    with pytest.raises(RequestError, match="--training does not change an ONNX file"):
        cc.network(path, training=True)


def test_a_spec_of_it_gives_the_same_network() -> None:
    net = cc.network(saved(convolutions()))
    again = cc.network(net.to_yaml())
    assert [(node.name, node.op, node.output) for node in again.nodes] == [
        (node.name, node.op, node.output) for node in net.nodes
    ]


BAD: dict[str, tuple[bytes, str, str]] = {
    "nothing": (b"", "another-file", "is empty"),
    "text": (b"input: [3, 8, 8]\n", "another-file", "is no ONNX file"),
    "cut off": (convolutions().SerializeToString()[:-200], "another-file", "is no ONNX file"),
    "without a graph": (onnx.ModelProto(ir_version=8).SerializeToString(), "another-file", "is no ONNX file"),
}


@pytest.mark.parametrize("name", BAD)
def test_other_files_are_refused(name: str, capsys: Any) -> None:
    data, code, words = BAD[name]
    Path("bad.onnx").write_bytes(data)
    with pytest.raises(RequestError, match=words) as caught:
        read("bad.onnx")
    assert caught.value.code == code
    status, out, err = run(capsys, "params", "bad.onnx")
    assert (status, out) == (2, "")
    assert err.startswith(f"error[{code}]: ")


def test_no_file_and_a_folder() -> None:
    with pytest.raises(RequestError, match=r"there is no file 'none\.onnx'"):
        read("none.onnx")
    Path("folder.onnx").mkdir()
    with pytest.raises(RequestError, match="is a folder"):
        read("folder.onnx")


def wrong(**changes: Any) -> Any:
    """A convolution and something after it, changed."""
    options = {"kernel_shape": [3, 3], **changes.get("options", {})}
    nodes = [helper.make_node("Conv", ["x", changes.get("weight", "w")], ["a"], name="conv", **options)]
    nodes += changes.get("nodes", [helper.make_node("Relu", ["a"], ["y"])])
    return model(nodes, {"w": changes.get("sizes", (4, 3, 3, 3))}, changes.get("shape", ["n", 3, 8, 8]), {})


WRONG: dict[str, tuple[Any, str]] = {
    "a circle": (wrong(weight="y"), "reads 'y', which nothing before it gives"),
    "two of a name": (wrong(nodes=[helper.make_node("Relu", ["a"], ["a"])]), "defines the tensor 'a' twice"),
    "no output": (wrong(nodes=[]), "the output 'y' is given by no node"),
    "a stride of 0": (wrong(options={"strides": [0, 1]}), "its strides cannot be"),
    "a negative padding": (wrong(options={"pads": [-9, 0, 0, 0]}), "its pads cannot be"),
    "an attribute of another type": (wrong(options={"group": "two"}), "its attribute 'group' has another type"),
    "a kernel larger than the image": (wrong(shape=["n", 3, 2, 2]), "is larger than its input"),
    "other channels": (wrong(shape=["n", 5, 8, 8]), "do not fit an input"),
    "huge weights": (wrong(sizes=(4, 3, 2**40, 3)), "impossible sizes"),
    "a huge input": (wrong(shape=["n", 3, 2**50, 8]), "an input has 1 to 6 sizes"),
    "a size of 0": (
        wrong(nodes=[helper.make_node("Slice", ["a", "z", "z"], ["y"])]),
        "which nothing before it gives",
    ),
    "an old opset": (helper.make_model(wrong().graph, opset_imports=[helper.make_opsetid("", 3)]), "of opset 3"),
}


@pytest.mark.parametrize("name", WRONG)
def test_graphs_that_are_no_networks(name: str) -> None:
    found, words = WRONG[name]
    with pytest.raises(RequestError) as caught:
        read(saved(found))
    assert words in caught.value.message


def test_what_takes_too_much_is_refused() -> None:
    many = [helper.make_node("Relu", ["x" if not n else f"a{n}"], [f"a{n + 1}"]) for n in range(50_001)]
    with pytest.raises(RequestError) as caught:
        read(saved(model(many, {}, ["n", 3, 8, 8], {})))
    assert caught.value.code == "too-many-layers"
    # Reckoning with more numbers than the bound is left alone: what it gives keeps its shape.
    large = [helper.make_node("Range", ["zero", "large", "one"], ["y"])]
    graph = read(saved(model(large, {}, ["n", 3], {"zero": 0, "one": 1, "large": 10**6})))
    assert graph.outputs["output"].output == (10**6,)


def test_a_description_larger_than_any_is_refused(tmp_path: Path) -> None:
    data = b"\x3a\x80\x80\x80\x20" + b"\x52\xfb\xff\xff\x1f" + b"a" * (2**26 - 5)  # a graph's documentation, 64 MiB
    (tmp_path / "net.onnx").write_bytes(data)
    with pytest.raises(RequestError) as caught:
        read(tmp_path / "net.onnx")
    assert caught.value.code == "too-large"
    many = [helper.make_tensor_value_info("", TensorProto.FLOAT, None) for _ in range(2)]
    found = model([node("Relu", "x", to="y")], {}, ["n", 3], {})
    found.graph.value_info.extend(many * 160_000)
    with pytest.raises(RequestError, match="more than 300,000 tensors and nodes"):
        read(saved(found))


def test_deep_choices_are_refused_or_read() -> None:
    """protobuf itself refuses what is nested deeper than 100 messages."""

    def branch(depth: int) -> Any:
        inner = helper.make_node("Relu", ["x"], [f"y{depth}"])
        if depth:
            graph = branch(depth - 1)
            inner = helper.make_node("If", ["yes"], [f"y{depth}"], then_branch=graph, else_branch=graph)
        output = helper.make_tensor_value_info(f"y{depth}", TensorProto.FLOAT, None)
        return helper.make_graph([inner], "b", [], [output])

    yes = helper.make_node("Constant", [], ["yes"], value=helper.make_tensor("v", TensorProto.BOOL, [], [True]))
    last = helper.make_node("If", ["yes"], ["y"], then_branch=branch(9), else_branch=branch(0))
    assert read(saved(model([yes, last], {}, ["n", 3], {}))).layers[0].op.kind == "relu"
    deep = b""
    for _ in range(60):  # attribute.g.node.attribute, by hand: helper would copy each 60 times
        node_bytes = b"\x0a\x01x" + b"\x22\x02If" + b"\x2a" + _length(deep) + deep
        graph_bytes = b"\x0a" + _length(node_bytes) + node_bytes
        deep = b"\x0a\x01g" + b"\xa0\x01\x05" + b"\x32" + _length(graph_bytes) + graph_bytes
    Path("deep.onnx").write_bytes(b"\x3a" + _length(graph_bytes) + graph_bytes)
    with pytest.raises(RequestError, match="is no ONNX file"):
        read("deep.onnx")


def _length(data: bytes) -> bytes:
    from cnncalc.onnx.file import _varint

    return _varint(len(data))
