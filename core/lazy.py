"""A `cached_property` without a lock.

In Python 3.11 `functools.cached_property` holds one lock for all objects of a class, so readings on
several threads would wait for each other. Python 3.12 removed the lock.
"""

import sys
from collections.abc import Callable
from typing import Any, Generic, TypeVar

if sys.version_info >= (3, 12):
    from functools import cached_property
else:
    Value = TypeVar("Value")

    class cached_property(Generic[Value]):  # noqa: N801
        """`functools.cached_property` as Python 3.12 has it; objects need a `__dict__`."""

        def __init__(self, make: Callable[[Any], Value]) -> None:
            self._make, self.__doc__ = make, make.__doc__

        def __set_name__(self, owner: type, name: str) -> None:
            self._name = name

        def __get__(self, instance: Any, owner: type | None = None) -> Any:
            if instance is None:
                return self
            return instance.__dict__.setdefault(self._name, self._make(instance))


__all__ = ["cached_property"]
