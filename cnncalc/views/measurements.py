"""The records of measured times in the JSON document. Times are in seconds."""

from __future__ import annotations

from msgspec import Struct


class SampleRecord(Struct):
    """Repeated measurements of one thing: the median, the quartiles, the fastest, and how many."""

    median: float
    q1: float
    q3: float
    fastest: float
    count: int


class SettingsRecord(Struct):
    """How the network was run and timed."""

    device: str
    dtype: str
    batch: int
    channels_last: bool
    compile: bool
    cuda_graph: bool
    warmup: int
    repeats: int
    training: bool


class CeilingsRecord(Struct):
    """What the device reached when it did nothing else: FLOPs per second of a large matrix product and of a large
    convolution, bytes per second of a large copy."""

    matrix_product: float
    convolution: float
    bytes_per_s: float


class LayerTimeRecord(Struct):
    """A layer's time in the forward pass, with what it did; `bytes` are its ideal traffic.

    `limit` is what takes longer at the ceilings, `arithmetic` or `memory`, and `roofline` that least time as a share
    of the measured one; null for a layer that does nothing, or does not say what it does.
    """

    name: str
    kind: str
    time: SampleRecord
    share: float
    flops: int | None
    bytes: int | None
    flops_per_s: float | None
    bytes_per_s: float | None
    limit: str | None
    roofline: float | None


class LayerTimesRecord(Struct):
    """The times of the layers; `queued` is whether they are the device's alone (null on the CPU)."""

    sum: float
    instrumented: SampleRecord
    queued: bool | None
    times: list[LayerTimeRecord]


class LatencyRecord(Struct):
    """The time of whole passes, or of whole steps of training. `environment` has the device and the versions."""

    settings: SettingsRecord
    environment: dict[str, str | int | None]
    latency: SampleRecord
    images_per_s: float
    phases: dict[str, SampleRecord]
    predicted_memory_bytes: int
    peak_memory_bytes: int | None


class ProfileRecord(LatencyRecord, kw_only=True):
    """A profile: whole passes, and the layers."""

    ceilings: CeilingsRecord | None
    layers: LayerTimesRecord | None
