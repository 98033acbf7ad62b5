"""What a session uses is given back while it runs, and what it sets of the interpreter is put back after it."""

import gc
import sys
import weakref

import pytest

from whalefall_pipeline.sync.interpreter import NEW_OBJECTS, SWITCH_SECONDS, release, tuned


class _Knot:
    def __init__(self) -> None:
        self.itself = self


def test_cycles_stay_until_memory_is_given_back() -> None:
    with tuned():
        left = weakref.ref(_Knot())
        assert left() is not None
        release()
        assert left() is None


def test_what_is_usual_is_back_after_a_session() -> None:
    usual, usual_switch = gc.get_threshold(), sys.getswitchinterval()
    with tuned():
        assert sys.getswitchinterval() == pytest.approx(SWITCH_SECONDS)
        assert gc.get_threshold()[0] == NEW_OBJECTS
        assert gc.get_freeze_count()
    assert not gc.get_freeze_count()
    assert gc.get_threshold() == usual
    assert sys.getswitchinterval() == pytest.approx(usual_switch)
