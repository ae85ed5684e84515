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
    with pytest.raises(ConfigError, match="'boss' is not a role"):
        Person("Ada", roles=frozenset({"boss"}))


def claims(**others: object) -> dict[str, object]:
    return {"sub": "u-1", "name": "Ada Lindqvist", **others}


def test_a_person_of_a_provider_is_verified_and_told_apart_by_name_and_id() -> None:
    ada = people.from_claims(claims())
    assert (ada.name, ada.verified, ada.roles) == ("Ada Lindqvist (u-1)", True, frozenset())
    proven = claims(email="Ada@hospital.example", email_verified=True)
    assert people.from_claims(proven).name == "Ada Lindqvist (ada@hospital.example)"
    assert people.from_claims({"sub": "u-1", "preferred_username": "al"}).name == "al (u-1)"
    assert people.from_claims({"sub": "u-1"}).name == "u-1"


@pytest.mark.parametrize("identity", ["u" * 255, "two\nlines"])
def test_however_long_or_odd_its_claims_are_a_name_is_recordable_and_unique(identity: str) -> None:
    odd = claims(name="A\u202e" + "b" * 300, sub=identity)
    one, other = people.from_claims(odd), people.from_claims(odd | {"sub": identity + "x"})
    assert len(one.name) <= people.MAX_NAME and one.name.startswith("Abbb")
    assert one.name != other.name


def test_claims_without_a_subject_are_refused() -> None:
    with pytest.raises(ConfigError, match="no subject"):
        people.from_claims({"name": "Ada"})


@pytest.mark.parametrize(
    ("path", "value", "roles"),
    [
        ("role", {"role": "reader"}, {READER}),
        ("roles", {"roles": ["Supervisor", "offline_access", 7]}, {SUPERVISOR}),
        ("realm_access.roles", {"realm_access": {"roles": ["administrator"]}}, {ADMINISTRATOR}),
        ("https://a.example/roles", {"https://a.example/roles": ["reader"]}, {READER}),
        ("realm_access.roles", {"realm_access": "administrator"}, set()),
        ("realm_access.roles", {"roles": ["administrator"]}, set()),
        ("roles", {}, set()),
        ("", {"roles": ["administrator"], "": None}, set()),
    ],
)
def test_roles_come_from_the_claim_that_the_settings_name(
    monkeypatch: pytest.MonkeyPatch, path: str, value: dict[str, object], roles: set[str]
) -> None:
    monkeypatch.setenv("BLASTLENS_ROLES_CLAIM", path)
    assert people.from_claims(claims(**value)).roles == roles


@pytest.mark.parametrize(
    ("entries", "facts", "listed"),
    [
        ("ada@h.example", {"email": "Ada@H.example", "email_verified": True}, True),
        ("b@h.example, Ada@h.example", {"email": "ada@h.example", "email_verified": True}, True),
        ("*@h.example", {"email": "ada@h.example", "email_verified": True}, True),
        ("*@h.example", {"email": "ada@h.example.org", "email_verified": True}, False),
        ("ada@h.example", {"email": "ada@h.example"}, False),
        ("ada@h.example", {"email": "ada@h.example", "email_verified": "true"}, False),
        ("ada@h.example", {"sub": "ada@h.example"}, False),
        ("sub:u-1", {}, True),
        ("sub:U-1", {}, False),
        ("sub:*", {}, False),
        ("*", {}, True),
        ("", {"email": "ada@h.example", "email_verified": True}, False),
    ],
)
def test_a_listed_person_is_known_by_a_verified_address_or_by_their_id(
    monkeypatch: pytest.MonkeyPatch, entries: str, facts: dict[str, object], listed: bool
) -> None:
    monkeypatch.setenv("BLASTLENS_SUPERVISORS", entries)
    assert people.from_claims(claims(**facts)).roles == ({SUPERVISOR} if listed else set())
