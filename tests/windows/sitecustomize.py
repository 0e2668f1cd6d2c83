"""Takes away what Windows does not have, in every Python that finds this folder on its path.

Python's own modules and those of others are imported first, as Windows has its own parts of them.
"""

import asyncio
import ctypes
import importlib
import multiprocessing.util
import os
import selectors
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import types
import zoneinfo

import aiohttp
import httpcore
import platformdirs
import psutil
import rich.console
import rich.live
import typer
import uvicorn.main

IMPORTED = (aiohttp, ctypes, multiprocessing, rich, selectors, sqlite3, subprocess, tempfile)
IMPORTED += (httpcore, platformdirs, psutil, typer, uvicorn, zoneinfo)

LOCKED: set[str] = set()


def locking(descriptor: int, mode: int, size: int) -> None:
    """A lock of this process, as far as the tests need it."""
    name = os.readlink(f"/proc/self/fd/{descriptor}")
    if name in LOCKED:
        raise PermissionError(13, "Permission denied")
    LOCKED.add(name)


MSVCRT = types.ModuleType("msvcrt")
MSVCRT.locking, MSVCRT.LK_NBLCK = locking, 2

for module in ("fcntl", "grp", "pwd", "readline", "resource", "termios", "tty"):
    sys.modules[module] = None
sys.modules["msvcrt"] = MSVCRT
asyncio.new_event_loop().close()  # while it finds this system's policy
asyncio.ProactorEventLoop = asyncio.SelectorEventLoop
for name in ("fork", "forkpty", "register_at_fork", "getuid", "geteuid", "killpg", "setsid"):
    delattr(os, name)
for name in ("O_NONBLOCK", "O_NOFOLLOW", "O_CLOEXEC", "O_DIRECTORY"):
    delattr(os, name)
for name in ("SIGKILL", "SIGHUP", "SIGUSR1", "SIGALRM", "SIGCHLD", "pthread_sigmask", "alarm"):
    delattr(signal, name)
for name in ("SO_REUSEPORT", "MSG_DONTWAIT"):
    delattr(socket, name)
os.supports_dir_fd.clear()
importlib.reload(shutil)  # it decides when it is imported
sys.platform = "win32"
