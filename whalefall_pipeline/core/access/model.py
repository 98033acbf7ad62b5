"""The values of effective access: a question, what an engine finds for it, and an answer with its paths.

An account logs in as itself: its *identity* is the account with all that it has by itself (`Link`s without a step). A
step (SET ROLE, EXECUTE AS, a proxy) leads to another identity, that of the link's target. A *path* is the chain of
links from an account to the `Source` that gives the privilege.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from whalefall_pipeline.core.model import AccountState, Attributes, Held, Json, Kind, Securable, Unseen


class Verdict(StrEnum):
    """Whether an account can: as it logs in, after a step that it can take by itself, nobody knows, or not."""

    YES = "yes"
    AFTER_STEP = "yes after a step"
    UNKNOWN = "unknown"
    NO = "no"


class Question(NamedTuple):
    """A privilege, in the engine's own words, on a securable whose name path is complete."""

    privilege: str
    securable: Securable


class Wanted(NamedTuple):
    """Grants that may bear on an answer: those of a scope whose names and privilege are these; None is any."""

    scope: str
    database: str | None = None
    schema: str | None = None
    object: str | None = None
    column: str | None = None
    privilege: str | None = None


class Sought(NamedTuple):
    """Grants of one privilege on one securable, in any column of it; names that it lacks are empty."""

    privilege: str
    scope: str
    database: str = ""
    schema: str = ""
    object: str = ""


class Matching(NamedTuple):
    """Grants of one privilege on securables of a scope that have no name but a database's, which may be a pattern."""

    privilege: str
    scope: str
    means: Callable[[str], bool]


class Seeds(NamedTuple):
    """Where all paths to a privilege end, so that only accounts that may come there need be loaded.

    Who holds one of `grants` or of `matching`, has one of `attributes` (names of those that are true), or is one of
    `usernames`. Whoever is none of these, nor comes to one by memberships, can't. What else leads to others makes a
    seed too: `by_principals`, to hold something on a principal; `by_user_part`, to share the user part of one's name
    with others, or to have none. `everybodys` are the accounts that stand for everybody, beside those of that kind.
    """

    grants: tuple[Sought, ...]
    attributes: tuple[str, ...] = ()
    usernames: tuple[str, ...] = ()
    matching: tuple[Matching, ...] = ()
    everybodys: tuple[str, ...] = ()
    by_principals: bool = False
    by_user_part: bool = False


class Link(NamedTuple):
    """How one account has what another has: a membership, or a way to act as it.

    `step` is what must be done first, as a statement or a short phrase; empty: nothing. `database` is the one database
    that it holds in; empty: all. `words` say the link for a person ("member of readers"); `held` is the grant that it
    rests on, None where an attribute or a rule of the engine makes it. `own`: only the member itself has it, as it
    logged in or after a step, and not who has what the member has (PostgreSQL's SET ROLE, what an attribute allows).
    `adds`: after the step the member acts with the target beside its own, without its other links, and not in its place
    (MySQL's SET ROLE).
    """

    member: str
    target: str
    words: str
    step: str = ""
    database: str = ""
    held: Held | None = None
    since: datetime | None = None
    own: bool = False
    adds: bool = False


class Source(NamedTuple):
    """What gives the privilege at the end of a path: a grant, or what stands for one (superuser, owner, a wider scope).

    `holder` has it. `step` is what the holder must do before it counts (an owner that grants to itself what was revoked
    from it); empty: nothing. `held` is None where an attribute of the holder gives it. `own`: it counts for the holder
    itself only, as it logged in or after a step, and not for who has what the holder has (`rolsuper`).
    """

    holder: str
    words: str
    step: str = ""
    held: Held | None = None
    since: datetime | None = None
    own: bool = False


class Path(NamedTuple):
    """One way from an account to a privilege."""

    links: tuple[Link, ...]
    source: Source

    @property
    def steps(self) -> tuple[str, ...]:
        """What must be done, in this order; empty: nothing."""
        return tuple(step for step in (*(link.step for link in self.links), self.source.step) if step)

    @property
    def actor(self) -> str:
        """The account that acts in the end: what the last step leads to, or the account that the path begins at."""
        for link in reversed(self.links):
            if link.step:
                return link.target
        return self.links[0].member if self.links else self.source.holder

    @property
    def since(self) -> datetime | None:
        """The moment since which all of it holds: that of its youngest part; None: not known."""
        moments = [part.since for part in (*self.links, self.source) if part.since]
        return max(moments, default=None)

    def __str__(self) -> str:
        return ", ".join((*(link.words for link in self.links), self.source.words))


class Code(NamedTuple):
    """Stored code that somebody may run and that runs as somebody else: what it does there, nobody has read.

    `words` name it and whom it runs as; `runs_as` is that account, or a place that links or sources know.
    """

    words: str
    runs_as: str


class GateState(StrEnum):
    """Whether what stands before a privilege lets the account through."""

    OPEN = "open"
    CLOSED = "closed"
    FILTERS = "filters"
    UNKNOWN = "unknown"


class Gate(NamedTuple):
    """What an account must pass beside holding the privilege: `login`, `connect`, `schema`, `row security`."""

    name: str
    state: GateState
    reason: str = ""


class GateQuestion(NamedTuple):
    """A gate that is a privilege of its own: `connect` is CONNECT on the database.

    `by_login`: the account that logs in must have it, not the one that it acts as after its steps.
    """

    name: str
    question: Question
    by_login: bool = False


@dataclass(slots=True)
class Acting:
    """Who comes to a gate: the account that logs in, the one that it acts as, and that one's identity."""

    username: str
    actor: str
    find_identity: Callable[[str], Collection[str]]
    _identity: Collection[str] | None = None

    @property
    def identity(self) -> Collection[str]:
        """What the actor has by itself; few gates ask for it."""
        if self._identity is None:
            self._identity = self.find_identity(self.actor)
        return self._identity


class Answer(NamedTuple):
    """What is known of one account and one question.

    `paths` are those to a yes: those with the fewest steps first, then the shortest. `complete`: the bound on their
    number left none out. `gates` are those of the first path. `unseen` names the scopes that were not observed and
    could hold more. `nearest` says, of a no, what came closest.
    """

    username: str
    kind: Kind
    question: Question
    verdict: Verdict
    paths: tuple[Path, ...] = ()
    gates: tuple[Gate, ...] = ()
    unseen: tuple[str, ...] = ()
    nearest: str = ""
    complete: bool = True


class Danger(NamedTuple):
    """What lets an account become more than it is: a superuser, or another account.

    `becomes` is the account that is taken over; empty: a superuser, or all that the server's operating system user may.
    `database` is the one database that the holder must be reached in; empty: any. `rank` orders dangers, 0 being the
    worst. `words` say what it rests on, `step` what would be done; both `becomes` and `step` empty: who has it without
    a step is a superuser already. `own` as of a `Source`. `of` is the account that has itself what is taken over, where
    that is a part of it (its user in one database); it takes nothing from itself. `by_login`: it counts for who logs in
    as the holder only, and for nobody who comes to it.
    """

    holder: str
    becomes: str
    rank: int
    words: str
    step: str
    held: Held | None = None
    since: datetime | None = None
    own: bool = False
    database: str = ""
    of: str = ""
    by_login: bool = False


class Escalation(NamedTuple):
    """A way from an account to a danger: the links, and the danger at their end."""

    username: str
    links: tuple[Link, ...]
    danger: Danger

    @property
    def steps(self) -> tuple[str, ...]:
        """What must be done, in this order."""
        return tuple(step for step in (*(link.step for link in self.links), self.danger.step) if step)

    @property
    def since(self) -> datetime | None:
        """The moment since which all of it holds; None: not known."""
        moments = [part.since for part in (*self.links, self.danger) if part.since]
        return max(moments, default=None)

    def __str__(self) -> str:
        return ", ".join((*(link.words for link in self.links), self.danger.words))


class Escalations(NamedTuple):
    """Who is a superuser as it logs in, and the ways of all others to a danger, the worst first."""

    superusers: tuple[str, ...]
    ways: tuple[Escalation, ...]
    unseen: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Population:
    """One instance at a moment, as far as questions need it.

    `accounts` are all by username, each holding its memberships and the grants that were wanted. `since` is the moment
    since which an account holds something. `unseen` are the scopes that were not observed, `version` the server's
    product and version as the record has it (`PostgreSQL 16.4`), `attributes` what the instance is set to.
    """

    accounts: Mapping[str, AccountState]
    since: Mapping[tuple[str, Held], datetime] = field(default_factory=dict[tuple[str, Held], datetime])
    unseen: Mapping[str, Unseen] = field(default_factory=dict[str, Unseen])
    attributes: Attributes = field(default_factory=dict[str, Json])
    version: str = ""
    now: datetime | None = None

    def find_since(self, username: str, held: Held) -> datetime | None:
        """Return the moment since which an account holds something; None: not known."""
        return self.since.get((username, held))
