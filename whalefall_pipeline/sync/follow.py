"""What follows from a reading: who is a superuser, who could become one, and what rules are asked; writes nothing.

What the ledger says of it is read first, and the rest is worked out while the ledger takes in what accounts hold.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection

from whalefall_pipeline.adapters.engine import Adapter
from whalefall_pipeline.core.access.danger_summary import DangerSummary
from whalefall_pipeline.core.findings.rulebook import Rulebook
from whalefall_pipeline.core.model import Reading
from whalefall_pipeline.ledger.alerts import read_superusers
from whalefall_pipeline.sync.compare import ComparedPermissions
from whalefall_pipeline.sync.dangers import NOBODY, Superusers, find_dangers, find_superusers
from whalefall_pipeline.sync.findings import Asked, Before, Questions, read_before, read_questions
from whalefall_pipeline.sync.read import Collected


class Sequel(NamedTuple):
    """What follows from a reading: who is a danger, who is a superuser since it, and what rules are to be asked."""

    dangers: DangerSummary | None = None
    superusers: Superusers = NOBODY
    questions: Questions | None = None


NOTHING_MORE = Sequel()


@dataclass(frozen=True, slots=True)
class Following:
    """Works out what follows.

    `superusers` are those among the accounts that differ, and `before` is of what findings are, both as the ledger has
    it before anything is written.
    """

    adapter: Adapter
    rulebook: Rulebook
    collected: Collected
    reading: Reading
    compared: ComparedPermissions
    superusers: Mapping[int, list[str]]
    before: Before

    @classmethod
    def read(
        cls,
        connection: Connection,
        collected: Collected,
        reading: Reading,
        compared: ComparedPermissions,
        asked: tuple[Adapter, Rulebook],
    ) -> "Following":
        """Read what the ledger says of superusers and findings."""
        stale = compared.states.stale.values() if compared.states else ()
        superusers = read_superusers(connection, [stored.account_id for stored in stale if stored.digest is not None])
        before = read_before(connection, collected.target.instance.id)
        return cls(*asked, collected, reading, compared, superusers, before)

    def find(self, connect: Callable[[], Connection]) -> Sequel:
        """Return what follows. `connect` is called where more of the ledger has to be read; it may have to wait."""
        compared = self.compared
        dangers = find_dangers(self.adapter, self.collected, compared)
        superusers = find_superusers(compared.states, self.superusers)
        asked = Asked(self.adapter, self.rulebook, self.before, dangers, of_superusers=superusers.concerned)
        questions = read_questions(connect, self.collected, self.reading, compared, asked)
        return Sequel(dangers, superusers, questions)
