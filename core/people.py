"""People and rights: who a person is, and what their roles let them do.

A supervisor may do all that a reader may, an administrator all that a supervisor may.
"""

from dataclasses import dataclass

from core.errors import ConfigError, NotAllowedError

READER, SUPERVISOR, ADMINISTRATOR = ROLES = ("reader", "supervisor", "administrator")
MAX_NAME = 80  # characters

DECIDE = "decide on readings"
SIGN = "sign cases"
DELETE = "delete cases"
TRAIN = "train and tune models"
PROMOTE = "choose the model that reads"
ADD_DATA = "add data sets"
IMPORT_RUN = "import runs"
ADOPT_MODEL = "adopt models"

_LEAST_ROLE = {
    DECIDE: READER,
    SIGN: SUPERVISOR,
    DELETE: SUPERVISOR,
    TRAIN: SUPERVISOR,
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
            raise ConfigError(f"{unknown[0]!r} is no role. Roles are {', '.join(ROLES)}.")
        object.__setattr__(self, "name", name)

    def may(self, action: str) -> bool:
        """Whether one of the person's roles is enough for an action, such as `SIGN`."""
        least = ROLES.index(_LEAST_ROLE[action])
        return any(ROLES.index(role) >= least for role in self.roles)

    def require(self, action: str) -> None:
        """Raises `NotAllowedError` if the person may not do the action."""
        if not self.may(action):
            raise NotAllowedError(f"{self.name} may not {action}. {who_may(action)}")


def who_may(action: str) -> str:
    """Returns the sentence that says which role an action takes, and whom to ask."""
    role = _LEAST_ROLE[action]
    article = "an" if role == ADMINISTRATOR else "a"
    return f"It takes {article} {role}: ask one to do it, or to have that role given to you."


def own_machine(name: str) -> Person:
    """A person on their own machine, whom nobody verifies and who may do everything."""
    return Person(name, roles=frozenset(ROLES))
