from __future__ import annotations

from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families

from artifacts.observation import Observation
from containers.metrics import KNOWN_ERRORS, Metrics


def values(metrics: Metrics) -> dict[str, float]:
    """Every sample by its name and labels."""
    return {
        sample.name + "".join(f" {value}" for value in sample.labels.values()): sample.value
        for family in text_string_to_metric_families(metrics.text().decode())
        for sample in family.samples
    }


def test_an_environment_fault_is_told_apart_by_world() -> None:
    metrics = Metrics()
    metrics.watch("shop-1", Observation(None, "environment_error", ""), 0.1)
    metrics.watch("shop-1", Observation(1), 0.1)
    metrics.watch("shop-2", Observation(None, "conflict", ""), 0.1)
    told = values(metrics)
    assert told["worldloom_environment_faults_total shop-1"] == 1
    assert "worldloom_environment_faults_total shop-2" not in told
    assert (told["worldloom_calls_total"], told["worldloom_call_errors_total conflict"]) == (3, 1)


def test_codes_that_a_world_makes_up_share_one_series() -> None:
    metrics = Metrics()
    before = len(values(metrics))
    for number in range(50):
        metrics.watch("shop", Observation(None, f"made_up_{number}", ""), 0.0)
    told = values(metrics)
    assert told["worldloom_call_errors_total other"] == 50
    assert len(told) == before
    assert sum(name.startswith("worldloom_call_errors_total") for name in told) == len(KNOWN_ERRORS) + 1


def test_latencies_fall_into_their_buckets() -> None:
    metrics = Metrics()
    for seconds in (15e-6, 40e-6, 3e-3, 100.0):
        metrics.watch("shop", Observation(1), seconds)
    told = values(metrics)
    assert [told[f"worldloom_call_seconds_bucket {bound}"] for bound in ("1e-05", "2e-05", "5e-05", "0.005", "30.0", "+Inf")] == [
        0,
        1,
        2,
        3,
        3,
        4,
    ]


def test_two_servers_in_one_process_count_for_themselves() -> None:
    first, second = Metrics(), Metrics()
    first.watch("shop", Observation(1), 0.0)
    second.read("worldloom_sessions", "Sessions open.", lambda: 7)
    assert (values(first)["worldloom_calls_total"], values(second)["worldloom_calls_total"]) == (1, 0)
    assert values(second)["worldloom_sessions"] == 7
    assert not any(family.name.startswith("worldloom") for family in REGISTRY.collect())


def test_the_process_is_measured_too() -> None:
    assert values(Metrics())["process_resident_memory_bytes"] > 0
