"""What a session uses is given back while it runs: Python's own collector hardly looks meanwhile."""

import gc
import weakref

from whalefall_pipeline.sync.memory import NEW_OBJECTS, collecting_rarely, release


class _Knot:
    def __init__(self) -> None:
        self.itself = self


def test_cycles_stay_until_memory_is_given_back() -> None:
    with collecting_rarely():
        left = weakref.ref(_Knot())
        assert left() is not None
        release()
        assert left() is None


def test_the_usual_collector_is_back_after_a_session() -> None:
    usual = gc.get_threshold()
    with collecting_rarely():
        assert gc.get_threshold()[0] == NEW_OBJECTS
        assert gc.get_freeze_count()
    assert not gc.get_freeze_count()
    assert gc.get_threshold() == usual
