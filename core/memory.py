"""Makes glibc return freed memory to the system; does nothing with other C libraries."""

import ctypes
from contextlib import suppress

# Blocks of this many bytes or more come from the system and go back to it at once. By default glibc
# raises this limit to the largest block freed so far, up to 32 MiB, and keeps smaller blocks.
# A lower limit would slow down readings, which allocate and free pictures of cells.
LARGE_BLOCK = 4 * 2**20
# Each heap keeps what was freed in it. The default is eight a core, and each thread of the app (one
# per run of a page) would use another one.
HEAPS = 2
_MMAP_THRESHOLD, _ARENA_MAX = -3, -8  # of malloc.h


def keep_little() -> None:
    """Limits what this process keeps of freed memory; call it before threads start."""
    _ask_glibc("mallopt", _MMAP_THRESHOLD, LARGE_BLOCK)
    _ask_glibc("mallopt", _ARENA_MAX, HEAPS)


def give_back() -> None:
    """Returns freed memory to the system now; call it after compiling a model, for example."""
    _ask_glibc("malloc_trim", 0)


def _ask_glibc(function: str, *values: int) -> None:
    with suppress(AttributeError, OSError, TypeError):  # another C library
        getattr(ctypes.CDLL(None), function)(*values)
