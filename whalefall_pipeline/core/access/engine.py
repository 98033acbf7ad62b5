"""What effective access asks of an engine. Each engine's `access` module has one implementation, `ACCESS`."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Sequence
from typing import ClassVar

from whalefall_pipeline.core.access.model import Danger, Gate, Link, Population, Question, Source, Wanted
from whalefall_pipeline.core.model import Securable
from whalefall_pipeline.core.rules import Rules


class Access(ABC):
    """One engine's rules of effective access: pure functions over a population. The server is their judge."""

    rules: ClassVar[Rules]

    @abstractmethod
    def find_targets(self, kind: str | None, path: Sequence[str], known: Iterable[Securable]) -> Sequence[Securable]:
        """Return what a name path of one to three names may mean on this engine; empty: nothing.

        `kind` is the scope that was asked for; None is any. `known` are the securables with such names that somebody
        holds something on. An engine whose catalog lists every object (owners) returns those that are known; one that
        does not returns what the names say.
        """

    @abstractmethod
    def list_privileges(self, securable: Securable) -> Sequence[str]:
        """Return the privileges that can be asked for on a securable, in the engine's own words."""

    @abstractmethod
    def find_wanted(self, question: Question) -> Sequence[Wanted]:
        """Return which grants may bear on a question; memberships always do, and are not listed."""

    @abstractmethod
    def find_links(self, population: Population, username: str) -> Sequence[Link]:
        """Return how an account has what others have, each link once, those without a step first."""

    @abstractmethod
    def find_sources(self, population: Population, username: str, question: Question) -> Sequence[Source]:
        """Return what gives the privilege to an account by itself, not through its links.

        What everybody has (PUBLIC) is a source of every account, with that holder.
        """

    def keep_sources(
        self, population: Population, identity: Collection[str], sources: Sequence[Source], question: Question
    ) -> Sequence[Source]:
        """Return the sources that denials leave; `identity` are the account and all that it has without a step.

        `sources` are those of the whole identity.
        """
        return sources

    def find_gates(self, population: Population, username: str, question: Question) -> Sequence[Gate]:
        """Return what else stands before the privilege, open gates too."""
        return ()

    @abstractmethod
    def find_unseen(self, population: Population, question: Question) -> Sequence[str]:
        """Return the scopes that were not observed and could hold what makes a no a yes."""

    @abstractmethod
    def find_dangerous(self) -> Sequence[Wanted]:
        """Return the grants that `find_dangers` looks at, beside memberships."""

    @abstractmethod
    def find_dangers(self, population: Population, username: str) -> Sequence[Danger]:
        """Return what lets an account, by itself and not through its links, become more than it is."""
