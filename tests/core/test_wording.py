"""The log's line for people names what the entries for programs hold, in their order, and counts the rest."""

from collections.abc import Iterable

import pytest

from whalefall_pipeline.core.diff import AttributeChange, ChangeType, Difference
from whalefall_pipeline.core.model import Held, Securable
from whalefall_pipeline.core.wording import Wording

READERS = Held("MEMBER", Securable("role", object="readers"))
TABLES = [Held("SELECT", Securable("table", "shop", "public", f"t{number}")) for number in range(6)]
DROPPED = Held("DROP", Securable("table", "shop", "public", "t0"))


@pytest.mark.parametrize(
    ("change_type", "gained", "lost", "said"),
    [
        ("add", [*TABLES[:2], DROPPED, READERS], [], "holds MEMBER on role readers; DROP on table shop.public.t0; "
         "SELECT on table shop.public.t0; SELECT on table shop.public.t1"),
        ("delete", [], [READERS], "held MEMBER on role readers"),
        ("reactivate", [], [], "holds nothing"),
        ("add", TABLES, [], "holds " + "; ".join(f"SELECT on table shop.public.t{number}" for number in range(5))
         + "; and 1 more"),
        ("modify_privilege", TABLES[:1], [READERS], "granted SELECT on table shop.public.t0; "
         "revoked MEMBER on role readers; locked: none -> true"),
        ("modify_privilege", [READERS._replace(grant_option=True)], [READERS],
         "gained the option to pass on MEMBER on role readers; locked: none -> true"),
    ],
)  # fmt: skip
def test_a_change_in_one_line(change_type: ChangeType, gained: Iterable[Held], lost: Iterable[Held], said: str) -> None:
    locked = AttributeChange("locked", None, True)
    difference = Difference(frozenset(gained), frozenset(lost), (locked,))
    assert Wording().describe(change_type, difference) == said
