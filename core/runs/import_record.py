"""Where an imported run came from."""

from core.documents import Document
from core.untrusted.fields import Instant, Line, Sha256


class ImportRecord(Document):
    """The import of a run, import.json.

    at: Unix time. archive: SHA-256 of its manifest. run: the name of the run before the import.
    """

    at: Instant
    archive: Sha256
    run: Line
