"""Profiles on the CPU; and the CUDA path with a pretended GPU, so that its logic is run where there is none."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("fvcore")

from cnncalc import Builder, RequestError, network  # noqa: E402
from cnncalc.costs.analysis import Costs  # noqa: E402
from cnncalc.ops import Concat, Conv  # noqa: E402
from cnncalc.pytorch import Settings, fit, profile  # noqa: E402
from cnncalc.pytorch.device import available_bytes, out_of_memory, overflow  # noqa: E402
from cnncalc.pytorch.timing import CpuClock, CudaClock, measure_ceilings, summary, time_calls  # noqa: E402
from cnncalc.views import Detail  # noqa: E402
from cnncalc.views.measured import milliseconds  # noqa: E402
from cnncalc.views.measured import table as latency_table  # noqa: E402
from cnncalc.views.profile import record, view  # noqa: E402
from cnncalc.views.records import builtins  # noqa: E402

module = sys.modules["cnncalc.pytorch.profile"]  # the package's `profile` is the function


def lenet():
    return network("lenet5")


def test_a_profile_is_whole():
    result = profile(lenet(), Settings(batch=2, repeats=4, warmup=1))
    layers = result.layers
    assert result.latency.count == layers.instrumented.count == 4
    assert 0 < result.latency.fastest <= result.latency.q1 <= result.latency.median <= result.latency.q3
    assert result.images_per_s == pytest.approx(2 / result.latency.median)
    assert list(layers.times) == [node.name for node in lenet().layers]
    assert sum(layer.share for layer in layers.times.values()) == pytest.approx(1)
    assert sum(layer.bound.flops for layer in layers.times.values()) == result.costs.flops
    assert layers.queued is None
    flat = layers.times["flatten1"]
    assert (flat.bound.bytes, flat.limit, flat.roofline) == (0, None, None)
    document = json.loads(json.dumps(builtins(view(result, Detail()).document())))
    assert (document["schema"], document["batch"], len(document["layers"])) == (2, 2, 15)
    measured = document["profile"]
    assert {"device", "torch", "python", "cpu", "threads"} <= set(measured["environment"])
    assert measured["settings"]["batch"] == 2
    assert measured["layers"]["times"][0]["time"]["count"] == 4
    assert measured["peak_memory_bytes"] is None


def two_inputs():
    builder = Builder("siamese")
    left, right = builder.input(2, 8, 8, name="left"), builder.input(3, 8, 8, name="right")
    joined = builder.add(Concat(), left, right, name="joined")
    return builder.network({"conv": builder.add(Conv(4, kernel=3), joined, name="conv"), "joined": joined})


@pytest.mark.parametrize("settings", [Settings(), Settings(training=True), Settings(channels_last=True)])
def test_several_inputs_and_outputs(settings):
    result = profile(two_inputs(), dataclasses.replace(settings, repeats=2))
    assert list(result.layers.times) == ["joined", "conv"]
    assert "2x8x8 and 3x8x8" in view(result, Detail()).parts[0].title


def test_a_step_of_training_has_phases():
    net = network("googlenet", 96, training=True)
    result = profile(net, Settings(training=True, batch=2, repeats=2))
    assert set(result.phases) == {"forward", "backward", "step"}
    assert result.predicted_memory_bytes > 2 * 4 * result.costs.params  # parameters and gradients


def test_a_step_that_is_timed_as_a_whole_has_no_marks(monkeypatch):
    class Counting(CpuClock):
        marks = 0

        def mark(self):
            Counting.marks += 1
            return super().mark()

    monkeypatch.setattr(module, "clock_of", lambda device: Counting())
    profile(lenet(), Settings(training=True, warmup=1, repeats=5), layers=False)
    assert Counting.marks == 2 * 5 + 4 * 5  # around each whole step; then around each phase


@pytest.mark.parametrize(
    "settings",
    [Settings(channels_last=True, repeats=1), Settings(dtype="bfloat16", repeats=1), Settings(compile=True, repeats=1)],
    ids=["channels last", "bfloat16", "compile"],
)
def test_options_run(settings, monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda model: model)  # whether a compiler is here is not ours to test
    assert profile(lenet(), settings, layers=False).latency.count == 1


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (Settings(dtype="float"), "unknown dtype 'float'"),
        (Settings(dtype="tf32"), "tf32 needs --device cuda"),
        (Settings(cuda_graph=True), "a CUDA graph needs --device cuda"),
        (Settings(device="meta"), "no device 'meta'"),
        (Settings(device="gpu"), "no device 'gpu'"),
        (Settings(device="cpu:1"), "no device 'cpu:1'"),
        (Settings(batch=0), "a batch is a whole number from 1"),
        (Settings(batch=10**20), "a batch is a whole number from 1"),
        (Settings(repeats=0), "warmup and repeats are whole numbers from 1"),
    ],
)
def test_settings_that_cannot_be(settings, says):
    with pytest.raises(RequestError, match=says):
        profile(lenet(), settings)


def test_the_cpu_has_a_number():
    assert profile(lenet(), Settings(device="cpu:0", repeats=1)).settings.device == "cpu"


def test_networks_that_cannot_be_timed_so():
    with pytest.raises(RequestError, match="2 or 3 spatial dimensions"):
        profile(network("{input: [2, 9], layers: [relu]}"), Settings(channels_last=True))
    with pytest.raises(RequestError, match="no parameters to train"):
        profile(network("{input: [2, 9], layers: [relu]}"), Settings(training=True))
    one_value = "{input: [2, 3], layers: [global_avgpool, flatten, batchnorm, {linear: 2}]}"
    with pytest.raises(RequestError, match="PyTorch refuses: Expected more than 1 value"):
        profile(network(one_value), Settings(training=True))


def test_what_does_not_fit_is_refused_with_the_batch_that_would(monkeypatch):
    vgg = network("vgg16")
    monkeypatch.setattr(fit, "available_bytes", lambda device: 2**30)
    with pytest.raises(
        RequestError, match=r"about .* GiB are needed, 1.00 GiB are free\n.*batch that would fit is \d+"
    ):
        profile(vgg, Settings(batch=1000))
    monkeypatch.setattr(fit, "available_bytes", lambda device: 2**20)
    with pytest.raises(RequestError, match="not even a batch of 1 would fit"):
        profile(vgg, Settings())
    monkeypatch.setattr(fit, "available_bytes", lambda device: None)
    assert "a smaller batch" in fit.too_large(Costs(vgg), "cpu").render()


def test_memory_that_runs_out_on_the_way_is_said_alike(monkeypatch):
    def run_out(*_):
        raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    monkeypatch.setattr(module, "_profile", run_out)
    with pytest.raises(RequestError, match="largest batch that would fit is 8"):
        profile(lenet(), Settings(batch=16))
    assert out_of_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"))
    assert not out_of_memory(RuntimeError("shapes do not match"))
    assert overflow(RuntimeError("numel: integer multiplication overflow"))
    assert not overflow(KeyError("overflow"))


def test_the_ceilings_bound_from_below():
    ceilings = measure_ceilings("cpu", torch.float32)
    assert ceilings.flops_per_s > 1e8
    assert ceilings.bytes_per_s > 1e8
    assert available_bytes("cpu") > 2**20


def test_time_calls_times_each_call():
    sample = time_calls(lambda: time.sleep(0.01), CpuClock(), repeats=5, warmup=1)
    assert 0.01 <= sample.fastest <= sample.median < 0.05
    assert summary([2.0]).iqr == 0


class PretendedEvent:
    """An event that the CPU's clock stands behind; times are known only once it is waited for."""

    reached = False  # whether the GPU has got to each event at once

    def __init__(self, enable_timing=False):
        assert enable_timing
        self.waited = False

    def query(self):
        return self.reached

    def record(self):
        self.time = time.perf_counter()

    def synchronize(self):
        self.waited = True

    def elapsed_time(self, end):
        assert end.waited
        return (end.time - self.time) * 1e3


@pytest.fixture
def pretended_cuda(monkeypatch):
    """`torch.cuda` as the profile uses it, on the CPU; says what was asked of it."""
    log = []

    class Graph:
        def replay(self):
            log.append("replay")

    class Stream:
        def wait_stream(self, other):
            log.append("wait_stream")

    @contextlib.contextmanager
    def entered(name):
        log.append(name)
        yield

    gpu = SimpleNamespace(name="Pretended", total_memory=2**34, major=9, minor=0)
    fakes = {
        "Event": PretendedEvent,
        "Stream": Stream,
        "CUDAGraph": Graph,
        "current_stream": Stream,
        "stream": lambda stream: entered("side stream"),
        "graph": lambda graph: entered("recording"),
        "device": lambda device: entered(f"device {device}"),
        "synchronize": lambda device=None: log.append("synchronize"),
        "_sleep": lambda cycles: log.append(("sleep", cycles)),
        "is_available": lambda: True,
        "device_count": lambda: 1,
        "current_device": lambda: 0,
        "mem_get_info": lambda device=None: (2**33, 2**34),
        "memory_reserved": lambda device=None: 2**20,
        "reset_peak_memory_stats": lambda device=None: log.append("reset peak"),
        "max_memory_allocated": lambda device=None: 12345,
        "get_device_properties": lambda device: gpu,
    }
    for name, fake in fakes.items():
        monkeypatch.setattr(torch.cuda, name, fake, raising=False)
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    build, example = module.build, module.example_inputs
    monkeypatch.setattr(module, "build", lambda graph, device: build(graph))
    monkeypatch.setattr(module, "example_inputs", lambda graph, batch, device: example(graph, batch))
    monkeypatch.setattr(module, "measure_ceilings", lambda device, *options: measure_ceilings("cpu", *options))
    return log


@pytest.mark.parametrize("graph", [False, True], ids=["eager", "graph"])
def test_the_cuda_path(pretended_cuda, graph):
    result = profile(lenet(), Settings(device="cuda", dtype="tf32", cuda_graph=graph, repeats=3, warmup=2))
    assert result.peak_memory_bytes == 12345
    assert result.environment["gpu"] == "Pretended"
    assert result.latency.count == 3
    assert pretended_cuda[0] == "device 0"
    assert len(sleeps(pretended_cuda)) == 4  # before each instrumented pass, the first included
    assert result.layers.queued is True
    assert pretended_cuda.count("recording") == graph
    assert pretended_cuda.count("replay") == (1 + 3 if graph else 0)  # to begin with, timed
    if graph:  # the peak is that of the pass as it is: a replay allocates nothing
        assert 0 < pretended_cuda.index("reset peak") < pretended_cuda.index("recording")


def sleeps(log):
    """The seconds for which the GPU was kept waiting, each time."""
    return [entry[1] / CudaClock.CYCLES_PER_SECOND for entry in log if entry[0] == "sleep"]


def test_a_wait_that_is_too_short_is_made_longer(pretended_cuda, monkeypatch):
    late = iter([True, False, True, False])
    monkeypatch.setattr(PretendedEvent, "query", lambda self: next(late, False))
    result = profile(lenet(), Settings(device="cuda", repeats=3, warmup=1))
    waits = sleeps(pretended_cuda)
    assert len(waits) == 4 + 2  # the passes that came late are run again
    assert waits == sorted(waits)
    assert waits[-1] == pytest.approx(4 * max(waits[0], 1e-3), rel=0.01)
    assert {layer.time.count for layer in result.layers.times.values()} == {result.layers.instrumented.count} == {3}
    assert result.layers.queued is True


def test_a_wait_has_a_bound_and_what_is_beyond_is_said(pretended_cuda, monkeypatch):
    monkeypatch.setattr(PretendedEvent, "reached", True)
    result = profile(lenet(), Settings(device="cuda", repeats=3, warmup=1))
    waits = sleeps(pretended_cuda)
    assert max(waits) == pytest.approx(module.LONGEST_WAIT)
    assert waits[-3:] == [waits[0]] * 3  # waiting longer was of no use
    assert result.layers.queued is False
    assert any("caught up" in note for note in view(result, Detail()).parts[1].notes)


def test_the_ceilings_are_measured_as_the_network_runs(monkeypatch):
    seen = []
    real = torch.nn.functional.conv2d
    monkeypatch.setattr(torch.nn.functional, "conv2d", lambda x, w, **o: seen.append((x, w)) or real(x, w, **o))
    for channels_last in (False, True):
        seen.clear()
        measure_ceilings("cpu", torch.float32, channels_last)
        for tensor in seen[0]:
            assert tensor.is_contiguous(memory_format=torch.channels_last) is channels_last


def test_the_cuda_path_in_training(pretended_cuda):
    result = profile(lenet(), Settings(device="cuda", training=True, repeats=2))
    assert set(result.phases) == {"forward", "backward", "step"}


def test_a_gpu_that_runs_out(pretended_cuda, monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device=None: (2**28, 2**34))
    with pytest.raises(RequestError, match="does not fit the memory of cuda"):
        profile(network("vgg16"), Settings(device="cuda", batch=64))
    with pytest.raises(RequestError, match=r"no device 'cuda:1'\n.*PyTorch sees 1"):
        profile(lenet(), Settings(device="cuda:1"))


def test_tf32_is_what_was_asked_for_and_what_was_before_afterwards():
    flags = torch.backends.cudnn
    before = flags.allow_tf32, flags.benchmark
    for dtype in ("float32", "tf32"):
        with module._precision(Settings(device="cuda", dtype=dtype)):
            assert flags.allow_tf32 is torch.backends.cuda.matmul.allow_tf32 is (dtype == "tf32")
            assert flags.benchmark
        assert (flags.allow_tf32, flags.benchmark) == before


def test_the_cuda_clock_waits_for_the_second_mark(pretended_cuda):
    clock = CudaClock()
    first, second = clock.mark(), clock.mark()
    assert clock.between(first, second) >= 0
    assert second.waited
    assert not first.waited


def test_milliseconds_have_four_figures():
    assert [milliseconds(s) for s in (0.00001234, 0.0123456, 0.123456, 0.999, 1.5)] == [
        "0.012",
        "12.35",
        "123.5",
        "999.0",
        "1,500",
    ]


def cnncalc(*words):
    return subprocess.run([sys.executable, "-m", "cnncalc", *words], capture_output=True, text=True, check=False)


def test_the_command_prints_tables():
    run = cnncalc("profile", "lenet5", "--repeats", "2", "--warmup", "1", "--sort", "time", "--top", "3")
    assert run.returncode == 0, run.stderr
    assert "Latency of a forward pass" in run.stdout
    assert run.stdout.count("█") > 3
    assert "12 more rows are not shown" in run.stdout


def test_bars_are_rules_in_latex_and_no_column_of_csv():
    words = ("profile", "lenet5", "--repeats", "2", "--warmup", "1", "--format")
    latex, csv = cnncalc(*words, "latex").stdout, cnncalc(*words, "csv").stdout
    assert latex.isascii()
    assert latex.count(r"\rule{4.000em}") == 1
    assert "bar" not in csv.splitlines()[0].split(",")
    assert len(csv.splitlines()) == 1 + 15


def test_the_command_writes_json(tmp_path):
    file = tmp_path / "lenet5.json"
    run = cnncalc("profile", "lenet5", "--repeats", "2", "--output", str(file))
    assert (run.returncode, run.stdout) == (0, "")
    document = json.loads(file.read_text())
    assert document["totals"]["params"] == 60_000
    assert len(document["layers"]) == len(document["profile"]["layers"]["times"]) == 15


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is here")
def test_the_command_without_a_gpu():
    run = cnncalc("profile", "lenet5", "--device", "cuda")
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr.startswith("error[request]: no usable GPU: PyTorch")
    assert "--device cpu" in run.stderr
    assert "Traceback" not in run.stderr


def test_latency_stands_beside_counts():
    settings = Settings(repeats=2, warmup=1)
    results = [profile(network(name), settings, layers=False) for name in ("lenet5", "lenet_d2l")]
    table = latency_table(results)
    assert (table.title, [row[0] for row in table.rows]) == ("Measured latency", ["lenet5", "lenet_d2l"])
    assert table.rows[0][3:6] == [1.0, 1.0, 1.0]
    assert "a forward pass, batch 1, float32" in table.notes[0]
    assert record(results[0]).layers is None


def test_a_device_is_saved_and_read(tmp_path):
    file = tmp_path / "mine.yaml"
    assert cnncalc("profile", "lenet5", "--repeats", "1", "--save-device", str(file)).returncode == 0
    run = cnncalc("flops", "lenet5", "--device", str(file))
    assert run.returncode == 0, run.stderr
    assert "Measured by `cnncalc profile`" in run.stdout


def test_compare_measures_beside_counts():
    run = cnncalc("compare", "lenet5", "lenet_d2l", "--profile", "--format", "json")
    assert run.returncode == 0, run.stderr
    for found in json.loads(run.stdout)["networks"]:
        assert found["profile"]["latency"]["median"] > 0
        assert found["profile"]["environment"]["torch"]
    assert "Measured latency" in cnncalc("compare", "lenet5", "lenet_d2l", "--profile").stdout
