"""People and rights: who a person is, and what their roles let them do.

A supervisor may do all that a reader may, an administrator all that a supervisor may.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from hashlib import sha256
from typing import Any

from core.errors import ConfigError, NotAllowedError
from core.settings import settings

READER, SUPERVISOR, ADMINISTRATOR = ROLES = ("reader", "supervisor", "administrator")
MAX_NAME = 80  # characters
_MAX_ID = 48  # characters of it, for what tells apart people of one name

DECIDE = "decide on readings"
SIGN = "sign cases"
DELETE = "delete cases"
SCORE = "score cohorts"
TRAIN = "train and tune models"
NAME_RUN = "name, tag and archive runs"
DELETE_RUN = "delete runs"
PROMOTE = "choose the model that reads, set it up and describe it"
ADD_DATA = "add data sets"
IMPORT_RUN = "import runs"
ADOPT_MODEL = "adopt models"

_LEAST_ROLE = {
    DECIDE: READER,
    SIGN: SUPERVISOR,
    DELETE: SUPERVISOR,
    SCORE: SUPERVISOR,
    TRAIN: SUPERVISOR,
    NAME_RUN: SUPERVISOR,
    DELETE_RUN: SUPERVISOR,
    PROMOTE: SUPERVISOR,
    ADD_DATA: ADMINISTRATOR,
    IMPORT_RUN: ADMINISTRATOR,
    ADOPT_MODEL: ADMINISTRATOR,
}


@dataclass(frozen=True)
class Person:
    """Who acts: a name as it is recorded, whether a provider vouches for it, and the roles.

    Raises `ConfigError` if the name, stripped, has not 1 to 80 characters or has one that cannot be
    printed, and if a role is unknown.
    """

    name: str
    verified: bool = False
    roles: frozenset[str] = frozenset({READER})

    def __post_init__(self) -> None:
        name = self.name.strip()
        if not 1 <= len(name) <= MAX_NAME or not name.isprintable():
            raise ConfigError(
                f"{name[:MAX_NAME]!r} cannot be recorded as a name: a name has 1 to {MAX_NAME} "
                "characters, none of them a control character. Type another."
            )
        if unknown := sorted(self.roles - set(ROLES)):
            raise ConfigError(f"{unknown[0]!r} is not a role. Roles are {', '.join(ROLES)}.")
        object.__setattr__(self, "name", name)

    def may(self, action: str) -> bool:
        """Whether one of the person's roles is enough for an action, such as `SIGN`."""
        least = ROLES.index(_LEAST_ROLE[action])
        return any(ROLES.index(role) >= least for role in self.roles)

    def require(self, action: str) -> None:
        """Raises `NotAllowedError` if the person may not do the action."""
        if not self.may(action):
            raise NotAllowedError(
                f"{self.name} lacks the role for this. {who_may(action)} Ask one, or have the role "
                "given to you."
            )


def who_may(action: str) -> str:
    """Returns the sentence that says whose role is enough for an action."""
    enough = ROLES[ROLES.index(_LEAST_ROLE[action]) :]
    people = " or ".join(f"{'an' if role == ADMINISTRATOR else 'a'} {role}" for role in enough)
    return f"Only {people} may {action}."


def own_machine(name: str) -> Person:
    """A person on their own machine, whom nobody verifies and who may do everything."""
    return Person(name, roles=frozenset(ROLES))


def from_claims(claims: Mapping[str, Any]) -> Person:
    """The person whom the claims of an OpenID Connect identity token describe.

    The name ends with what tells apart people of one name: the e-mail address if the provider has
    verified it, else `sub`. A role comes from the claim that `BLASTLENS_ROLES_CLAIM` names, a role
    or a list of them, or from the lists in the settings; see docs/people.md. Without either the
    person has none. Raises `ConfigError` if the claims lack `sub`.
    """
    subject = claims.get("sub")
    if not isinstance(subject, str) or not subject:
        raise ConfigError(
            "The provider names no subject (sub), so nobody can be told apart. Have the provider "
            "send it."
        )
    email = _verified_email(claims)
    lists = {READER: settings().readers, SUPERVISOR: settings().supervisors}
    lists[ADMINISTRATOR] = settings().administrators
    listed = {role for role, entries in lists.items() if _is_listed(entries, email, subject)}
    claimed = _claimed(claims, settings().roles_claim)
    return Person(
        _recorded_name(claims, email or subject),
        verified=True,
        roles=frozenset(listed | (claimed & set(ROLES))),
    )


def _verified_email(claims: Mapping[str, Any]) -> str:
    """The e-mail address in small letters; empty unless the provider says that it is theirs."""
    return str(claims.get("email", "")).lower() if claims.get("email_verified") is True else ""


def _is_listed(entries: Sequence[str], email: str, subject: str) -> bool:
    return any(entry == f"sub:{subject}" or fnmatchcase(email, entry.lower()) for entry in entries)


def _claimed(claims: Mapping[str, Any], path: str) -> set[str]:
    """The texts at a claim: its name, which may have dots in it, or the path into nested ones."""
    value: Any = claims.get(path)
    if value is None:
        value = claims
        for name in path.split("."):
            value = value.get(name) if isinstance(value, Mapping) else None
    texts = [value] if isinstance(value, str) else value if isinstance(value, Sequence) else ()
    return {text.lower() for text in texts if isinstance(text, str)}


def _recorded_name(claims: Mapping[str, Any], identity: str) -> str:
    """The name that the provider gives, cut where it is too long, and then who that is."""
    if len(identity) > _MAX_ID or not identity.isprintable():
        identity = sha256(identity.encode()).hexdigest()[:16]
    given = str(claims.get("name") or claims.get("preferred_username") or "")
    name = "".join(filter(str.isprintable, given)).strip()
    return f"{name[: MAX_NAME - _MAX_ID - 3]} ({identity})" if name else identity
