"""A job's checkpoints: folders that count once their last file is there, and a row in the store for each.

checkpoints/step-000050/          DeepSpeed's own files: weights, optimizer, learning rate
checkpoints/step-000050/random-0.pt   the random state of a rank
checkpoints/step-000050/policy/   the policy as a Hugging Face folder, with its tokenizer
checkpoints/step-000050/whole.json    step, position in the samples, worlds seen: written last
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

from safetensors import SafetensorError

from artifacts.errors import DiskFull, InvalidInput, TerminalError
from artifacts.identity import digest_of, short
from artifacts.noun import Noun
from training.stream import Position

JobName = Literal["sft", "grpo"]

FOLDER, WHOLE, POLICY = "checkpoints", "whole.json", "policy"

UNIVERSAL = "reshaped"
"""The folder beside the checkpoints with one that any number of ranks can load; made anew when it is needed."""

CONVERTIBLE = {"universal_checkpoint_info": {"universal_checkpoint_version": 0.4}}
"""What DeepSpeed's conversion asks to find in a checkpoint."""


class Whole(Noun):
    """What a checkpoint knows besides the weights: where the job stands."""

    checkpoint_id: str
    parent_checkpoint_id: str | None
    step: int
    samples: int
    position: Position
    worlds: tuple[str, ...]
    zero: int
    weights: str


def tag_of(step: int) -> str:
    """A checkpoint's folder name."""
    return f"step-{step:06d}"


def newest(folder: Path) -> Whole | None:
    """The newest checkpoint of a job's folder that is whole; raises InvalidInput for one that was edited."""
    found = sorted((folder / FOLDER).glob(f"step-*/{WHOLE}"))
    if not found:
        return None
    try:
        return Whole.model_validate_json(found[-1].read_bytes())
    except ValueError as problem:
        raise InvalidInput(f"{found[-1]} is damaged.", f"Remove {found[-1].parent} to resume from the checkpoint before.") from problem


def write_whole(folder: Path, whole: Whole) -> None:
    """Makes a checkpoint count."""
    place = folder / FOLDER / tag_of(whole.step)
    aside = place / f".tmp-{WHOLE}"
    with aside.open("w", encoding="utf-8") as file:
        file.write(whole.model_dump_json(indent=1))
        file.flush()
        os.fsync(file.fileno())
    aside.rename(place / WHOLE)


def thin(folder: Path, keep: int | None) -> None:
    """Leaves of all but the newest `keep` checkpoints the policy alone, which is what the store's rows lead to; None keeps everything."""
    whole = sorted((folder / FOLDER).glob(f"step-*/{WHOLE}"))
    for mark in whole[: -keep if keep else 0]:
        mark.unlink()  # first, so that nobody goes on from what is half gone
        for path in mark.parent.iterdir():
            if path.is_dir() and path.name != POLICY:
                shutil.rmtree(path)
            elif path.is_file():
                path.unlink()


@contextmanager
def kept_at(place: Path) -> Iterator[None]:
    """Says in one line that a checkpoint cannot be written: raises DiskFull for what torch and safetensors say in many."""
    try:
        yield
    except (RuntimeError, SafetensorError) as problem:
        if not any(sign in str(problem) for sign in _REFUSALS):
            raise
        why = "No checkpoint was kept, and the one before stands. Make room, then go on with --resume."
        raise DiskFull(f"{place} cannot be written: is the disk full?", why) from problem


_REFUSALS = ("file write failed", "PytorchStreamWriter failed", "unexpected pos", "No space left", "I/O error")
"""What the writers of weights say where the system refused a write."""


def policy_in(folder: Path) -> Path:
    """The policy's folder, of a checkpoint's folder or of itself."""
    return folder / POLICY if (folder / POLICY).is_dir() else folder


def checkpoint_id(job: str, step: int, weights: str, snapshot_id: str) -> str:
    """A checkpoint's name: its job and 12 hex digits of what it is."""
    return f"{job}-{short(digest_of([job, step, weights, snapshot_id]))}"


def weights_digest(policy: Path) -> str:
    """A digest of the exported weights."""
    import hashlib

    digest = hashlib.sha256()
    for path in sorted(policy.glob("*.safetensors")):
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
    return digest.hexdigest()


def reshape(folder: Path, whole: Whole) -> None:
    """Converts a checkpoint to DeepSpeed's universal form (arXiv 2406.18820), from which any number of ranks resumes."""
    place = folder / FOLDER
    shutil.rmtree(place / UNIVERSAL, ignore_errors=True)
    given = ["--input_folder", str(place / tag_of(whole.step)), "--output_folder", str(place / UNIVERSAL)]
    few = ["--num_extract_workers", "1", "--num_merge_workers", "1"]
    done = subprocess.run(  # noqa: S603 (our own interpreter with our own paths)
        [sys.executable, "-m", "deepspeed.checkpoint.ds_to_universal", *given, *few], capture_output=True, text=True, check=False
    )
    if done.returncode:
        why = (done.stderr.strip().splitlines() or ["it was killed"])[-1]
        raise TerminalError(f"{place / tag_of(whole.step)} cannot be converted: {why}", f"Resume with {whole.position.ranks} ranks.")


def export(engine: Any, tokenizer: Any, folder: Path, first: bool) -> None:
    """Saves the policy as a Hugging Face folder; every rank takes part, since the weights may be spread over them."""
    zero: Any = import_module("deepspeed").zero  # it carries no types
    state: dict[str, Any] = {}
    for name, parameter in engine.module.named_parameters():
        with zero.GatheredParameters([parameter], enabled=hasattr(parameter, "ds_id")):
            if first:
                state[name] = parameter.detach().cpu().clone()
    if first:
        engine.module.save_pretrained(str(folder), state_dict=state)
        tokenizer.save_pretrained(str(folder))
