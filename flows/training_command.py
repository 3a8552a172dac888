"""`worldloom train sft|grpo`: a policy learns from the trajectories of a store, or in its environments, with DeepSpeed."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import uuid4

import typer
from pydantic import ValidationError
from rich.console import Console

from artifacts.errors import InvalidInput
from artifacts.store import open_store
from flows.boundary import OK
from flows.observing import observed_command
from flows.options import JsonOption, StoreOption, print_json
from tasks.teaching.launching import Figures, launch, require_extra
from tasks.teaching.order import TrainOrder, settings_of

app = typer.Typer(no_args_is_help=True)


@app.callback()
def about() -> None:
    """Train policies on what the store holds."""


@app.command()
def sft(
    *,
    out: Annotated[str, typer.Option(metavar="DIR", help="Folder for checkpoints, metrics and the policy.")],
    steps: Annotated[int, typer.Option(min=1, help="Optimizer steps in all.")] = 100,
    ranks: Annotated[int, typer.Option(min=1, help="Processes that train together on each machine.")] = 1,
    zero: Annotated[int, typer.Option(min=0, max=3, help="ZeRO stage.")] = 1,
    batch: Annotated[int, typer.Option(min=1, help="Trajectories in a step, of all ranks together.")] = 16,
    length: Annotated[int, typer.Option(min=16, help="Tokens of a row; turns with more are left out and counted.")] = 4096,
    micro: Annotated[int, typer.Option(min=1, help="Rows that a rank computes at once.")] = 1,
    learning_rate: Annotated[float, typer.Option(help="The learning rate.")] = 3e-4,
    warmup: Annotated[int, typer.Option(min=0, help="Steps until the learning rate is reached.")] = 0,
    decay: Annotated[float, typer.Option(min=0.0, help="Weight decay.")] = 0.0,
    clip: Annotated[float, typer.Option(help="The gradient's greatest norm.")] = 1.0,
    bf16: Annotated[bool, typer.Option("--bf16", help="Compute in bfloat16.")] = False,
    base: Annotated[str | None, typer.Option(metavar="DIR", help="A Hugging Face model's folder; a new small decoder if left out.")] = None,
    hidden: Annotated[int, typer.Option(help="Width of a new decoder.")] = 256,
    layers: Annotated[int, typer.Option(help="Layers of a new decoder.")] = 4,
    heads: Annotated[int, typer.Option(help="Attention heads of a new decoder.")] = 4,
    vocabulary: Annotated[int, typer.Option(help="Tokens of a new decoder's tokenizer.")] = 4096,
    context: Annotated[int, typer.Option(help="The most tokens that a new decoder attends to.")] = 4096,
    split: Annotated[list[str] | None, typer.Option(help="Splits to learn from: train if left out; may be repeated.")] = None,
    category: Annotated[list[str] | None, typer.Option(help="Categories of worlds; may be repeated.")] = None,
    kind: Annotated[list[str] | None, typer.Option(help="Kinds of tasks: read, write, mixed; may be repeated.")] = None,
    difficulty: Annotated[list[int] | None, typer.Option(help="Levels of tasks, 1 to 5; may be repeated.")] = None,
    policy: Annotated[list[str] | None, typer.Option(help="Who played; may be repeated.")] = None,
    least_reward: Annotated[float, typer.Option(help="The least reward of an episode to learn from.")] = 1.0,
    seed: Annotated[int, typer.Option(help="Seed of the samples' order and of a new decoder.")] = 0,
    workers: Annotated[int, typer.Option(min=0, help="Loader processes of each rank.")] = 0,
    save_every: Annotated[int, typer.Option(min=1, help="Steps between checkpoints.")] = 50,
    keep: Annotated[int | None, typer.Option(min=1, help="Checkpoints to go on from; of older ones only the policy stays.")] = None,
    newer: Annotated[bool, typer.Option("--newer", help="Take up the newest snapshot whenever an epoch ends.")] = False,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    hostfile: Annotated[str | None, typer.Option(metavar="FILE", help="DeepSpeed's list of machines; this one alone if left out.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint in DIR.")] = False,
    store: StoreOption = "./loom",
    as_json: JsonOption = False,
) -> int:
    """Fine-tune a policy on trajectories. Run it again with --resume to go on where it was stopped."""
    given = {name: value for name, value in locals().items() if name not in ("store", "as_json") and value is not None}
    return _trained(ordered(job="sft", **given), store, as_json)


@app.command()
def grpo(
    *,
    base: Annotated[str, typer.Option(metavar="DIR", help="The policy to begin with: a Hugging Face model's folder, or a checkpoint's.")],
    out: Annotated[str, typer.Option(metavar="DIR", help="Folder for checkpoints, metrics and the policy.")],
    steps: Annotated[int, typer.Option(min=1, help="Steps in all.")] = 100,
    ranks: Annotated[int, typer.Option(min=1, help="Processes that train together on each machine.")] = 1,
    zero: Annotated[int, typer.Option(min=0, max=3, help="ZeRO stage.")] = 1,
    environments: Annotated[int, typer.Option(min=2, help="Episodes of a step, of all ranks together.")] = 1024,
    group: Annotated[int, typer.Option(min=2, help="Episodes of one task.")] = 16,
    refills: Annotated[int, typer.Option(min=0, help="How often a step takes further tasks for those that taught nothing.")] = 2,
    updates: Annotated[int, typer.Option(min=1, help="Optimizer steps on what a step played.")] = 1,
    learning_rate: Annotated[float, typer.Option(help="The learning rate.")] = 1e-5,
    warmup: Annotated[int, typer.Option(min=0, help="Steps until the learning rate is reached.")] = 0,
    decay: Annotated[float, typer.Option(min=0.0, help="Weight decay.")] = 0.0,
    clip: Annotated[float, typer.Option(help="The gradient's greatest norm.")] = 1.0,
    clip_low: Annotated[float, typer.Option(help="How far below 1 a turn's importance weight counts.")] = 0.2,
    clip_high: Annotated[float, typer.Option(help="How far above 1 a turn's importance weight counts.")] = 0.28,
    beta: Annotated[float, typer.Option(help="Weight of the distance to the policy that the job began with.")] = 0.001,
    form: Annotated[str, typer.Option(help="How tool calls are written: awm or native.")] = "awm",
    max_turns: Annotated[int, typer.Option(min=1, help="Turns of an episode.")] = 30,
    window: Annotated[int, typer.Option(min=0, help="How many of the last turns the policy is shown; 0 shows all.")] = 3,
    temperature: Annotated[float, typer.Option(help="How freely the policy draws its words.")] = 1.0,
    reply: Annotated[int, typer.Option(min=1, help="Tokens of a reply at most.")] = 512,
    speaking: Annotated[int, typer.Option(min=1, help="Replies that a rank generates at once.")] = 64,
    pool_workers: Annotated[int, typer.Option(min=1, help="Processes of each rank that hold its environments.")] = 1,
    endpoint: Annotated[str | None, typer.Option(metavar="URL", help="A vLLM server that generates; the ranks if left out.")] = None,
    length: Annotated[int, typer.Option(min=16, help="Tokens of a row; turns with more are left out and counted.")] = 4096,
    micro: Annotated[int, typer.Option(min=1, help="Rows that a rank computes at once.")] = 1,
    bf16: Annotated[bool, typer.Option("--bf16", help="Compute in bfloat16.")] = False,
    split: Annotated[list[str] | None, typer.Option(help="Splits to practise on: train if left out; may be repeated.")] = None,
    category: Annotated[list[str] | None, typer.Option(help="Categories of worlds; may be repeated.")] = None,
    kind: Annotated[list[str] | None, typer.Option(help="Kinds of tasks: read, write, mixed; may be repeated.")] = None,
    difficulty: Annotated[list[int] | None, typer.Option(help="Levels of tasks, 1 to 5; may be repeated.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the tasks' order and of what is drawn.")] = 0,
    save_every: Annotated[int, typer.Option(min=1, help="Steps between checkpoints.")] = 50,
    keep: Annotated[int | None, typer.Option(min=1, help="Checkpoints to go on from; of older ones only the policy stays.")] = None,
    newer: Annotated[bool, typer.Option("--newer", help="Take up the newest snapshot whenever an epoch ends.")] = False,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    hostfile: Annotated[str | None, typer.Option(metavar="FILE", help="DeepSpeed's list of machines; this one alone if left out.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint in DIR.")] = False,
    store: StoreOption = "./loom",
    as_json: JsonOption = False,
) -> int:
    """Let a policy practise in environments. Run it again with --resume to go on where it was stopped."""
    given = {name: value for name, value in locals().items() if name not in ("store", "as_json") and value is not None}
    return _trained(ordered(job="grpo", **{**given, "window": window or None}), store, as_json)


def _trained(order: TrainOrder, store: str, as_json: bool) -> int:
    """Runs a job with its steps in view."""
    require_extra()
    shelf, out = open_store(store, create=False), str(order.out)
    console = Console(stderr=as_json, highlight=False)
    run_id = f"train-{uuid4().hex}"
    with observed_command("train", order, shelf.url, run_id):
        taught = launch(order, settings_of(order, shelf.url, out, run_id), lambda figures: console.print(line_of(figures)))
    if as_json:
        print_json({"out": out, **taught.last})
    else:
        console.print(f"The policy is in {out}/checkpoints/step-{order.steps:06d}/policy", soft_wrap=True, markup=False)
    return OK


def ordered(**arguments: Any) -> TrainOrder:
    """The arguments as an order; raises InvalidInput."""
    try:
        return TrainOrder(**arguments)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        job, said = arguments["job"], problem["msg"].removeprefix("Value error, ")
        where = f"--{str(problem['loc'][0]).replace('_', '-')}" if problem["loc"] else job
        raise InvalidInput(f"{where}: {said}.", f"Try `worldloom train {job} --help`.") from error


def line_of(figures: Figures) -> str:
    """A step in one line; a loss that is unknown is a step in which nothing was learned."""
    loss = "nothing to learn" if figures["loss"] is None else f"loss {figures['loss']:.4f}"
    played = f"  reward {figures['reward']:.3f}  success {figures['success']:.1%}" if "reward" in figures else ""
    masked = f"  {figures['masked']} masked" if figures.get("masked") else ""
    left_out = f"  {figures['too_long']} turns too long" if figures["too_long"] else ""
    said = f"step {figures['step']}  {loss}{played}  {figures['tokens']:,} tokens of {figures['read']:,}"
    return f"{said}  {figures['seconds']:.2f} s{masked}{left_out}"
