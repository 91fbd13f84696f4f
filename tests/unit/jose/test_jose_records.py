"""A record is a frozen, slotted dataclass in everything but the moment at which its `__init__` is written."""

import copy
import inspect
import pickle
from dataclasses import FrozenInstanceError, field, fields, is_dataclass, replace

import pytest

from valetkey.jose.records import dataclass


@dataclass(frozen=True, slots=True)
class Parcel:
    """A value with every kind of field that the house uses."""

    weight: int
    label: str = "none"
    stamps: list[str] = field(default_factory=list, compare=False)
    pin: str = field(default="1234", repr=False)
    doubled: int = field(init=False, compare=False)
    kind: str = field(init=False, default="parcel")
    sent_by: str = field(default="post", kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "doubled", self.weight * 2)


@dataclass(frozen=True, slots=True)
class Registered(Parcel):
    """A record that inherits fields of another."""

    number: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Handle:
    """A value that is equal to itself alone."""

    name: str


@dataclass(frozen=True, slots=True)
class Nothing:
    """A record without a field."""


@dataclass(frozen=True, slots=True)
class Folded:  # noqa: PLW1641 - a record gets its hash beside it
    """A record that says itself when it is equal, and what it looks like."""

    name: str

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Folded) and other.name.lower() == self.name.lower()

    def __repr__(self) -> str:
        return "Folded"


def test_fields_take_what_is_given_and_their_defaults() -> None:
    parcel = Parcel(3, pin="9", sent_by="bike")
    values = [getattr(parcel, one.name) for one in fields(parcel)]
    assert values == [3, "none", [], "9", 6, "parcel", "bike"]


def test_a_default_is_made_anew_for_each_instance() -> None:
    assert Parcel(1).stamps is not Parcel(1).stamps


@pytest.mark.parametrize(
    ("arguments", "named"),
    [((), {}), ((1, "a", [], "1", "post"), {}), ((1,), {"colour": "red"}), ((1,), {"kind": "letter"})],
)
def test_a_call_that_does_not_fit_the_fields_is_refused(
    arguments: tuple[object, ...], named: dict[str, object]
) -> None:
    with pytest.raises(TypeError):
        Parcel(*arguments, **named)  # type: ignore[arg-type] # what the type checker would refuse


def test_the_signature_names_the_fields() -> None:
    assert list(inspect.signature(Registered).parameters) == [
        "weight",
        "label",
        "stamps",
        "pin",
        "number",
        "sent_by",
    ]


def test_no_field_can_be_set_added_or_deleted() -> None:
    parcel = Parcel(1)
    for name in ("weight", "colour"):
        with pytest.raises(FrozenInstanceError, match=name):
            setattr(parcel, name, 2)
        with pytest.raises(FrozenInstanceError, match=name):
            delattr(parcel, name)
    assert not hasattr(parcel, "__dict__")


def test_equality_and_hash_are_those_of_the_compared_fields() -> None:
    assert Parcel(1, stamps=["a"]) == Parcel(1)
    assert hash(Parcel(1, stamps=["a"])) == hash(Parcel(1))
    assert len({Parcel(1), Parcel(2), Parcel(1, pin="9"), Parcel(1, sent_by="bike"), Parcel(1)}) == 4
    assert Nothing() == Nothing()
    assert hash(Nothing()) == hash(Nothing())


def test_records_of_two_classes_are_never_equal() -> None:
    assert Parcel(1) != Registered(1)
    assert Nothing() != object()


def test_without_eq_a_record_is_equal_to_itself_alone() -> None:
    handle = Handle("a")
    assert handle == handle  # noqa: PLR0124 - the point
    assert handle != Handle("a")
    assert len({handle, Handle("a")}) == 2


def test_what_a_class_writes_itself_stands() -> None:
    assert Folded("A") == Folded("a")
    assert repr(Folded("A")) == "Folded"


def test_a_field_that_is_kept_out_is_not_shown() -> None:
    assert repr(Parcel(1, pin="9876")) == (
        "Parcel(weight=1, label='none', stamps=[], doubled=2, kind='parcel', sent_by='post')"
    )


def test_the_standard_library_takes_it_for_a_dataclass() -> None:
    parcel = Parcel(1, "a")
    assert is_dataclass(Parcel)
    assert replace(parcel, weight=2) == Parcel(2, "a")
    match parcel:
        case Parcel(1, label):
            assert label == "a"
        case _:
            pytest.fail("the fields are no pattern")


def test_a_record_can_be_copied_and_sent_to_another_process() -> None:
    parcel = Registered(1, "a", ["x"], number=7)
    for other in (copy.copy(parcel), copy.deepcopy(parcel), pickle.loads(pickle.dumps(parcel))):  # noqa: S301 - ours
        assert other == parcel
        assert other.stamps == ["x"]


def test_an_inherited_init_is_written_for_the_class_that_has_it() -> None:
    @dataclass(frozen=True, slots=True)
    class Outer:
        name: str

    class Inner(Outer):
        """Adds a method, no field."""

        def __init__(self, name: str) -> None:
            super().__init__(name.upper())

    assert Inner("a").name == "A"
    assert Outer("a").name == "a"


def test_another_kind_of_dataclass_is_refused() -> None:
    with pytest.raises(TypeError, match="frozen=True and slots=True"):
        dataclass(frozen=True)
