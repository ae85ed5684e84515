"""Memory of the app: glibc returns what is freed, and the garbage collector spares what lasts."""

import ctypes
import gc
import sys
import time
from contextlib import suppress

# Blocks of this many bytes or more come from the system and go back to it at once. By default glibc
# raises this limit to the largest block freed so far, up to 32 MiB, and keeps smaller blocks.
# A lower limit would slow down readings, which allocate and free pictures of cells.
LARGE_BLOCK = 4 * 2**20
# Each heap keeps what was freed in it. The default is eight a core, and each thread of the app (one
# per run of a page) would use another one.
HEAPS = 2
_MMAP_THRESHOLD, _ARENA_MAX = -3, -8  # of malloc.h
SETTLED_SECONDS = 300.0
_FEW = 50  # modules, for which the work is not done again
_settled = (0, 0.0)  # how many modules were loaded, and when, as `settle` last did its work


def keep_little() -> None:
    """Limits what this process keeps of freed memory; call it before threads start.

    Does nothing, like `give_back`, with another C library than glibc.
    """
    _ask_glibc("mallopt", _MMAP_THRESHOLD, LARGE_BLOCK)
    _ask_glibc("mallopt", _ARENA_MAX, HEAPS)


def give_back() -> None:
    """Returns freed memory to the system now; call it after compiling a model, for example."""
    _ask_glibc("malloc_trim", 0)


def settle() -> None:
    """Has the garbage collector look through the objects of libraries once, not at each collection.

    Streamlit collects all garbage after each run of a page. To look through the 300,000 objects of
    the libraries takes a tenth of a second each time, in which no other session runs. Does its work
    when libraries have been loaded since, and every `SETTLED_SECONDS`, or what a session held in
    that moment would never be looked at again.
    """
    global _settled
    modules, seconds = _settled
    if len(sys.modules) > modules + _FEW or time.monotonic() - seconds > SETTLED_SECONDS:
        _settled = (len(sys.modules), time.monotonic())
        gc.unfreeze()
        gc.collect()
        gc.freeze()


def _ask_glibc(function: str, *values: int) -> None:
    with suppress(AttributeError, OSError, TypeError):  # another C library
        getattr(ctypes.CDLL(None), function)(*values)
