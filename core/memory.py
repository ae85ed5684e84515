"""Memory that glibc would keep for later use goes back to the system; elsewhere nothing is done."""

import ctypes
from contextlib import suppress

# Bytes from which on memory is had of the system, and goes back to it at once. Of itself glibc
# raises this limit to the largest block it has seen freed, up to 32 MiB, and keeps what is below.
# Not lower, because pictures of cells, had and freed at every reading, would cost time.
LARGE_BLOCK = 4 * 2**20
# Heaps, each of which keeps what was freed in it: else eight a core, and each thread of the app
# (one a run of a page) works with another.
HEAPS = 2
_MMAP_THRESHOLD, _ARENA_MAX = -3, -8  # of malloc.h


def keep_little() -> None:
    """Has this process keep little of what it frees; best called before its threads start."""
    _ask_glibc("mallopt", _MMAP_THRESHOLD, LARGE_BLOCK)
    _ask_glibc("mallopt", _ARENA_MAX, HEAPS)


def give_back() -> None:
    """Gives back what is free now; to be called after what frees much, as compiling a model."""
    _ask_glibc("malloc_trim", 0)


def _ask_glibc(function: str, *values: int) -> None:
    with suppress(AttributeError, OSError, TypeError):  # another C library
        getattr(ctypes.CDLL(None), function)(*values)
