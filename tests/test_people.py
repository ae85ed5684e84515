import pytest

from core import people
from core.errors import ConfigError, NotAllowedError
from core.people import ADMINISTRATOR, READER, SUPERVISOR, Person

ACTIONS = {
    READER: {people.DECIDE},
    SUPERVISOR: {people.SIGN, people.DELETE, people.TRAIN, people.PROMOTE},
    ADMINISTRATOR: {people.ADD_DATA, people.IMPORT_RUN, people.ADOPT_MODEL},
}
ALL_ACTIONS = set().union(*ACTIONS.values())


@pytest.mark.parametrize("role", people.ROLES)
def test_a_role_may_what_lower_roles_may(role: str) -> None:
    allowed = set().union(*(ACTIONS[r] for r in people.ROLES[: people.ROLES.index(role) + 1]))
    person = Person("Ada", roles=frozenset({role}))
    assert {action for action in ALL_ACTIONS if person.may(action)} == allowed


def test_someone_without_a_role_may_nothing_and_the_owner_of_a_machine_everything() -> None:
    nobody, owner = Person("Ada", verified=True, roles=frozenset()), people.own_machine("Ada")
    assert not any(nobody.may(action) for action in ALL_ACTIONS)
    assert all(owner.may(action) for action in ALL_ACTIONS) and not owner.verified


def test_a_refusal_says_who_what_and_whom_to_ask() -> None:
    Person("Ada").require(people.DECIDE)
    assert people.who_may(people.ADD_DATA) == "Only an administrator may add data sets."
    with pytest.raises(NotAllowedError, match="a supervisor or an administrator may sign cases"):
        Person("Ada").require(people.SIGN)


@pytest.mark.parametrize("name", ["", "  ", "a" * 81, "A\nB", "A\x00", "A\u202eB", "A\u2028B"])
def test_a_name_that_cannot_be_recorded_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="1 to 80 characters"):
        Person(name)


def test_a_name_is_stripped() -> None:
    assert Person("  Zoë van der Berg ").name == "Zoë van der Berg"
    assert len(Person("a" * 80).name) == 80


def test_an_unknown_role_is_refused() -> None:
    with pytest.raises(ConfigError, match="'boss' is no role"):
        Person("Ada", roles=frozenset({"boss"}))
