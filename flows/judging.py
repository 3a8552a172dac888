"""A judge on the command line: `--judge` of `play` and `score`, and the command `calibrate`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from artifacts.errors import InvalidInput
from artifacts.judgement import Judgement
from artifacts.store import Store, open_store
from artifacts.trajectory import Trajectory
from artifacts.world import World
from flows import transcript
from flows.boundary import FAILED, OK
from flows.options import JsonOption, StoreOption, print_json

if TYPE_CHECKING:
    from tasks.judging.calibration import Calibration, Judged
    from tasks.judging.cases import Case

JudgeOption = Annotated[str | None, typer.Option("--judge", metavar="MODEL", help="A model that judges the episode too.")]
JudgeBaseOption = Annotated[str | None, typer.Option("--judge-base", metavar="URL", help="Where the judge's own server answers.")]
VotesOption = Annotated[int, typer.Option("--votes", min=1, max=15, help="How often the judge is asked; more than half must agree.")]


def chosen(judge: str | None, base: str | None, store: Store) -> Any:
    """The model that judges, or None; raises before anything is played where it cannot be asked."""
    if judge is None:
        if base is not None:
            raise InvalidInput("--judge-base is the address of a judge, and there is none.", "Name one with --judge MODEL.")
        return None
    from tasks.judging.asking import judge_model

    return judge_model(judge, base, store.home)


def with_judgement(trajectory: Trajectory, world: World, jury: Any, votes: int) -> Trajectory:
    """The trajectory with what the judge says of it, where there is a judge and it is asked."""
    if jury is None:
        return trajectory
    from tasks.judging.asking import judged

    return judged(trajectory, world, jury, votes)


def failed(judgement: Judgement | None) -> bool:
    """Whether a judge was asked and came to nothing."""
    return judgement is not None and bool(judgement.failed)


def lines(judgement: Judgement | None) -> list[Text]:
    """What a judge said, for a terminal."""
    if judgement is None:
        return []
    tally = ", ".join(vote.outcome or "no vote" for vote in judgement.votes)
    head = f"judged by {judgement.model}: {judgement.outcome}, reward {judgement.reward:g} ({tally}; agreement {judgement.agreement:.0%})"
    return [transcript.plain("\n".join(line for line in (head, judgement.failed or judgement.reason) if line))]


def calibrate(
    trajectories: Annotated[list[str] | None, typer.Argument(metavar="[TRAJECTORY]...", help="Those of the store if left out.")] = None,
    *,
    judge: Annotated[str, typer.Option("--judge", metavar="MODEL", help="The model that judges.")],
    judge_base: JudgeBaseOption = None,
    votes: VotesOption = 3,
    made: Annotated[int | None, typer.Option(min=1, max=10_000, help="Make so many episodes of the store's worlds instead.")] = None,
    store: StoreOption = "./loom",
    as_json: JsonOption = False,
) -> int:
    """Compare a judge with the verdicts of the code over a set of episodes, and print the confusion table."""
    from tasks.judging.calibration import calibrated

    shelf = open_store(store, create=False)
    jury = chosen(judge, judge_base, shelf)
    cases = cases_of(shelf, list(trajectories or ()), made)
    if not cases:
        raise InvalidInput(f"There are no episodes to judge in {shelf.url}.", "Play some with `worldloom play`, or use --made 40.")
    found = calibrated(cases, jury, votes)
    if as_json:
        print_json({"judge": judge, "votes": votes, **found.figures()})
    else:
        Console(highlight=False).print(calibration_page(found, judge, votes))
    return FAILED if any(failed(one.judgement) for one in found.judged) else OK


def cases_of(store: Store, names: list[str], made: int | None) -> list[Case]:
    """The episodes to judge, from the record or made on the spot."""
    from tasks.agent.records import FOLDER, fetch
    from tasks.judging.cases import made_cases, recorded_case

    if made is not None:
        return made_cases([store.world(summary.world_id) for summary in store.worlds()], made)
    wanted = names or sorted(name.removesuffix(".json") for name in store.files.names(FOLDER))
    records = [record for record, _ in (fetch(name, store.url) for name in wanted)]
    found = (recorded_case(record, store.world(record.world_id)) for record in records)
    return [case for case in found if case is not None]


def calibration_page(found: Calibration, judge: str, votes: int) -> RenderableType:
    """The confusion table, the figures below it, and each case in which code and judge differ."""
    from tasks.judging.calibration import SAID

    cases = len(found.judged)
    table = Table(title=f"{judge}, {votes} votes, {cases} episodes", title_justify="left")
    table.add_column("code \\ judge")
    for word in SAID:
        table.add_column(word, justify="right")
    for code in SAID[:-1]:
        table.add_row(code, *(str(found.confusion.get((code, said), 0)) for said in SAID))
    differ = [one for one in found.judged if one.said != one.judgement.code]
    told = [_told(one) for one in differ]
    figures = (
        f"agreement {_share(found.agreement)} · kappa {_number(found.kappa)} · unanimous {_share(found.unanimous)} · "
        f"false acceptances {len(found.false_acceptances)} · false rejections {len(found.false_rejections)}"
    )
    return Group(table, Text(figures), *(transcript.plain(line) for line in told))


def _told(one: Judged) -> str:
    why = one.judgement.failed or one.judgement.reason
    return f"{one.case.name} ({one.case.kind}): code says {one.judgement.code}, the judge {one.said}: {why}"


def _share(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.1%}"


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.2f}"
