"""What the tests of PostgreSQL's catalog look for in a reading."""

from tests.engines.postgresql import COLLECTOR
from tests.engines.postgresql_cases import DATABASE
from tests.engines.reading import Seen
from whalefall_pipeline.core.model import Observation, Securable
from whalefall_pipeline.core.model import Seen as Status
from whalefall_pipeline.core.snapshot import to_token

TOTAL = Securable("routine", DATABASE, "app", "total(integer)")
ORDERS = Securable("table", DATABASE, "app", "orders")
SHOP = f"database:{DATABASE}"
FROM_ALL = f"FROM PUBLIC, {COLLECTOR.username}"


def tokens(seen: Seen, username: str, securable: Securable) -> set[str]:
    return {
        to_token(privilege, grant_option=grant_option, effect=effect)
        for privilege, held_on, grant_option, effect in seen.states[username].held
        if held_on == securable
    }


def not_observed(seen: Seen) -> dict[str, Observation]:
    return {scope: what for scope, what in seen.reading.coverage.items() if what.status is not Status.OBSERVED}
