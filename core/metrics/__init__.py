"""Metrics of labels and probabilities, and how sure they are."""

from core.metrics.bootstrap import intervals

__all__ = ["intervals"]
