"""The values of findings: rules, what they hit, and what comes of it for the ledger.

A rule has one of three outcomes for an instance: found (there is a finding for each thing that it hit), clear, or
unknown: a scope that it looks at was not observed, so that what it did not find may be there all the same.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from whalefall_pipeline.core.model import Account, Held, Json

if TYPE_CHECKING:
    from whalefall_pipeline.core.findings.world import World


class Severity(StrEnum):
    """How bad it is, the worst first."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"

    @property
    def rank(self) -> int:
        """0 for the worst, so that severities sort and compare."""
        return RANKS[self]

    def and_worse(self) -> list["Severity"]:
        """Return this severity and all that are worse."""
        return [item for item in Severity if item.rank <= self.rank]


RANKS = {severity: rank for rank, severity in enumerate(Severity)}


class Outcome(StrEnum):
    """What a rule says of an instance; clear is never stored: there is then no open finding of the rule."""

    FOUND = "found"
    CLEAR = "clear"
    UNKNOWN = "unknown"


class Mend(StrEnum):
    """What SQL would end a finding: none that can be built, or one that changes what the account holds."""

    NONE = "none"
    REVOKE = "revoke"
    WITHOUT_OPTION = "without option"


class Hit(NamedTuple):
    """Something that a rule found: an account, something of it (`object`), or neither: the instance itself.

    `message` is one line. `held` is what the account holds that makes it so. A hit with a moment `since` that is still
    to come is none yet: it becomes one by itself, without any change of the instance.
    """

    account: str = ""
    object: str = ""
    message: str = ""
    held: tuple[Held, ...] = ()
    since: datetime | None = None


Find: TypeAlias = "Callable[[World], Iterable[Hit]]"


@dataclass(frozen=True, slots=True)
class PerAccount:
    """A function that finds accounts one by one.

    Whether it finds one depends on what that account is, holds and amounts to, through roles too, on what the instance
    is set to and on the moment: on nothing else of other accounts. So only accounts that differ have to be asked about.
    """

    find: Find

    def __call__(self, world: "World") -> "Iterable[Hit]":
        """Return what it finds."""
        return self.find(world)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sights:
    """What a rule looks at, to know whether it saw enough.

    `scopes` are scopes of grants (`table`, `role`), None: all that the engine has; those that an engine has not are
    left out. `administration` adds the scopes that make administrators. `accounts` says that it needs the attributes of
    accounts, `settings` those of the instance; `parts` are scopes of the coverage, where an engine's catalog has parts
    for neither (`server/profiles`). `dangers` says that it needs to know who could become more than it is.
    """

    scopes: frozenset[str] | None = frozenset()
    administration: bool = False
    accounts: bool = False
    settings: bool = False
    parts: frozenset[str] = frozenset()
    dangers: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule. `references` are sections of benchmarks that ask for it, as `CIS MySQL 5.7 5.2`.

    With `of_superusers`, what it finds depends on which accounts are superusers, and on nothing else.
    """

    id: str
    title: str
    severity: Severity
    why: str
    remedy: str
    find: Find
    looks_at: Sights = field(default_factory=Sights)
    references: tuple[str, ...] = ()
    mend: Mend = Mend.NONE
    of_superusers: bool = False

    @property
    def is_per_account(self) -> bool:
        """Whether it finds accounts one by one, so that only those that differ have to be asked about."""
        return isinstance(self.find, PerAccount)


@dataclass(frozen=True, slots=True)
class EngineFindings:
    """What an engine brings: its own rules, and what those of all engines need to know.

    `is_given` says which accounts the server itself made, as it came. What is held in the scopes `administration` can
    make an account an administrator.
    """

    rules: tuple[Rule, ...] = ()
    is_given: Callable[[Account], bool] = lambda _account: False
    administration: frozenset[str] = frozenset()


NO_FINDINGS = EngineFindings()
"""Of an engine that has no rules of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a deployment sets for rules. `superusers` may be superusers; others may not, however few they are."""

    superusers: frozenset[str] = frozenset()
    superusers_at_most: int = 3
    password_days: int = 365
    ignore: frozenset[str] = frozenset()


DEFAULT_OPTIONS = Options()


class FindingKey(NamedTuple):
    """What makes a finding the same one in two syncs."""

    rule_id: str
    account: str
    object: str
    outcome: Outcome


class Finding(NamedTuple):
    """One finding of an instance, as it stands in the ledger: found, or unknown for a whole rule.

    A first sync makes tens of thousands, hence a named tuple.
    `detail` is `{"held": [{privilege, scope, …}, …], "count"}` of one that is found by what is held (the first of
    `count`), and `{"unseen": {scope: reason}}` of an unknown one.
    """

    rule_id: str
    account: str
    object: str
    outcome: Outcome
    severity: Severity
    title: str
    message: str
    detail: Mapping[str, Json]

    @property
    def key(self) -> FindingKey:
        """What it is known by."""
        return FindingKey._make(self[:4])


class Evaluation(NamedTuple):
    """What all rules say of an instance, each once; at `due_at` (None: never) they say something else by themselves."""

    found: Sequence[Finding]
    due_at: datetime | None

    @property
    def findings(self) -> Mapping[FindingKey, Finding]:
        """What they say, by what it is known by."""
        return {finding.key: finding for finding in self.found}


class FindingChanges(NamedTuple):
    """Which findings a sync opened and closed, the worst first.

    `news` are those that opened because something changed; where only the questions are new they are none: the rule was
    asked for the first time, or is another rule now, and would have found the same before.
    """

    opened: tuple[Finding, ...] = ()
    closed: tuple[Finding, ...] = ()
    news: tuple[Finding, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.opened or self.closed)

    def join(self, later: "FindingChanges") -> "FindingChanges":
        """Return both, those of the earlier step first."""
        return FindingChanges((*self.opened, *later.opened), (*self.closed, *later.closed), (*self.news, *later.news))


NO_CHANGES = FindingChanges()
