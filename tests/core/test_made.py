"""What is made of a value is made once, and only when it is looked up."""

from whalefall_pipeline.core.made import Made


def test_a_value_is_made_when_it_is_first_looked_up_and_not_again() -> None:
    asked: list[int] = []

    def make(value: int) -> str:
        asked.append(value)
        return str(value)

    made = Made(make)
    assert not asked
    assert [made[1], made[2], made[1]] == ["1", "2", "1"]
    assert list(map(made.__getitem__, (2, 3))) == ["2", "3"]
    assert asked == [1, 2, 3]
