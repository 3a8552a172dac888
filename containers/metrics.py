"""What a server counts of its sessions and calls, in Prometheus' text form; kept apart from everything else in the process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from artifacts.observation import Observation

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
KNOWN_ERRORS = (
    "not_found",
    "conflict",
    "invalid",
    "forbidden",
    "limit",
    "unknown_tool",
    "invalid_arguments",
    "constraint",
    "too_large",
    "too_many_calls",
    "environment_error",
)
"""Codes that have a series of their own; any other is counted as `other`, so that no client can make series without end."""

BUCKETS = (10e-6, 20e-6, 50e-6, 100e-6, 200e-6, 500e-6, 1e-3, 2e-3, 5e-3, 10e-3, 50e-3, 250e-3, 1.0, 5.0, 30.0)
"""Seconds; a call takes some tens of microseconds, so the buckets begin there."""

Form = type[GaugeMetricFamily] | type[CounterMetricFamily]


@dataclass(eq=False)
class _Reading(Collector):
    name: str
    about: str
    value: Callable[[], float]
    form: Form

    def collect(self) -> Iterator[GaugeMetricFamily | CounterMetricFamily]:
        yield self.form(self.name, self.about, value=self.value())


class Metrics:
    """The figures of one server; `watch` is told of every tool call, from any thread."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)  # memory, processor time, open files
        self._calls = Counter("worldloom_calls", "Tool calls answered.", registry=self.registry)
        errors = Counter("worldloom_call_errors", "Tool calls answered with an error, by its code.", ["code"], registry=self.registry)
        self._errors = {code: errors.labels(code) for code in (*KNOWN_ERRORS, "other")}
        self._faults = Counter(
            "worldloom_environment_faults", "Failures of an environment itself, by world.", ["world"], registry=self.registry
        )
        self._seconds = Histogram("worldloom_call_seconds", "Seconds per tool call.", buckets=BUCKETS, registry=self.registry)

    def watch(self, world_id: str, observation: Observation, seconds: float) -> None:
        """Count one call."""
        self._calls.inc()
        self._seconds.observe(seconds)
        if observation.error is not None:
            self._errors.get(observation.error, self._errors["other"]).inc()
        if observation.error == "environment_error":
            self._faults.labels(world_id).inc()

    def read(self, name: str, about: str, value: Callable[[], float], form: Form = GaugeMetricFamily) -> None:
        """A figure that is kept elsewhere, and read when someone asks."""
        self.registry.register(_Reading(name, about, value, form))

    def text(self) -> bytes:
        """All figures, as Prometheus reads them."""
        return generate_latest(self.registry)
