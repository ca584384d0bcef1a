"""What a seed stands for: the conditions of a world, and everything that happens in it.

Invariant: a scenario is made of its seed alone. What happens is drawn before anything runs, so
that parts of it can be left out and the rest still happens.
"""

from dataclasses import dataclass, field
from random import Random
from typing import Any

from logux_store.testing.simulation.application import write_action
from logux_store.testing.simulation.own import SimulatedApplication

__all__ = ["Event", "Scenario", "make_scenario"]


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happens: when (seconds), to which program, what, and its arguments."""

    at: float
    program: str
    name: str
    arguments: tuple[Any, ...] = ()

    def __str__(self) -> str:
        arguments = ", ".join(map(repr, self.arguments))
        return f"{self.at:9.3f} {self.program} {self.name}({arguments})"


@dataclass(frozen=True, slots=True)
class Person:
    """Who uses a client, to which server it goes, on which computer it runs; `tab` says that it
    shares all with the others there.
    """

    user: str
    server: str
    computer: str
    tab: bool


@dataclass(slots=True)
class Scenario:
    """Conditions and events of one world."""

    seed: int
    servers: list[str]
    clients: dict[str, Person]
    durable: dict[str, bool]
    """Whether each computer has a disk."""
    skew: dict[str, int]
    """What each computer's clock is ahead at first (ms)."""
    rooms: list[str]
    latency: tuple[float, float]
    commit_delay: tuple[float, float]
    max_waiting: int
    client_ping: float
    server_ping: float
    timeout: float
    loads: str
    listens: bool
    """Whether the servers' application listens to their logs."""
    save_state_every: int
    history: int
    """How many actions a client keeps; with few of them, places are forgotten before all that
    belongs there has come.
    """
    duration: float
    events: list[Event] = field(default_factory=list)
    application: SimulatedApplication | None = None
    """Somebody's own application, instead of the one that finds most."""

    @property
    def forgetful(self) -> set[str]:
        """The servers that lose their whole log on the way."""
        return {
            event.program
            for event in self.events
            if event.program in self.servers
            and event.name in ("crash", "stop")
            and not self.durable[event.program]
        }

    @property
    def precision(self) -> int | None:
        """How wrong the time of an action may be at most (ms), by how long messages travel; None if
        something happens that keeps clients from knowing the server's clock.
        """
        if any(event.name in UNCERTAIN for event in self.events):
            return None
        return round(2000 * self.latency[1]) + 10


# What happens, and how often compared with the others.
DEEDS = {"act": 10, "burst": 2, "serve": 1, "moderate": 1, "rooms": 2}
TROUBLES = {
    "cut": 5,
    "go_dead": 2,
    "partition": 3,
    "slow": 2,
    "offline": 4,
    "clock": 2,
    "crash": 4,
    "stop": 1,
    "hang": 2,
}
UNCERTAIN = ("step_clock", "hang", "partition", "slow", "go_dead")
LATENCIES = ((0.0, 0.0), (0.001, 0.01), (0.01, 0.3), (0.1, 3.0))
COMMIT_DELAYS = ((0.0, 0.0), (0.001, 0.01), (0.0, 0.5), (0.5, 3.0))


def make_scenario(seed: int, application: SimulatedApplication | None = None) -> Scenario:
    """Draw everything for a seed; `application` is somebody's own to simulate."""
    random = Random(f"{seed} scenario")
    servers = [f"s{n + 1}" for n in range(random.choice((1, 1, 1, 1, 2)))]
    names = ("ann", "bob", "eve") if application is None else application.users
    users = [*names][: random.randint(1, len(names))]
    clients: dict[str, Person] = {}
    for n in range(random.randint(1, 4)):
        computer, user, server = f"c{n + 1}", random.choice(users), random.choice(servers)
        tabs = random.choice((0, 0, 1, 2, 3))
        for name in [f"{computer}{letter}" for letter in "abc"[:tabs]] or [computer]:
            clients[name] = Person(user, server, computer, tabs > 0)
    computers = [*servers, *dict.fromkeys(person.computer for person in clients.values())]
    client_ping, server_ping, timeout = random.choice(((10.0, 20.0, 70.0), (2.0, 3.0, 5.0)))
    scenario = Scenario(
        seed=seed,
        servers=servers,
        clients=clients,
        durable={name: random.random() < (0.9 if name in servers else 0.6) for name in computers},
        skew={name: draw_skew(random) for name in computers},
        rooms=["r1", "r2", "r3"][: random.randint(1, 3)],
        latency=random.choice(LATENCIES),
        commit_delay=random.choice(COMMIT_DELAYS),
        max_waiting=random.choice((1_000, 10_000, 1_000_000)),
        client_ping=client_ping,
        server_ping=server_ping,
        timeout=timeout,
        loads=random.choice(("since", "all", "slow", "at_once")),
        listens=Random(f"{seed} listens").random() < 0.5,
        save_state_every=random.choice((1, 3, 50)),
        history=random.choice((1000, 1000, 1000, 5)),
        duration=random.choice((5.0, 20.0, 60.0)),
        application=application,
    )
    if application is not None:
        scenario.history = 1000
    scenario.events = draw_events(scenario, random, users)
    return scenario


def draw_skew(random: Random) -> int:
    """What a clock is ahead: nothing, a little, or up to an hour."""
    most = random.choice((0, 0, 20, 3_600_000))
    return random.randint(-most, most)


def some_of(weights: dict[str, int], random: Random) -> dict[str, int]:
    """Leave some out: what is rare among all others is frequent among few."""
    kept = {name: weight for name, weight in weights.items() if random.random() < 0.6}
    return kept or weights


def draw_events(scenario: Scenario, random: Random, users: list[str]) -> list[Event]:
    """Everything that happens, in the order of time."""
    draft = Draft(scenario, random, users)
    kinds = DEEDS
    if scenario.application is not None:
        # Its clients subscribe when they start.
        kinds = {name: DEEDS[name] for name in ("act", "burst", "moderate")}
        scenario.rooms = []
    for client in scenario.clients:
        for room in scenario.rooms:
            if random.random() < 0.7:
                draft.add(0.0, client, "subscribe", room)
    trouble = random.choice((0.0, 0.2, 0.5))
    deeds, troubles = some_of(kinds, random), some_of(TROUBLES, random)
    for _ in range(random.choice((5, 20, 60))):
        if random.random() < trouble:
            draft.trouble(draft.one_of(troubles))
        else:
            draft.deed(draft.one_of(deeds))
    draft.events.sort(key=lambda event: event.at)
    return draft.events


class Draft:
    """The events drawn so far."""

    def __init__(self, scenario: Scenario, random: Random, users: list[str]) -> None:
        self.scenario = scenario
        self.random = random
        self.users = users
        self.events: list[Event] = []
        self.number = 0

    def add(self, at: float, program: str, name: str, *arguments: Any) -> None:
        """Let something happen."""
        self.events.append(Event(round(at, 3), program, name, arguments))

    def one_of(self, weights: dict[str, int]) -> str:
        """One name, each as often as its weight says."""
        return self.random.choices([*weights], [*weights.values()])[0]

    def actions(self, count: int, client: str) -> list[Any]:
        """Some new actions of a client, or of a server."""
        application = self.scenario.application
        if application is not None:
            user = self.scenario.clients[client].user
            return [application.write(self.random, user) for _ in range(count)]
        written: list[Any] = []
        for _ in range(count):
            self.number += 1
            action = write_action(self.random, self.scenario.rooms, self.users, self.number)
            if self.scenario.history < 1000 and "verdict" in action:
                # What is forgotten cannot be undone.
                action["verdict"] = "ok"
            written.append(action)
        return written

    def bad_moment(self) -> float:
        """Some time, as often as not soon after something else that happens."""
        random = self.random
        if self.events and random.random() < 0.5:
            return random.choice(self.events).at + random.choice((0.01, 0.1, 1)) * random.random()
        return random.uniform(0, self.scenario.duration)

    def deed(self, kind: str) -> None:
        """Let somebody do something."""
        random, scenario = self.random, self.scenario
        at = random.uniform(0, scenario.duration)
        client, server = random.choice([*scenario.clients]), random.choice(scenario.servers)
        match kind:
            case "act":
                self.add(at, client, "act", self.actions(1, client), False)
            case "burst":
                actions = self.actions(random.randint(2, 8), client)
                self.add(at, client, "act", actions, random.random() < 0.5)
            case "serve":
                (action,) = self.actions(1, server)
                if action["type"] != "draft/change":
                    self.add(at, server, "act", action)
            case "moderate" if scenario.history == 1000:
                self.add(at, server, "moderate", random.getrandbits(32))
            case "rooms":
                name = random.choice(("subscribe", "unsubscribe"))
                self.add(at, client, name, random.choice(scenario.rooms))

    def trouble(self, kind: str) -> None:
        """Let something go wrong, and in the end go right again."""
        random, scenario = self.random, self.scenario
        at = self.bad_moment()
        seconds = round(random.choice((0.1, 1, 10)) * random.uniform(0.5, 2), 3)
        client, server = random.choice([*scenario.clients]), random.choice(scenario.servers)
        either = random.choice((client, server))
        match kind:
            case "cut" | "go_dead":
                self.add(at, client, kind)
            case "partition" | "slow":
                self.add(at, client, kind, seconds)
            case "hang":
                self.add(at, either, kind, seconds)
            case "offline":
                self.add(at, client, "go_offline")
                self.add(at + seconds, client, "go_online")
            case "clock":
                most = 1_500 if either == server else 600_000
                self.add(at, either, "step_clock", random.randint(-most, most))
            case "crash":
                self.add(at, either, "crash", random.random() < 0.2)
                self.add(at + seconds, either, "start")
            case "stop":
                self.add(at, either, "stop")
                self.add(at + seconds, either, "start")
