"""The wish to stop: `stop` is set by SIGTERM and Ctrl-C, and every source then ends after the batch that it has handed on.

*Guarantees*: a signal breaks nothing off: the batch at hand is finished and the command ends with 0. A second signal ends the process at
once, with 128 + its number; what was durable stays so, as after any crash.
"""

from __future__ import annotations

import _thread
import os
import signal
import threading
import time
from types import FrameType

stop = threading.Event()


def install_signal_handlers() -> None:
    """Lets SIGTERM and SIGINT set `stop`; the next of them exits at once. Must be called from the main thread."""
    asked = False

    def ask(number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            os._exit(128 + number)
        asked = True
        # On a thread of its own: the main thread may be inside `stop.wait()` and hold the event's lock, and a handler that
        # waited for that would wait without end.
        _thread.start_new_thread(stop.set, ())

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, ask)


def a_while() -> float:
    """Waits a second, or until `stop` is set; gives how long that was, in seconds."""
    began = time.monotonic()
    stop.wait(1.0)
    return time.monotonic() - began
