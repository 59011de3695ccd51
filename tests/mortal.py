"""A Label Studio that can be killed and is back at once: the process that serves is the fork of one that is ready.

Django takes seconds to load. It is loaded once, in a process that never serves; each start forks it.
"""

import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import label_studio_server
from environments import server_environment

# runs in Label Studio's own environment, whose command line has done everything but serve
KEEPER = """
import os, signal, sys
from label_studio import server

def keep(host, port):
    from django.db import connections
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    serve = original
    for _ in sys.stdin:
        connections.close_all()
        child = os.fork()
        if not child:
            serve(host, port)
        print("serving", child, file=sys.__stderr__, flush=True)

original, server._app_run = server._app_run, keep
sys.exit(server.main())
"""


class MortalServer:
    """Label Studio on a data directory of its own, one server process at a time; SQLite, as the session's server.

    Parameters
    ----------
    folder
        Where its data goes.
    """

    token = label_studio_server.TOKEN

    def __init__(self, folder: Path) -> None:
        ready = label_studio_server.LabelStudioServer(folder, quiet=True)
        python = server_environment()
        shutil.copytree(label_studio_server._template(python, quiet=True), folder, dirs_exist_ok=True)
        self.port = label_studio_server._free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._pid = 0
        self._folder = folder
        self._log = (folder / "server.log").open("wb")
        self._keeper = subprocess.Popen(
            [python, "-c", KEEPER, "start", "--no-browser", "--internal-host", "127.0.0.1", "--port", str(self.port)],
            stdin=subprocess.PIPE,
            stdout=self._log,
            stderr=subprocess.PIPE,
            env=ready._environment(),
            cwd=folder,
        )

    def start(self) -> None:
        """Serve, and wait until it answers."""
        assert self._keeper.stdin is not None
        assert self._keeper.stderr is not None
        self._keeper.stdin.write(b"\n")
        self._keeper.stdin.flush()
        for line in self._keeper.stderr:
            if line.startswith(b"serving"):
                self._pid = int(line.split()[1])
                break
        else:
            raise AssertionError(f"Label Studio ended while starting: {self._log.name}")
        while True:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.02)

    def add_user(self, email: str, password: str) -> str:
        """Create a member of the organization and return the token."""
        return label_studio_server.LabelStudioServer(self._folder, self.port, quiet=True).add_user(email, password)

    def kill(self) -> None:
        """End the serving process at once (SIGKILL)."""
        os.kill(self._pid, signal.SIGKILL)
        while True:  # its port is free when it is gone
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)):
                    return
            time.sleep(0.01)

    def close(self) -> None:
        """End all of it."""
        if self._pid:
            with suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
        self._keeper.kill()
        self._keeper.communicate()
        self._log.close()
