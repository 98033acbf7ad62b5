"""What is worked out is so once, and only when it is needed."""

from collections.abc import Iterator

from whalefall_pipeline.core.made import Found, Made


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


def test_items_are_taken_from_an_iterator_when_they_are_first_gone_through() -> None:
    taken: list[int] = []

    def take() -> Iterator[int]:
        for number in range(4):
            taken.append(number)
            yield number

    found = Found(take())
    first, second = iter(found), iter(found)
    assert [next(first), next(second), next(second)] == [0, 0, 1]
    assert taken == [0, 1]
    assert (len(found), found[-1], found[1:3]) == (4, 3, [1, 2])
    assert [*first] == [1, 2, 3]
    assert [*found] == [*found] == taken == [0, 1, 2, 3]
