"""The workers of a pool, and the thread that attends to them whatever the callers do."""

from __future__ import annotations

import itertools
import selectors
import socket
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping

from artifacts.errors import EnvironmentFault, ServerUnavailable
from containers.pool_link import Answer, Job, Link, Owed, Slot, is_gone
from containers.pool_sources import Source
from containers.pool_wire import FORGET, LOST, OPEN, PREPARE, RELEASE, SOURCE

STALL_SECONDS = 10.0
"""A worker that says nothing for this long past the deadline of all that it owes is ended and replaced."""

OPEN_SECONDS = 60.0
"""The deadline of an opening, where the pool's own is shorter: a world may have to be compiled first."""

MOST_FAILED_STARTS = 3
MOST_TRIES = 2
COST_OF_A_NEW_WORLD = 16
"""A world stays with the worker that has compiled it until that one has this many environments more than another."""

_LOOK_SECONDS = 1.0

Jobs = dict[int, list[Job]]
"""What to send to each worker, by its number."""


def no_jobs() -> Jobs:
    """Nothing to send yet."""
    return defaultdict(list)


class Crew:
    """Worker processes, what they owe, and where environments are. Its methods are called with `lock` held, but for `close`."""

    def __init__(self, workers: int, spare: int, seconds: float, most_worlds: int) -> None:
        """Starts the workers; raises ServerUnavailable."""
        self.lock = threading.RLock()
        self.sources: dict[str, Source] = {}
        self.seconds = seconds
        self.replaced = self.lost = self._failed_starts = 0
        self.end = ""
        self._spare, self._most_worlds = spare, most_worlds
        self._tickets, self._numbers = itertools.count(1), itertools.count(1)
        self.links = [Link.start(number, spare) for number in range(workers)]
        self._bell, self._ringer = socket.socketpair()
        self._ringer.setblocking(False)
        self._thread = threading.Thread(target=self._attend, name="worldloom-pool", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends the workers; whoever waits for an answer gets one."""
        with self.lock:
            self.end = self.end or "The pool was closed."
            self.ring()
        self._thread.join()

    def expect_running(self) -> None:
        """Raises EnvironmentFault where the pool is closed or broke."""
        if self.end:
            raise EnvironmentFault(self.end, "Start another pool.")

    def place(self, world: str) -> Slot:
        """A new slot on the worker that has least to do, or has the world already."""
        link = min(self.links, key=lambda link: link.load(world, COST_OF_A_NEW_WORLD))
        return Slot(next(self._numbers), link.number, world)

    def start(self, slot: Slot, kind: int, jobs: Jobs) -> None:
        """Has a slot's environment opened, or put back to the initial state, on its worker."""
        link, source = self.links[slot.link], self.sources[slot.world]
        mine = jobs[slot.link]
        if slot.world not in link.worlds:
            mine.append((SOURCE, 0, slot.world, self.seconds, source.draft_json))
            idle = next((world for world, count in link.worlds.items() if not count), None)
            if idle is not None and len(link.worlds) >= self._most_worlds:
                del link.worlds[idle]
                mine.append((FORGET, 0, idle, self.seconds))
        if slot.number not in link.slots:
            link.slots[slot.number] = slot
            link.worlds[slot.world] = link.worlds.pop(slot.world, 0) + 1
        slot.tries += 1
        limit = max(self.seconds, OPEN_SECONDS)
        mine.append((kind, self.promise(link, Owed(slot, 0, slot), limit), slot.number, limit, slot.world))

    def drop(self, slot: Slot, jobs: Jobs) -> None:
        """Has a slot's environment given back."""
        link = self.links[slot.link]
        if link.slots.pop(slot.number, None) is not None:
            link.worlds[slot.world] -= 1
            jobs[slot.link].append((RELEASE, 0, slot.number, self.seconds))

    def promise(self, link: Link, owed: Owed, seconds: float) -> int:
        """The ticket of an answer that a worker owes from now on, within a deadline."""
        if not link.owed:
            link.heard, link.longest = time.monotonic(), 0.0
        link.longest = max(link.longest, seconds)
        ticket = next(self._tickets)
        link.owed[ticket] = owed
        return ticket

    def post(self, jobs: Mapping[int, list[Job]]) -> None:
        """Sends jobs to the workers, as far as the system takes them now; the attendant sends the rest."""
        for number, mine in jobs.items():
            if mine and self.links[number].post(mine):
                self.ring()

    def ring(self) -> None:
        """Wakes the attendant; a bell that is full of rings wakes it as well."""
        try:
            self._ringer.send(b"!")
        except OSError:
            return

    def _attend(self) -> None:
        """The attendant: takes answers in, sends what is left to send, and replaces workers, whatever the callers do."""
        try:
            with selectors.DefaultSelector() as selector:
                while not self.end:
                    self._watch_all(selector)
                    ready = {key.fd for key, _ in selector.select(_LOOK_SECONDS)}
                    with self.lock:
                        self._look(ready)
        finally:
            with self.lock:
                self.end = self.end or "The pool broke."
                self._close_all()

    def _watch_all(self, selector: selectors.BaseSelector) -> None:
        """Waits for the bell and for every worker, and for room where something is left to send."""
        with self.lock:
            wanted = {link.socket: selectors.EVENT_READ | (selectors.EVENT_WRITE if link.outgoing else 0) for link in self.links}
        wanted[self._bell] = selectors.EVENT_READ
        for key in list(selector.get_map().values()):
            if key.fileobj not in wanted:
                selector.unregister(key.fileobj)
        for place, events in wanted.items():
            known = selector.get_map().get(place)
            if known is None:
                selector.register(place, events)
            elif known.events != events:
                selector.modify(place, events)

    def _look(self, ready: set[int]) -> None:
        if self._bell.fileno() in ready:
            self._bell.recv(4_096)
        for link in list(self.links):
            if link.socket.fileno() in ready:
                link.push()
                answers = link.answers()
                if answers is None:
                    self._replace(link, kindly=True)
                else:
                    self._take_in(link, answers)
            elif link.owed and time.monotonic() > link.heard + link.longest + STALL_SECONDS:
                self._replace(link, kindly=False)

    def _take_in(self, link: Link, frames: Iterator[list[Answer]]) -> None:
        for answer in itertools.chain.from_iterable(frames):
            owed = link.owed.pop(answer[0], None)
            if owed is not None:
                self._settle(owed, answer)

    def _settle(self, owed: Owed, answer: Answer) -> None:
        """Hands an answer over; one that says that the environment is gone is remembered."""
        slot = owed.slot
        if is_gone(answer[2]) and not slot.error:
            slot.error, slot.trouble = answer[2] or LOST, answer[3]
            self.lost += slot.taken
        owed.sink.put(owed.position, answer)

    def _replace(self, link: Link, *, kindly: bool) -> None:
        """Another worker in place of one that died: its live environments are lost, those not yet taken are made again."""
        why = link.stop(kindly=kindly) if kindly else f"{link.stop(kindly=False)} after it had said nothing for too long"
        self._failed_starts = 0 if link.spoke else self._failed_starts + 1
        if self._failed_starts > MOST_FAILED_STARTS:
            self.end = f"The pool's workers do not start: {why}."
            return
        try:
            self.links[link.number] = Link.start(link.number, self._spare)
        except ServerUnavailable as trouble:
            self.end = trouble.message
            return
        self.replaced += 1
        opening = {owed.slot.number for owed in link.owed.values() if owed.sink is owed.slot and owed.slot.tries < MOST_TRIES}
        again = {
            slot.number: slot
            for slot in link.slots.values()
            if slot.number in opening or (slot.ready and not slot.taken and not slot.error)
        }
        for owed in link.owed.values():
            if owed.sink is not owed.slot or owed.slot.number not in opening:
                self._settle(owed, (0, None, LOST, why))
        for slot in link.slots.values():
            if slot.number not in again and not slot.error:
                slot.error, slot.trouble = LOST, why
                self.lost += 1
        jobs = no_jobs()
        for slot in again.values():
            slot.ready, slot.error, slot.trouble = False, "", ""
            self.start(slot, OPEN if slot.taken else PREPARE, jobs)
        self.post(jobs)

    def _close_all(self) -> None:
        for link in self.links:
            link.socket.close()
        for link in self.links:
            link.stop(kindly=True)
            for owed in link.owed.values():
                self._settle(owed, (0, None, LOST, self.end))
            link.owed.clear()
        self._bell.close()
        self._ringer.close()
