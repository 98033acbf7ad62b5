"""What effective access asks of an engine. Each engine's `access` module has one implementation, `ACCESS`."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import ClassVar, TypeAlias

from whalefall_pipeline.core.access.graph import Links, ListedLinks
from whalefall_pipeline.core.access.model import (
    Acting,
    Code,
    Danger,
    Gate,
    GateQuestion,
    Link,
    Population,
    Question,
    Seeds,
    Source,
    Wanted,
)
from whalefall_pipeline.core.model import AccountState, Attributes, Securable
from whalefall_pipeline.core.rules import Rules

FindGates: TypeAlias = Callable[[Acting], Sequence[Gate]]


def find_no_gates(_acting: Acting) -> Sequence[Gate]:
    """Return no gates: the engine has none for the question."""
    return ()


class Access(ABC):
    """One engine's rules of effective access: pure functions over a population. The server is their judge.

    Those that look at many accounts take all of them at once: an engine finds quickly what few of them hold
    (`core.states.find_held`), and core walks the links from there.
    """

    rules: ClassVar[Rules]
    has_denials: ClassVar[bool] = False
    """Whether `keep_sources` may take any away; where not, what is found for one account is shared with others."""
    has_code: ClassVar[bool] = False
    """Whether `find_code` names any: then a no may hang on accounts that no path leads to."""

    @abstractmethod
    def find_targets(self, kind: str | None, path: Sequence[str], known: Iterable[Securable]) -> Sequence[Securable]:
        """Return what a name path of one to three names may mean on this engine; empty: nothing.

        `kind` is the scope that was asked for; None is any. `known` are the securables with such names that somebody
        holds something on. An engine whose catalog lists every object (owners) returns those that are known; one that
        does not returns what the names say.
        """

    @abstractmethod
    def list_privileges(self, securable: Securable, version: str = "") -> Sequence[str]:
        """Return the privileges that can be asked for on a securable, in the engine's own words.

        `version` is the server's product and version, as a population has it; empty: not known, so those of all.
        """

    @abstractmethod
    def find_wanted(self, question: Question) -> Sequence[Wanted]:
        """Return which grants may bear on a question or its gates; memberships always do, and are not listed."""

    def find_seeds(self, question: Question) -> Seeds | None:
        """Return where all paths to a privilege end; None: anybody may have one, so all accounts are needed."""
        return None

    def may_narrow(self, attributes: Attributes, unseen: Collection[str]) -> bool:
        """Whether the seeds hold on an instance that is set so and has these scopes unseen; else all is needed."""
        return True

    def is_bounded(self, state: AccountState) -> bool:
        """Whether an account's links lead only to what its own grants name, and to everybody's account.

        Else what an attribute or a privilege lets it become may be any account, and all of them are needed.
        """
        return False

    @abstractmethod
    def find_links(self, population: Population) -> Iterable[Link]:
        """Return how accounts have what others have, each link once, in any order.

        Everybody's account (PUBLIC) is the target of a link without a step from every other.
        """

    def open_links(self, population: Population) -> Links:
        """Return the same links, to be asked for account by account; by default they are all made at once."""
        return ListedLinks(self.find_links(population), population.accounts.keys())

    @abstractmethod
    def find_sources(self, population: Population, question: Question, usernames: Collection[str]) -> Iterable[Source]:
        """Return what gives the privilege to these accounts by themselves, not through links, in any order.

        `usernames` are often all of the population, with the targets of links that are no accounts of it.
        """

    def keep_sources(
        self, population: Population, identity: Collection[str], sources: Sequence[Source], question: Question
    ) -> Sequence[Source]:
        """Return the sources that denials leave; `identity` are the account and all that it has without a step.

        `sources` are those of the whole identity; what is returned are the same values, not copies.
        """
        return sources

    def find_code(self, population: Population, question: Question, reached: Collection[str]) -> Iterable[Code]:
        """Return the stored code that runs as somebody else, of that which one of these accounts may run.

        It may do more for its caller than that may do itself: a no is then unknown, if whom it runs as can. Some may be
        named that a denial keeps from the caller; what the question can't bear on is left out.
        """
        return ()

    def find_gate_questions(self, question: Question) -> Sequence[GateQuestion]:
        """Return the other privileges that one must have before this one is of use (CONNECT, USAGE on the schema)."""
        return ()

    def prepare_gates(self, population: Population, question: Question) -> FindGates:
        """Return a function that finds the other gates before a privilege (login, row security), open ones too."""
        return find_no_gates

    @abstractmethod
    def find_unseen(self, population: Population, question: Question | None) -> Sequence[str]:
        """Return the scopes that were not observed and could hold what makes a no a yes; None asks about dangers.

        What the engine's adapter never collects is named too, in a short phrase, where it could.
        """

    @abstractmethod
    def find_dangerous(self) -> Sequence[Wanted]:
        """Return the grants that `find_dangers` looks at, beside memberships."""

    @abstractmethod
    def find_dangers(self, population: Population) -> Iterable[Danger]:
        """Return what lets accounts, by themselves and not through links, become more than they are.

        A superuser is one too: `becomes` and `step` are empty.
        """
