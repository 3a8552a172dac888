"""What the factory declares, and bringing a workflow server up to it: work pools, variables, deployments, automations.

`prefect.yaml` holds the deployments and their schedules, as `prefect deploy --all` reads them; `factory.yaml` holds the rest.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import yaml
from prefect import get_client
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterTags
from prefect.events.schemas.automations import AutomationCore
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from prefect.variables import Variable
from prefect.workers.process import ProcessWorker
from pydantic import Field

from artifacts.errors import ServerUnavailable, UserError
from artifacts.noun import Noun
from containers.packaging.engine import connect

PROJECT = Path(__file__).resolve().parents[2]
DEPLOYMENTS = PROJECT / "prefect.yaml"
TAG = "worldloom"
"""Marks what the factory put on a server, so that it may take it away again."""

PACKAGING = "package/new-worlds"
"""The deployment whose trigger needs a container engine."""


class Pool(Noun):
    """A work pool."""

    name: str
    type: str
    description: str = ""


class Factory(Noun):
    """The content of factory.yaml."""

    work_pools: tuple[Pool, ...]
    variables: dict[str, Any] = Field(default_factory=dict)
    automations: tuple[dict[str, Any], ...] = ()


class Applied(NamedTuple):
    """What a server was brought up to, by name; `removed` are deployments and schedules that are declared no more, `left_out` the
    triggers that would only fail here, `paused` the deployments that somebody paused and that stay so.
    """

    pools: tuple[str, ...]
    deployments: tuple[str, ...]
    automations: tuple[str, ...]
    removed: tuple[str, ...]
    left_out: tuple[str, ...] = ()
    paused: tuple[str, ...] = ()


class Held(NamedTuple):
    """What a server holds of the factory: deployments that are paused, and automations by name with whether they are on."""

    paused: frozenset[str] = frozenset()
    automations: Mapping[str, bool] = {}


def factory() -> Factory:
    """What factory.yaml declares."""
    return Factory.model_validate(yaml.safe_load((Path(__file__).parent / "factory.yaml").read_text()))


def declared_deployments(file: Path = DEPLOYMENTS) -> list[dict[str, Any]]:
    """The deployments of prefect.yaml; raises UserError where there is no such file."""
    try:
        found: list[dict[str, Any]] = yaml.safe_load(file.read_text())["deployments"]
    except FileNotFoundError as problem:
        raise UserError(f"There is no {file}.", "Deployments need a checkout of Worldloom: clone it, and `make setup`.") from problem
    return found


def apply(api_url: str, store: str, packages: bool = True) -> Applied:
    """Brings the server at this address up to what is declared; `packages` says whether images can be made where its workers are.

    Raises ServerUnavailable, UserError.
    """
    try:
        return _applied(api_url, store, packages)
    except (PrefectHTTPStatusError, httpx.HTTPError) as problem:
        said = " ".join(str(problem).split())[:300]
        raise ServerUnavailable(f"The workflow server refuses what is declared: {said}", "Is it Prefect 3.8.8, as here?") from problem


def _applied(api_url: str, store: str, packages: bool) -> Applied:
    wanted = factory()
    with get_client(sync_client=True) as client:
        pools = tuple(_pool(client, pool) for pool in wanted.work_pools)
        for name, value in {**wanted.variables, "worldloom_store": store}.items():
            _variable(name, value, keep=name != "worldloom_store")
        held = held_by(client)
        plain = declared_deployments()
        tailored = [tailored_to(deployment, held, packages) for deployment in plain]
        deploy(api_url, tailored)
        removed = prune(client)
        automations = tuple(_automation(client, declared) for declared in wanted.automations)
    names = tuple(name_of(deployment) for deployment in plain)
    left_out = tuple(sorted(set(triggers_of(plain)) - set(triggers_of(tailored))))
    return Applied(pools, names, automations, removed, left_out, tuple(name for name in names if name in held.paused))


def held_by(client: SyncPrefectClient) -> Held:
    """What people chose on a server, and what is there already."""
    ours = DeploymentFilter(tags=DeploymentFilterTags(all_=[TAG]))
    paused = [one for one in client.read_deployments(deployment_filter=ours, limit=200, offset=0) if one.paused]
    automations = client.request("POST", "/automations/filter", json={"limit": 200}).json()
    return Held(
        frozenset(f"{client.read_flow(one.flow_id).name}/{one.name}" for one in paused),
        {one["name"]: one["enabled"] for one in automations},
    )


def tailored_to(deployment: Mapping[str, Any], held: Held, packages: bool) -> dict[str, Any]:
    """A declared deployment as it is put on this server: paused if it is paused there, its triggers on or off as they are there.

    Where no images can be made, the trigger that makes them is not added; one that is there is somebody's, and stays.
    """
    found = dict(deployment)
    if name_of(deployment) in held.paused:
        found["paused"] = True
    if "triggers" in deployment:
        wanted = [one for one in deployment["triggers"] if packages or name_of(deployment) != PACKAGING or one["name"] in held.automations]
        found["triggers"] = [{**one, "enabled": held.automations.get(one["name"], True)} for one in wanted]
    return found


def triggers_of(deployments: Iterable[Mapping[str, Any]]) -> list[str]:
    """The names of all triggers of some deployments."""
    return [trigger["name"] for deployment in deployments for trigger in deployment.get("triggers", ())]


def engine_answers() -> bool:
    """Whether images can be made on this machine."""
    try:
        connect().client.close()
    except ServerUnavailable:
        return False
    return True


def name_of(deployment: Mapping[str, Any]) -> str:
    """`flow/deployment`, as people and the server call it."""
    return f"{str(deployment['entrypoint']).rpartition('.')[2].replace('_', '-')}/{deployment['name']}"


def deploy(api_url: str, deployments: Sequence[Mapping[str, Any]]) -> None:
    """`prefect deploy --all`, the ordinary way, of these deployments; raises ServerUnavailable with what it said."""
    project = {**yaml.safe_load(DEPLOYMENTS.read_text()), "deployments": list(deployments)}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "prefect.yaml"
        file.write_text(yaml.safe_dump(project, sort_keys=False))
        command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all", "--prefect-file", str(file)]
        settings = {**os.environ, "PREFECT_API_URL": api_url, "COLUMNS": "200"}
        done = subprocess.run(command, cwd=PROJECT, env=settings, capture_output=True, text=True, check=False)  # noqa: S603 (fixed arguments)
    if done.returncode:
        said = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        raise ServerUnavailable(f"`prefect deploy --all` failed: {(said or ['it gave no reason'])[-1][:300]}", f"Look at {DEPLOYMENTS}.")


def prune(client: SyncPrefectClient) -> tuple[str, ...]:
    """Takes away the deployments with our tag, and the schedules of those that stay, that prefect.yaml declares no more."""
    wanted = {name_of(deployment): deployment for deployment in declared_deployments()}
    removed: list[str] = []
    ours = DeploymentFilter(tags=DeploymentFilterTags(all_=[TAG]))
    for held in client.read_deployments(deployment_filter=ours, limit=200, offset=0):
        name = f"{client.read_flow(held.flow_id).name}/{held.name}"
        if name not in wanted:
            client.delete_deployment(held.id)
            removed.append(name)
            continue
        slugs = {schedule.get("slug") for schedule in wanted[name].get("schedules") or ()}
        for schedule in held.schedules:
            if schedule.slug not in slugs:
                client.delete_deployment_schedule(held.id, schedule.id)
                removed.append(f"{name}: {schedule.slug or schedule.schedule}")
    return tuple(removed)


def _pool(client: SyncPrefectClient, pool: Pool) -> str:
    try:
        held = client.read_work_pool(pool.name)
    except ObjectNotFound:
        template = _template(pool.type)
        client.create_work_pool(WorkPoolCreate(name=pool.name, type=pool.type, description=pool.description, base_job_template=template))
        return pool.name
    if held.description != pool.description:
        client.update_work_pool(pool.name, WorkPoolUpdate(description=pool.description))
    return pool.name


def _template(kind: str) -> dict[str, Any]:
    return {"process": ProcessWorker.get_default_base_job_template}[kind]()


def _variable(name: str, value: Any, keep: bool) -> None:
    """Sets a variable; one that is there already is somebody's choice where `keep` says so."""
    if not keep or Variable.get(name) is None:
        Variable.set(name, value, overwrite=True)


def _automation(client: SyncPrefectClient, declared: Mapping[str, Any]) -> str:
    """Makes an automation, or brings the one of that name up to date."""
    actions = [_with_id(client, action) for action in declared["actions"]]
    wanted = AutomationCore.model_validate({**declared, "actions": actions}).model_dump(mode="json", exclude={"owner_resource"})
    held = client.request("POST", "/automations/filter", json={"automations": {"name": {"any_": [declared["name"]]}}}).json()
    if held:
        client.request("PUT", "/automations/{id}", path_params={"id": held[0]["id"]}, json={**wanted, "enabled": held[0]["enabled"]})
    else:
        client.request("POST", "/automations/", json=wanted)
    return str(declared["name"])


def _with_id(client: SyncPrefectClient, action: Mapping[str, Any]) -> dict[str, Any]:
    if "deployment" not in action:
        return dict(action)
    rest = {key: value for key, value in action.items() if key != "deployment"}
    return {**rest, "source": "selected", "deployment_id": str(client.read_deployment_by_name(action["deployment"]).id)}
