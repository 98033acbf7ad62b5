"""When a revoke counts as seen to be done, by what was not seen."""

from datetime import UTC, datetime

import pytest

from whalefall_pipeline.core.model import Seen
from whalefall_pipeline.core.review import Gap, Review, Scope, Sight, find_never_seen

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HR = "database:hr"


@pytest.mark.parametrize("status", [status for status in Seen if status is not Seen.OBSERVED])
def test_what_is_excluded_holds_up_no_review_and_what_could_not_be_read_does(status: Seen) -> None:
    sight = Sight("shop", "postgresql", "16.4", "now", "now", [Gap(HR, status.value, "why", None)])
    review = Review(1, "Q4", Scope.ALL, NOW, None, "dba", None, None, [sight])
    still = {"shop": [HR, "database:other"], "elsewhere": [HR]}
    assert find_never_seen(review, still) == {"shop": set() if status is Seen.EXCLUDED else {HR}}
    assert find_never_seen(review, {"elsewhere": [HR]}) == {"shop": set()}
