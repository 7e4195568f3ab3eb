"""Charts and drawings: their data is the analysis', and files of them are as wide as asked."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

import cnncalc as cc
from cnncalc.render import diagram, svg
from cnncalc.render.chart import MIME
from cnncalc.render.drawing import ENTRY, EXIT
from cnncalc.render.figure import measured, parse_width
from cnncalc.views import Detail, charts
from cnncalc.views.drawing import drawing
from cnncalc.zoo import load
from cnncalc.zoo.catalogue import accuracy
from tests.test_cli import run
from tests.test_unknown import Mystery

NAMES = ["lenet5", "resnet18", "googlenet", "unet", "densenet121", "hrnet_w18"]


@pytest.mark.parametrize("name", NAMES)
def test_the_depth_chart_adds_up_to_the_totals(name: str) -> None:
    analysis = cc.network(name).analyze()
    values = charts.depth(analysis).values
    assert sum(value["params"] for value in values) == analysis.params
    assert sum(value["macs"] for value in values) == analysis.macs
    assert sum(value["bytes"] for value in values) == analysis.memory.traffic


@pytest.mark.parametrize("name", NAMES)
def test_the_memory_chart_peaks_where_the_peak_is(name: str) -> None:
    analysis = cc.network(name).analyze(batch=2)
    chart = charts.memory(analysis)
    assert max(value["total"] for value in chart.values) == analysis.memory.peak
    (peak,) = [value for value in chart.values if value["peak"]]
    assert analysis.memory.peak_node is not None
    assert peak["layer"] == analysis.memory.peak_node.name
    tensors = chart.panels[1]["data"]["values"]
    assert sum(held["bytes"] for held in tensors) == analysis.memory.peak


@pytest.mark.parametrize("name", NAMES)
def test_every_layer_that_computes_is_under_the_roof(name: str) -> None:
    result = cc.network(name).analyze().roofline("a100")
    values = charts.roofline(result).values
    computing = [row.name for row in result.costs.layers if result.of(row).seconds and row.flops]
    assert [value["layer"] for value in values] == computing
    peak, bandwidth = result.device.peak("float32"), result.device.bandwidth
    for value in values:
        assert value["flops_per_second"] == pytest.approx(min(peak, bandwidth * value["intensity"]))


def test_the_field_grows_as_the_analysis_says() -> None:
    analysis = cc.network("vgg16").analyze()
    sizes = {(value["layer"], value["dimension"]): value["size"] for value in charts.field(analysis).values}
    assert sizes["block1.conv1", "height"] == 3
    assert all(sizes[row.name, "width"] == row.receptive_field.size[1] for row in analysis.layers)


def test_networks_without_accuracy_are_named() -> None:
    text = run("plot", "resnet18", "vgg16", "lenet5", "--format", "vegalite").stdout
    found = json.loads(text)
    points = found["layer"][0]["data"]["values"]
    assert [(point["name"], point["macs"], point["top1"]) for point in points] == [
        ("resnet18", 1_814_073_344, 69.758),
        ("vgg16", 15_470_264_320, 71.592),
    ]
    assert "LeNet-5" in " ".join(found["title"]["text"])


def test_a_flat_network_has_no_field_to_draw(tmp_path: Path) -> None:
    file = tmp_path / "flat.yaml"
    file.write_text("input: [3]\nlayers:\n  - {linear: 4}\n")
    assert "its input is flat" in run("plot", str(file), "--kind", "field", status=2).stderr


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("depth", [1, 2, 9])
def test_a_drawing_has_every_layer_and_every_edge_once(name: str, depth: int) -> None:
    network = cc.network(name)
    found = drawing(network, depth)
    drawn = [node.index for leaf in found.leaves() for node in leaf.nodes]
    assert sorted(drawn) == list(range(len(network.nodes)))
    for box in [*(box for box in found.boxes if box.inside), None]:
        inner = found if box is None else box.inside
        assert inner is not None
        rows = {slot.box: number for number, row in enumerate(inner.rows) for slot in row if not slot.lane}
        assert sorted(rows) == list(range(len(inner.boxes)))
        assert all(rows[e.source] < rows[e.target] for e in inner.edges if e.source != ENTRY and e.target != EXIT)


def test_repeats_are_one_box_with_their_number() -> None:
    leaves = {leaf.name: leaf.times for leaf in drawing(cc.network("resnet50"), depth=2).leaves()}
    assert leaves["conv3_x.1"] == 1
    assert leaves["conv3_x.2"] == 3
    assert leaves["conv4_x.2"] == 5


def test_a_repeat_that_somebody_else_reads_is_not_folded() -> None:
    text = """{input: [4, 8, 8], blocks: {b: {layers: [{conv: 4, kernel: 1}, relu]}}, layers: [
      {b: , name: one}, {b: , name: two}, {add: [[], {from: one}]}]}"""
    try:
        network = cc.network(text)
    except cc.SpecError:
        pytest.skip("another language")
    assert [leaf.times for leaf in drawing(network, depth=1).leaves()] == [1] * 4


@pytest.mark.parametrize("name", NAMES)
def test_boxes_do_not_overlap_and_stay_within_their_group(name: str) -> None:
    def check(found: svg.Layout) -> None:
        for place in found.boxes:
            assert place.x >= -0.01
            assert place.x + place.width <= found.width + 0.01
            assert place.y + place.height <= found.height + 0.01
        for i, a in enumerate(found.boxes):
            for b in found.boxes[:i]:
                apart = a.x + a.width <= b.x or b.x + b.width <= a.x or a.y + a.height <= b.y or b.y + b.height <= a.y
                assert apart, (a, b)
        for inside in found.inside:
            if inside:
                check(inside)

    check(svg.layout(drawing(cc.network(name), depth=3)))


HOSTILE = "{title: '</svg><script>alert(1)</script>\"]', input: [3, 8, 8], layers: [{relu: , name: a}]}"


def test_names_and_titles_become_no_markup() -> None:
    network = cc.network(HOSTILE)
    text = svg.svg(drawing(network), network.title)
    assert "<script" not in text
    ET.fromstring(text)
    assert "<script" not in diagram.mermaid(drawing(network), network.title).split("\n", 2)[2]
    assert '\\"]' in diagram.dot(drawing(network), network.title)


def test_mermaid_and_dot_have_the_edges_of_the_network() -> None:
    network = cc.network("lenet5")
    found = drawing(network, depth=9)
    edges = sum(len(set(node.inputs)) for node in network.nodes)
    assert diagram.mermaid(found).count("-->") == edges
    assert diagram.dot(found).count(" -> ") == edges


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("plot lenet5 --kind quux", "the kinds are depth"),
        ("plot lenet5 --format pdf", "name a file"),
        ("plot lenet5 --kind depth --format dot", "add --kind graph"),
        ("plot lenet5 alexnet --kind memory", "--kind memory is of one network"),
        ("plot lenet5 -o a.bmp", "no figure is written as '.bmp'"),
        ("plot lenet5 --kind graph --format svg --width 9", "is no width for a figure"),
        ("plot lenet5 --kind memory --device h100", "about a roofline"),
    ],
)
def test_wrong_figures(words: str, message: str) -> None:
    assert message in run(*words.split(), status=2).stderr


def test_a_chart_needs_no_library_to_be_data() -> None:
    code = "import sys; sys.modules['vl_convert'] = None; from cnncalc.__main__ import main; sys.argv[1:] = %r; main()"
    words = ["plot", "lenet5", "--format", "vegalite"]
    done = subprocess.run([sys.executable, "-c", code % words], capture_output=True, text=True)
    assert json.loads(done.stdout)["vconcat"]
    done = subprocess.run([sys.executable, "-c", code % ["plot", "lenet5"]], capture_output=True, text=True)
    assert (done.returncode, "cnncalc[plot]" in done.stderr) == (2, True)


@pytest.mark.parametrize("kind", ["depth", "memory", "roofline", "field", "graph"])
def test_files_are_as_wide_as_asked(kind: str, tmp_path: Path) -> None:
    pytest.importorskip("vl_convert")
    for form in ("svg", "pdf", "png"):
        run("plot", "lenet5", "--kind", kind, "--output", str(tmp_path / f"a.{form}"), "--width", "84mm")
    text = (tmp_path / "a.svg").read_text()
    assert measured(text)[0] == pytest.approx(parse_width("84mm"), abs=1)
    ET.fromstring(text)
    data = (tmp_path / "a.png").read_bytes()
    assert data.startswith(b"\x89PNG")
    assert int.from_bytes(data[16:20], "big") == pytest.approx(84 / 25.4 * 300, abs=6)
    pdf = (tmp_path / "a.pdf").read_bytes()
    box = re.search(rb"/MediaBox \[0 0 ([\d.]+)", pdf)
    assert box
    assert float(box[1]) == pytest.approx(84 / 25.4 * 72, abs=1)


@pytest.mark.parametrize("make", [charts.depth, charts.memory, charts.field])
def test_a_notebook_shows_the_same_chart(make) -> None:  # type: ignore[no-untyped-def]
    chart = make(cc.network("lenet5").analyze())
    bundle = chart._repr_mimebundle_()
    assert bundle[MIME] == chart.spec()
    assert bundle["image/svg+xml"] == chart.svg()
    assert bundle["text/plain"] == f"<chart: {chart.title}>"
    json.dumps(chart.spec())


def test_a_notebook_without_a_converter_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    bundle = charts.memory(cc.network("lenet5").analyze())._repr_mimebundle_()
    assert set(bundle) == {MIME, "text/plain"}
    assert "charts need vl-convert; pip install 'cnncalc[plot]'" in bundle["text/plain"]


def test_an_analysis_has_the_charts_of_plot() -> None:
    net = cc.network("resnet18")
    costs = net.analyze(batch=2)
    assert costs.chart() == charts.depth(costs)
    assert costs.chart("depth", depth=1, device="h100") == charts.depth(costs, Detail(1), costs.roofline("h100"))
    assert costs.chart("memory") == charts.memory(costs)
    assert costs.chart("roofline", device="h100", dtype="bfloat16") == charts.roofline(
        costs.roofline("h100", "bfloat16")
    )
    assert net.chart("field") == charts.field(net.analyze())
    for words, said in (
        ({"kind": "pie"}, "there is no chart 'pie'"),
        ({"kind": "memroy"}, "did you mean 'memory'?"),
        ({"kind": "memory", "device": "h100"}, "is of no device"),
        ({"kind": "field", "depth": 1}, "has every layer"),
    ):
        with pytest.raises(cc.RequestError, match=re.escape(said)):
            costs.chart(**words)


def test_a_comparison_has_the_published_accuracies() -> None:
    values = cc.compare("vgg16", "nin", "resnet18").chart().values
    assert [(value["name"], value["top1"]) for value in values] == [
        (name, accuracy(load(name)).top1) for name in ("vgg16", "resnet18")
    ]
    times = cc.compare("vgg16", "resnet18").chart("seconds", device="h100")
    assert [value["seconds"] for value in times.values] == [
        cc.network(name).analyze().roofline("h100").seconds for name in ("vgg16", "resnet18")
    ]
    assert times.panels[0]["layer"][0]["encoding"]["x"]["field"] == "seconds"
    assert json.loads(run("plot", "vgg16", "resnet18", "--device", "h100", "-f", "vegalite").stdout) == times.spec()
    with pytest.raises(cc.RequestError, match="did you mean 'macs'"):
        cc.compare("vgg16").chart("mac")
    smaller = cc.compare("vgg16", "resnet18", input=64).chart().values  # nothing is published of this input
    assert [(value["name"], value["top1"]) for value in smaller] == [("vgg16", None), ("resnet18", None)]


def test_a_network_is_a_picture_in_a_notebook() -> None:
    picture = cc.network("resnet18").draw(depth=2)
    bundle = picture._repr_mimebundle_()
    assert bundle["image/svg+xml"] == picture.svg()
    assert bundle["text/plain"] == "<graph: ResNet-18>"
    assert "conv2_x.1 x2" in picture.mermaid()
    assert picture.dot().startswith("digraph")
    hostile = cc.network("{title: '<b>\u202e', input: [3, 8, 8], layers: [relu]}").draw()
    assert "<b>" not in hostile.svg()
    assert "\u202e" not in hostile.svg()


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_records_go_into_data_frames(library: str) -> None:
    frames = pytest.importorskip(library)
    costs = cc.network("resnet18").analyze()
    frame = frames.DataFrame(costs.to_records())
    assert list(frame["name"]) == [row.name for row in costs.layers]
    assert int(frame["params"].sum()) == costs.params
    assert int(frame["macs"].sum()) == costs.macs
    assert [tuple(size) for size in frame["output"]] == [row.output for row in costs.layers]
    compared = frames.DataFrame(cc.compare("vgg16", "nin").to_records())
    assert list(compared["params"]) == [138_357_544, 7_595_176]
    builder = cc.Builder()
    odd = builder.network(builder.add(Mystery(), builder.input(3, 8, 8), name="odd"))
    assert frames.DataFrame(odd.analyze().to_records())["macs"][0] is None or library == "pandas"
