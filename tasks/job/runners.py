"""Where drafts are woven: processes or threads here, or an engine that Prefect has a task runner for (Dask, Ray)."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from prefect.task_runners import ProcessPoolTaskRunner, TaskRunner, ThreadPoolTaskRunner

from artifacts.errors import UserError
from artifacts.world import Draft
from tasks.job import dask_process
from tasks.job.fan_out import Begin
from tasks.job.order import Order
from tasks.job.planning import settings_of
from tasks.job.weaving import prepare_process, weave
from tasks.job.workflow_server import log_file

ENGINES = ("dask", "ray")


def runner_for(order: Order, home: Path) -> TaskRunner[Any]:
    """The runner that the order names; with `auto`, processes for a model that computes here, since the gates compute too, and
    threads for one that is waited for. Raises UserError where an engine is not installed.
    """
    kind, address = placed(order)
    if kind == "process":
        return ProcessPoolTaskRunner(max_workers=order.width, initializer=prepare_process, initargs=(str(log_file(home)),))
    if kind == "thread":
        return ThreadPoolTaskRunner(max_workers=order.width)
    return _dask(address, order.width, log_file(home)) if kind == "dask" else _ray(address, order.width)


def placed(order: Order) -> tuple[str, str | None]:
    """The kind of runner, `auto` decided, and the address of a cluster that is there already."""
    kind, _, address = order.runner.partition("=")
    return ("process" if order.embedded else "thread") if kind == "auto" else kind, address or None


def check_runner(order: Order) -> None:
    """Refuse an engine that is not installed, before anything is started; raises UserError."""
    kind, _ = placed(order)
    if kind in ENGINES:
        _engine(kind)


def in_hand(order: Order) -> int:
    """How many drafts are begun at once: one more than there are processes, so that none waits for the next."""
    return order.width + (placed(order)[0] != "thread")


def submitting(runner: TaskRunner[Any], order: Order, home: Path, run_id: str) -> Begin:
    """How a draft is begun."""
    settings = settings_of(order, run_id)

    def begin(draft: Draft) -> Any:
        return runner.submit(weave, {"draft": draft, "settings": settings, "home": home, "run_id": run_id})

    return begin


def _dask(address: str | None, width: int, log: Path) -> TaskRunner[Any]:
    """Dask at an address, else a local cluster of processes, one draft in each at a time, that print nothing."""
    make = _engine("dask").DaskTaskRunner
    if address:
        runner: TaskRunner[Any] = make(address=address)
        return runner
    import_module("dask.config").set({"distributed.nanny.pre-spawn-environ.DASK_LOGGING__DISTRIBUTED": "error"})
    quiet = {"silence_logs": "ERROR", "dashboard_address": None, "preload": [dask_process.__name__]}
    environment = {dask_process.LOG_VARIABLE: str(log)}
    local: TaskRunner[Any] = make(cluster_kwargs={"n_workers": width, "threads_per_worker": 1, "env": environment, **quiet})
    return local


def _ray(address: str | None, width: int) -> TaskRunner[Any]:
    """Ray at an address, else a local instance with so many processors."""
    make = _engine("ray").RayTaskRunner
    local = {"num_cpus": width, "include_dashboard": False, "log_to_driver": False, "logging_level": "ERROR"}
    runner: TaskRunner[Any] = make(address=address) if address else make(init_kwargs=local)
    return runner


def _engine(kind: str) -> Any:
    try:
        return import_module(f"prefect_{kind}")
    except ModuleNotFoundError as problem:
        raise UserError(
            f"The runner '{kind}' is not installed.", f"Install it (pip install 'worldloom[{kind}]'), or leave --runner out."
        ) from problem
