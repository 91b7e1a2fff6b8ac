"""Interrupt whatever runs, from outside, after a moment: signals, Ctrl-C, an exception sent."""

import ctypes
import gc
import os
import signal
import threading
import time
from contextlib import contextmanager, suppress

SORTS = ("SIGALRM", "SIGTERM", "Ctrl-C", "Ctrl-C twice", "exception in a thread")


class TimeUp(Exception):  # noqa: N818  (what a limit on time raises)
    pass


def raise_time_up(*given):
    raise TimeUp


@contextmanager
def handling(number, handler):
    before = signal.signal(number, handler)
    try:
        yield
    finally:
        signal.signal(number, before)


@contextmanager
def alarm(handler, delay):
    """Call `handler` after a delay, unless what is inside has ended by then."""
    with handling(signal.SIGALRM, handler):
        signal.setitimer(signal.ITIMER_REAL, max(delay, 1e-6))
        yield
        signal.setitimer(signal.ITIMER_REAL, 0)


def interrupt(run, sort, delay):
    """Call `run()`, and interrupt it after a delay, unless it has ended by then.

    Meanwhile no cycles are collected: Hypothesis times that, and would swallow what is raised.
    """
    gc.disable()
    try:
        _interrupt(run, sort, delay)
    finally:
        gc.enable()


def _interrupt(run, sort, delay):
    if sort == "exception in a thread":
        _in_a_thread(run, delay)
    elif sort == "SIGALRM":
        with suppress(TimeUp), alarm(raise_time_up, delay):
            run()
    else:
        number = signal.SIGTERM if sort == "SIGTERM" else signal.SIGINT
        over = threading.Event()

        def send():
            time.sleep(delay)
            for _ in range(2 if sort == "Ctrl-C twice" else 1):
                if not over.is_set():
                    os.kill(os.getpid(), number)
                    time.sleep(delay / 10)

        sender = threading.Thread(target=send)
        handler = raise_time_up if sort == "SIGTERM" else signal.default_int_handler
        with handling(number, handler), suppress(TimeUp, KeyboardInterrupt):
            try:
                sender.start()
                run()
            finally:
                over.set()
                sender.join()


def _in_a_thread(run, delay):
    def go():
        with suppress(TimeUp), suppress(TimeUp):
            run()

    thread = threading.Thread(target=go)
    thread.start()
    time.sleep(delay)
    send = ctypes.pythonapi.PyThreadState_SetAsyncExc
    if thread.is_alive():
        send(ctypes.c_ulong(thread.ident), ctypes.py_object(TimeUp))
    thread.join()
