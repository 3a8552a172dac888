"""Many episodes at once: environments of a pool and a policy take turns, until every episode has ended."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import count, islice
from typing import Any, NamedTuple

from artifacts.agent_task import AgentTask
from artifacts.errors import EnvironmentFault, UserError, WorldloomError
from artifacts.history import lists_tools, shown
from artifacts.observation import Observation, Score
from artifacts.trajectory import FORMAT_VIOLATION_REWARD, Call, Trajectory
from artifacts.trajectory import Ending as HowEnded
from artifacts.trajectory_rows import Setting
from artifacts.world import World
from containers.episodes.conversations import Conversation, Desk, Heard, Key
from containers.episodes.episode import FORMS, Form, Reply, Tokens
from containers.episodes.rescoring import BROKEN
from containers.episodes.turns import Answer, Asked, Calls, Listing, Message, View, Violation, in_order
from containers.pool import Assignment, Ending, EnvironmentPool
from containers.pool import Call as PoolCall

PATIENCE_SECONDS = 0.2
"""So long at a time the answers of a policy are waited for, before anyone looks whether to stop."""


class Wanted(NamedTuple):
    """An episode that is to be played: its name, the world and task, and the seed that the policy gets."""

    episode: str
    world_id: str
    task: AgentTask
    seed: int | None


class Scene(NamedTuple):
    """What every episode in a world shares."""

    digest: str
    tools: Listing
    listed: tuple[Message, ...]
    """What comes back when the tools are listed, in the form that lists them."""


class Ended(NamedTuple):
    """What came of an episode: a trajectory, or the trouble that left it without one.

    `latency_seconds` is how long the policy took in all, None where unknown; `recalled` counts replies that were paid for earlier.
    """

    wanted: Wanted
    trajectory: Trajectory | None = None
    trouble: WorldloomError | None = None
    latency_seconds: float | None = None
    recalled: int = 0
    tools: Listing = ()


class Hand:
    """An episode under way."""

    def __init__(self, wanted: Wanted, scene: Scene, environment: int, messages: Sequence[Message]) -> None:
        self.wanted = wanted
        self.scene = scene
        self.environment = environment
        self.messages = list(messages)
        self.spoken: list[int] = []
        self.lists = False
        self.calls: list[Call] = []
        self.tokens = Tokens()
        self.seconds: list[float | None] = []
        self.recalled = 0
        self.ended: HowEnded | None = None
        self.answer: str | None = None
        self.violation = ""

    def hear(self, reply: Reply) -> None:
        """Takes the policy's message."""
        self.lists = self.lists if self.spoken else lists_tools(reply.message)
        self.spoken.append(len(self.messages))
        self.messages.append(reply.message)
        self.tokens.add(reply)
        self.seconds.append(reply.latency_seconds)
        self.recalled += reply.recalled

    def conversation(self, window: int | None) -> Conversation:
        """What the policy is asked."""
        turn = len(self.spoken)
        here = self.messages
        if window is not None:
            here = [self.messages[place] for place in shown([*self.spoken, len(self.messages)], turn, window, self.lists)]
        view = View(tuple(here), self.scene.tools, tuple(self.calls), turn)
        return Conversation(self.wanted.episode, self.wanted.task, self.wanted.seed, view)

    @property
    def latency(self) -> float | None:
        """How long the policy took; None where one reply did not tell."""
        known = [seconds for seconds in self.seconds if seconds is not None]
        return sum(known) if len(known) == len(self.seconds) else None


class Rollout:
    """Plays episodes in a pool; `width` of them are under way at once.

    `world_of` gives a world by its id. A world that cannot be used, and a policy that gives no answer, leave their episodes without a
    trajectory; a failing environment ends its episode, masked.
    """

    def __init__(self, pool: EnvironmentPool, desk: Desk, setting: Setting, world_of: Callable[[str], World], width: int) -> None:
        self._pool = pool
        self._desk = desk
        self._setting = setting
        self._form: Form = FORMS[setting.form]
        self._world_of = world_of
        self._width = width
        self._hands: dict[Key, Hand] = {}
        self._keys = count()
        self._scenes: dict[str, Scene | WorldloomError] = {}
        self._latest = ""

    def play(self, wanted: Iterable[Wanted], stop: Callable[[], bool] = lambda: False) -> Iterator[Ended]:
        """Plays the episodes and gives each as it ends; after `stop` those under way are let go."""
        rest = iter(wanted)
        while not stop():
            fresh = list(islice(rest, self._width - len(self._hands)))
            yield from self._open(fresh)
            if not self._hands:
                if fresh:
                    continue
                return
            yield from self._turn(self._desk.take(PATIENCE_SECONDS))

    def _open(self, wanted: Sequence[Wanted]) -> Iterator[Ended]:
        """Gives each of these episodes an environment, and the policy the first word."""
        playable: list[tuple[Wanted, Scene]] = []
        for one in wanted:
            scene = self._scene(one.world_id)
            if isinstance(scene, WorldloomError):
                yield Ended(one, trouble=scene)
            else:
                playable.append((one, scene))
        if not playable:
            return
        environments = self._pool.reset([Assignment(one.world_id, one.task.id) for one, _ in playable])
        begun = []
        for (one, scene), environment in zip(playable, environments, strict=True):
            key = next(self._keys)
            self._hands[key] = Hand(one, scene, environment, self._form.opening(one.task.instruction))
            begun.append(key)
        self._ask(begun)

    def _scene(self, world_id: str) -> Scene | WorldloomError:
        """What the episodes of a world share; worlds come one after another, so few are remembered."""
        if world_id not in self._scenes:
            if len(self._scenes) > 2 * self._width:
                self._scenes = {hand.wanted.world_id: hand.scene for hand in self._hands.values()}
            self._scenes[world_id] = self._set(world_id)
        return self._scenes[world_id]

    def _set(self, world_id: str) -> Scene | WorldloomError:
        try:
            world = self._world_of(world_id)
            self._pool.add(world)
        except UserError as trouble:
            return trouble
        tools = in_order(tuple({"name": t.name, "description": t.description, "inputSchema": t.parameters} for t in world.tools))
        listed = self._form.results([(Asked(None, {}), {"result": list(tools)})]) if self._form.lists else ()
        return Scene(world.digest, tools, listed)

    def _ask(self, keys: Sequence[Key]) -> None:
        self._desk.ask([(key, self._hands[key].conversation(self._setting.window)) for key in keys])

    def _turn(self, heard: Sequence[Heard]) -> Iterator[Ended]:
        """Carries out what the policy said in these episodes."""
        going: list[tuple[Key, Hand, Calls]] = []
        done: list[Hand] = []
        for key, reply in heard:
            hand = self._hands[key]
            if isinstance(reply, WorldloomError):
                yield self._lost(self._hands.pop(key), reply)
                continue
            hand.hear(reply)
            turn = self._form.decode(reply.message)
            if isinstance(turn, Calls):
                going.append((key, hand, turn))
            else:
                done.append(_over(self._hands.pop(key), turn))
        self._act(going)
        done += [self._hands.pop(key) for key, hand, _ in going if hand.ended]
        self._ask([key for key, hand, _ in going if not hand.ended])
        yield from self._judged(done)

    def _act(self, going: Sequence[tuple[Key, Hand, Calls]]) -> None:
        """Makes the calls of these turns, all in one step, and tells what came back."""
        calls = [
            PoolCall(hand.environment, ask.tool, ask.arguments) for _, hand, turn in going for ask in turn.asked if ask.tool is not None
        ]
        observations = iter(self._pool.step(calls) if calls else ())
        for _, hand, turn in going:
            failed = self._tell(hand, turn, observations)
            if failed:
                hand.ended = "environment_error"
            elif len(hand.spoken) >= self._setting.max_turns:
                hand.ended = "turn_limit"

    def _tell(self, hand: Hand, turn: Calls, observations: Iterator[Observation]) -> bool:
        """Puts the results of one turn on record; tells whether the environment failed."""
        if len(turn.asked) == 1 and turn.asked[0].tool is None:
            hand.messages.extend(hand.scene.listed)
            return False
        failed = False
        results: list[tuple[Asked, Any]] = []
        for ask in turn.asked:
            if ask.tool is None:
                results.append((ask, {"result": list(hand.scene.tools)}))
                continue
            observation = next(observations)
            payload = observation.payload()
            failed = failed or observation.error == "environment_error"
            hand.calls.append(Call(tool=ask.tool, arguments=ask.arguments, observation=payload))
            results.append((ask, payload))
        hand.messages.extend(self._form.results(results))
        return failed

    def _judged(self, done: Sequence[Hand]) -> Iterator[Ended]:
        """The trajectories of episodes that have ended."""
        scored = [hand for hand in done if hand.ended in ("answered", "turn_limit")]
        scores = iter(self._scores([Ending(hand.environment, hand.answer) for hand in scored]))
        for hand in done:
            score = next(scores) if hand.ended in ("answered", "turn_limit") else _unscored(hand)
            yield Ended(hand.wanted, self._trajectory(hand, score), None, hand.latency, hand.recalled, hand.scene.tools)
        self._pool.release([hand.environment for hand in done])

    def _scores(self, endings: Sequence[Ending]) -> list[Score]:
        """Scores; where one cannot be given, the others are."""
        try:
            return self._pool.score(endings) if endings else []
        except EnvironmentFault:
            if len(endings) == 1:
                return [BROKEN]
            return [score for ending in endings for score in self._scores([ending])]

    def _trajectory(self, hand: Hand, score: Score) -> Trajectory:
        read, written = hand.tokens.total()
        setting = self._setting._asdict() | {"seed": hand.wanted.seed}
        return Trajectory(
            world_id=hand.wanted.world_id,
            world_digest=hand.scene.digest,
            task_id=hand.wanted.task.id,
            messages=tuple(hand.messages),
            calls=tuple(hand.calls),
            ended=hand.ended or "answered",
            answer=hand.answer,
            score=score,
            input_tokens=read,
            output_tokens=written,
            **setting,
        )

    def _lost(self, hand: Hand, trouble: WorldloomError) -> Ended:
        self._pool.release([hand.environment])
        return Ended(hand.wanted, trouble=trouble, recalled=hand.recalled)


def _over(hand: Hand, turn: Answer | Violation) -> Hand:
    """The episode, ended by an answer or by a broken form."""
    if isinstance(turn, Answer):
        hand.ended, hand.answer = "answered", turn.text
    else:
        hand.ended, hand.violation = "format_violation", turn.reason
    return hand


def _unscored(hand: Hand) -> Score:
    if hand.ended == "environment_error":
        return BROKEN
    return Score(outcome="agent_error", reward=FORMAT_VIOLATION_REWARD, detail=f"format violation: {hand.violation}"[:500])
