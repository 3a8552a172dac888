"""A pool of environments for trainers: thousands of forks over hundreds of worlds, in worker processes, stepped in batches.

    with EnvironmentPool(size=1024, workers=2, store="./loom") as pool:
        pool.prepare(next_batch)                              # comes back at once; workers fork when they have nothing better to do
        environments = pool.reset([Assignment("shop-0a1b2c3d4e5f", "t01"), ...])
        observations = pool.step([Call(environments[0], "list_orders", {"status": "pending"}), ...])
        scores = pool.score([Ending(environments[0], answer), ...])
        pool.release(environments)

A call that is slow or that passes its deadline costs no other environment its turn. An environment that passed a deadline, or whose
worker died, answers `environment_error` and is scored so until `renew` makes it usable again; a worker that died is replaced.
"""

from __future__ import annotations

import itertools
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from artifacts import errors
from artifacts.errors import EnvironmentFault, InvalidInput, UnknownName
from artifacts.observation import REWARDS, Observation, RowChange, Score
from artifacts.store import Store
from artifacts.world import Draft, World
from containers.pool_crew import Crew, Jobs, no_jobs
from containers.pool_link import Answer, Batch, Mail, Owed, Sink, Slot, is_gone
from containers.pool_sources import Bundle, Source, shelf_of, source_of
from containers.pool_wire import CALL, DIFFERENCE, DIGEST, LOST, OPEN, PREPARE, SCORE, TOOLS


class Assignment(NamedTuple):
    """What an environment is wanted for: a world, and the task that it is scored on unless another is named."""

    world: str
    task: str | None = None


class Call(NamedTuple):
    """One tool call in one environment."""

    environment: int
    tool: str
    arguments: object = None


class Ending(NamedTuple):
    """An environment to be scored: the agent's answer, and the task where it is not the assignment's."""

    environment: int
    answer: object = None
    task: str | None = None


class Tally(NamedTuple):
    """What has happened so far: what agents did wrong, by error code, apart from what environments did.

    Of `calls`, `succeeded`, the sum of `agent_errors` and the sum of `environment_errors` are the parts. Causes of environment errors:
    `fault` (the world's own), `late` (a deadline passed), `lost` (its worker died, or it was asked after it was gone).
    """

    calls: int
    succeeded: int
    agent_errors: dict[str, int]
    environment_errors: dict[str, int]
    outcomes: dict[str, int]
    workers_replaced: int
    environments_lost: int
    open: int
    prepared: int


class EnvironmentPool:
    """Environments in worker processes. Its methods may be used from any thread; what one environment is asked is done in order.

    `size` is the most environments that are open at once; as many again may be prepared. `call_seconds` is the deadline of a call,
    counted from when it starts. Worlds are given beforehand, added later, or taken from `store` by id.
    """

    def __init__(
        self,
        size: int,
        workers: int = 2,
        *,
        worlds: Iterable[World | Draft | Bundle] = (),
        store: Store | str | Path | None = None,
        call_seconds: float = 30.0,
        most_worlds: int = 1_024,
    ) -> None:
        """Starts the workers. Raises InvalidInput, InvalidBundle, UnknownName and ServerUnavailable."""
        if size < 1 or workers < 1 or not call_seconds > 0 or most_worlds < 1:
            raise InvalidInput("A pool's size, workers, deadline and worlds must be at least 1, and its deadline above 0.")
        self.size = size
        self._shelf = shelf_of(store)
        self._slots: dict[int, Slot] = {}
        self._prepared: dict[str, deque[Slot]] = {}
        self._counts: dict[str, Counter[str]] = {"agent": Counter(), "environment": Counter(), "outcome": Counter()}
        self._succeeded = 0
        sources = [source_of(world) for world in worlds]
        self._crew = Crew(workers, -(-size // workers), call_seconds, most_worlds)
        self._mail = Mail(self._crew.lock)
        self._learn(sources)

    def add(self, *worlds: World | Draft | Bundle) -> tuple[str, ...]:
        """Makes worlds known, and gives their ids; raises InvalidBundle. Workers compile a world when they first need it."""
        return self._learn([source_of(world) for world in worlds])

    def prepare(self, assignments: Sequence[Assignment | str]) -> None:
        """Starts to make environments ready for a `reset` to come, behind all other work, and comes back at once.

        Raises UnknownName and InvalidInput. Beyond the pool's size, those prepared first and not taken are dropped.
        """
        wanted = [self._known(assignment) for assignment in assignments]
        if len(wanted) > self.size:
            raise InvalidInput(f"{len(wanted):,} environments cannot be prepared in a pool of {self.size:,}.")
        with self._crew.lock:
            self._crew.expect_running()
            jobs = no_jobs()
            surplus = sum(map(len, self._prepared.values())) + len(wanted) - self.size
            for slot in itertools.islice([slot for slots in self._prepared.values() for slot in slots], max(0, surplus)):
                self._prepared[slot.world].remove(slot)
                self._crew.drop(slot, jobs)
            for assignment in wanted:
                slot = self._crew.place(assignment.world)
                self._prepared.setdefault(slot.world, deque()).append(slot)
                self._crew.start(slot, PREPARE, jobs)
            self._crew.post(jobs)

    def reset(self, assignments: Sequence[Assignment | str]) -> tuple[int, ...]:
        """Environments in the initial state, one for each assignment, prepared ones first; waits until they are ready.

        One that cannot be opened is given too, and answers `environment_error`. Raises UnknownName; InvalidInput where the pool is full.
        """
        wanted = [self._known(assignment) for assignment in assignments]
        batch = Batch(len(wanted))
        with self._crew.lock:
            self._crew.expect_running()
            if len(self._slots) + len(wanted) > self.size:
                problem = f"The pool has {self.size:,} places; {len(self._slots):,} are taken and {len(wanted):,} more were asked for."
                raise InvalidInput(problem, "Release environments first, or make the pool larger.")
            jobs = no_jobs()
            slots = [self._opened(assignment, (batch, position), jobs) for position, assignment in enumerate(wanted)]
            self._crew.post(jobs)
        batch.done.wait()
        return tuple(slot.number for slot in slots)

    def renew(self, environments: Sequence[int]) -> None:
        """Puts environments back to the initial state, those that were lost too; waits until they are ready."""
        batch = Batch(len(environments))
        with self._crew.lock:
            self._crew.expect_running()
            jobs = no_jobs()
            for position, slot in enumerate([self._slot(number) for number in environments]):
                slot.ready, slot.tries = False, 0
                slot.waiters.append((batch, position))
                self._crew.start(slot, OPEN, jobs)
            self._crew.post(jobs)
        batch.done.wait()

    def release(self, environments: Sequence[int]) -> None:
        """Gives environments back; their numbers are not used again."""
        with self._crew.lock:
            self._crew.expect_running()
            jobs = no_jobs()
            for slot in [self._slot(number) for number in environments]:
                self._slots.pop(slot.number, None)
                self._crew.drop(slot, jobs)
            self._crew.post(jobs)

    def step(self, calls: Sequence[Call | tuple[int, str, object]], seconds: float | None = None) -> list[Observation]:
        """The observations of a batch of calls, in its order; `seconds` is each call's deadline instead of the pool's."""
        return self._observed(self._ask(CALL, [Call(*call) for call in calls], seconds))

    def send(self, calls: Sequence[Call | tuple[int, str, object]], seconds: float | None = None) -> None:
        """Starts calls whose observations `receive` will give, as they come."""
        checked = [Call(*call) for call in calls]
        with self._crew.lock:
            self._mail.expected += self._submit(CALL, checked, seconds, self._mail, [call.environment for call in checked])

    def receive(self, least: int = 1, seconds: float | None = None) -> list[tuple[int, Observation]]:
        """What has come of the calls sent: environment and observation, in the order of coming.

        Waits until there are at least `least`, or as many as are on their way, or until `seconds` have passed.
        """
        with self._mail.news:
            self._mail.news.wait_for(lambda: len(self._mail.arrived) >= min(least, len(self._mail.arrived) + self._mail.expected), seconds)
            arrived = list(self._mail.arrived)
            self._mail.arrived.clear()
        observations = self._observed([answer for _, answer in arrived])
        return [(number, observation) for (number, _), observation in zip(arrived, observations, strict=True)]

    def score(self, endings: Sequence[Ending | tuple[int, object]]) -> list[Score]:
        """The scores of the present states; raises InvalidInput where no task is named, UnknownName for one that does not exist."""
        asked = [self._judged(Ending(*ending)) for ending in endings]
        scores = [_score_of(answer) for answer in self._ask(SCORE, asked)]
        with self._crew.lock:
            self._counts["outcome"].update(score.outcome for score in scores)
        return scores

    def differences(self, environments: Sequence[int]) -> list[tuple[RowChange, ...]]:
        """What has changed since the initial state; raises EnvironmentFault where an environment is lost."""
        answers = [_value_of(answer) for answer in self._ask(DIFFERENCE, [(number,) for number in environments])]
        return [tuple(RowChange.model_validate(change) for change in changes) for changes in answers]

    def state_digests(self, environments: Sequence[int]) -> list[str]:
        """SHA-256 of the present states; raises EnvironmentFault where an environment is lost."""
        return [_value_of(answer) for answer in self._ask(DIGEST, [(number,) for number in environments])]

    def list_tools(self, environment: int) -> list[dict[str, Any]]:
        """Name, description and inputSchema of an environment's tools; raises EnvironmentFault where it is lost."""
        listed: list[dict[str, Any]] = _value_of(self._ask(TOOLS, [(environment,)])[0])
        return listed

    def lost(self) -> dict[int, str]:
        """The open environments that are of no use until they are renewed or released, and why."""
        with self._crew.lock:
            return {slot.number: slot.trouble for slot in self._slots.values() if slot.error}

    def worker_ids(self) -> tuple[int, ...]:
        """The process ids of the workers."""
        with self._crew.lock:
            return tuple(link.process.pid for link in self._crew.links)

    def tally(self) -> Tally:
        """What has happened so far."""
        with self._crew.lock:
            agent, environment, outcome = (dict(sorted(self._counts[kind].items())) for kind in ("agent", "environment", "outcome"))
            calls = self._succeeded + sum(agent.values()) + sum(environment.values())
            prepared = sum(map(len, self._prepared.values()))
            places = len(self._slots), prepared
            return Tally(calls, self._succeeded, agent, environment, outcome, self._crew.replaced, self._crew.lost, *places)

    def close(self) -> None:
        """Ends the workers. Callers that wait get environment errors; later ones an EnvironmentFault."""
        self._crew.close()

    def __enter__(self) -> EnvironmentPool:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _learn(self, sources: Sequence[Source]) -> tuple[str, ...]:
        with self._crew.lock:
            self._crew.sources.update({source.name: source for source in sources})
        return tuple(source.name for source in sources)

    def _known(self, assignment: Assignment | str) -> Assignment:
        """The assignment, its world known to the pool; raises UnknownName."""
        found = Assignment(assignment) if isinstance(assignment, str) else assignment
        if found.world not in self._crew.sources:
            (world,) = self.add(self._shelf(found.world))
            found = found._replace(world=world)
        if found.task is not None and found.task not in self._crew.sources[found.world].tasks:
            raise UnknownName(f"There is no task '{found.task[:40]}' in {found.world}.")
        return found

    def _slot(self, number: int) -> Slot:
        if number not in self._slots:
            raise UnknownName(f"There is no environment {number} in this pool.", "It was released, or never opened.")
        return self._slots[number]

    def _judged(self, ending: Ending) -> tuple[int, str, object]:
        slot = self._slot(ending.environment)
        task = slot.task if ending.task is None else ending.task
        if task is None:
            raise InvalidInput(f"Environment {slot.number} was assigned no task.", "Name the task to score.")
        if task not in self._crew.sources[slot.world].tasks:
            raise UnknownName(f"There is no task '{task[:40]}' in {slot.world}.")
        return slot.number, task, ending.answer

    def _opened(self, assignment: Assignment, waiter: tuple[Batch, int], jobs: Jobs) -> Slot:
        """A slot for an assignment, prepared or new, which tells the waiter when it is ready."""
        prepared = self._prepared.get(assignment.world)
        slot = prepared.popleft() if prepared else self._crew.place(assignment.world)
        slot.taken, slot.task, slot.tries = True, assignment.task, 0
        slot.waiters.append(waiter)
        self._slots[slot.number] = slot
        if slot.ready and not slot.error:
            slot.put(0, (0, None, None, ""))
        elif slot.number not in self._crew.links[slot.link].slots or slot.error:
            self._crew.start(slot, OPEN, jobs)
        return slot

    def _ask(self, kind: int, asked: Sequence[tuple[Any, ...]], seconds: float | None = None) -> list[Answer]:
        """The answers to questions (environment, …), in order."""
        batch = Batch(len(asked))
        self._submit(kind, asked, seconds, batch, range(len(asked)))
        batch.done.wait()
        return batch.answers

    def _submit(self, kind: int, asked: Sequence[tuple[Any, ...]], seconds: float | None, sink: Sink, positions: Iterable[int]) -> int:
        """Sends questions to the workers that they concern, all or none of them; gives their number. Raises UnknownName, InvalidInput."""
        limit = self._crew.seconds if seconds is None else float(seconds)
        if not limit > 0:
            raise InvalidInput(f"A deadline of {limit:g} seconds cannot be met.")
        with self._crew.lock:
            self._crew.expect_running()
            slots = [self._slot(question[0]) for question in asked]
            jobs = no_jobs()
            for slot, question, position in zip(slots, asked, positions, strict=True):
                if slot.error:
                    sink.put(position, (0, None, LOST, slot.trouble))
                    continue
                link = self._crew.links[slot.link]
                ticket = self._crew.promise(link, Owed(sink, position, slot), limit)
                jobs[slot.link].append((kind, ticket, slot.number, limit, *question[1:]))
            self._crew.post(jobs)
        return len(asked)

    def _observed(self, answers: Sequence[Answer]) -> list[Observation]:
        """Observations of answers, counted."""
        observations = []
        agent, environment = Counter[str](), Counter[str]()
        for _, result, error, message in answers:
            if error is None:
                observations.append(Observation(result))
            elif is_gone(error):
                environment[error] += 1
                observations.append(Observation(None, "environment_error", f"The environment is gone: {message}; this is not your fault."))
            else:
                (environment if error == "environment_error" else agent)["fault" if error == "environment_error" else error] += 1
                observations.append(Observation(None, error, message))
        with self._crew.lock:
            self._succeeded += len(answers) - agent.total() - environment.total()
            self._counts["agent"] += agent
            self._counts["environment"] += environment
        return observations


def _score_of(answer: Answer) -> Score:
    if is_gone(answer[2]):
        detail = f"The environment is gone: {answer[3]}."
        return Score(outcome="environment_error", reward=REWARDS["environment_error"], detail=detail)
    return Score.model_validate(_value_of(answer))


def _value_of(answer: Answer) -> Any:
    """The value of an answer; raises what the worker met."""
    _, value, error, message = answer
    if error is None:
        return value
    if is_gone(error):
        raise EnvironmentFault(f"The environment is gone: {message}.", "Renew or release it.")
    kind = getattr(errors, error, EnvironmentFault)
    if kind in (UnknownName, InvalidInput):
        raise kind(message, str(value))
    raise EnvironmentFault(message)
