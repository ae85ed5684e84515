"""The errors a user can meet. Each message names the value, the rule and the remedy."""


class BlastLensError(Exception):
    """Base of every error that is shown to a user as one sentence."""


class DataError(BlastLensError):
    """A data set, a folder or a split cannot be used as asked."""


class ConfigError(BlastLensError):
    """A setting of a run is unknown or out of range."""


class NotAllowedError(BlastLensError):
    """A person lacks the role that an action takes."""


class RunError(BlastLensError):
    """A run folder is missing, unfinished or broken."""


class ModelError(BlastLensError):
    """An architecture, its weights or an engine is missing or unusable."""


class UploadError(BlastLensError):
    """An image file cannot be read as a cell image."""


class TooSmallError(UploadError):
    """An image has too few pixels to show a cell."""


class CaseError(BlastLensError):
    """A case, or the database of cases, cannot be used as asked."""


class StaleError(CaseError):
    """Somebody else has changed a case since it was looked at; nothing was written."""


class ClusterError(BlastLensError):
    """Ray or SLURM is missing, does not answer, or cannot run a job as asked."""
