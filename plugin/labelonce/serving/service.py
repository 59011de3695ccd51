"""The service: the receiver in this thread, and a loop for each project in a thread of its own."""

import asyncio
import logging
import socket
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from labelonce import logs
from labelonce.errors import ConfigurationError, LabelOnceError
from labelonce.serving.figures import Figures
from labelonce.serving.receiving import application
from labelonce.serving.running import GRACE, Ran, Runs
from labelonce.serving.waking import Wake
from labelonce.serving.watching import watch
from labelonce.settings import Settings

CONNECTIONS = 100  # at once; more are answered with 503
HEAD_SECONDS = 5.0  # within which a request has to have come, but for its body

_log = logging.getLogger(__name__)


class Follower:
    """Follows one project: runs now, after every webhook, and after every interval.

    Parameters
    ----------
    places
        Limits how many projects run at once.
    """

    def __init__(self, project: int, settings: Settings, figures: Figures, places: threading.Semaphore) -> None:
        self.project = project
        self.wake = Wake(settings.settle, settings.longest_settle)
        self.trouble: str | None = None
        self._every, self._figures, self._places = settings.reconcile, figures, places
        self._runs = Runs(project, settings)
        self._thread = threading.Thread(target=self._follow, name=f"labelonce-{project}", daemon=True)
        figures.follow(project, self.wake)

    @property
    def alive(self) -> bool:
        """Whether the loop goes on."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin the first run."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the run that is under way; does not wait."""
        self.wake.stop()
        self._runs.stop()

    def join(self, seconds: float) -> None:
        """Wait until the last run has ended."""
        self._thread.join(seconds)

    def _follow(self) -> None:
        watch(self._run, self._every, self.wake)

    def _run(self) -> None:
        """Run as soon as there is a place."""
        while not self._places.acquire(timeout=0.2):
            if self.wake.stopped:
                return
        try:
            self._count(self._runs.run)
        finally:
            self._places.release()

    def _count(self, run: Callable[[], Ran | None]) -> None:
        """Run, and keep what became of it."""
        started = time.monotonic()
        try:
            ran = run()
        except (LabelOnceError, OSError):
            self._figures.errors.labels(self.project).inc()
            self.trouble = f"project {self.project}: the last run failed (run {logs.current_run()} in the log)"
            raise
        finally:
            self._figures.runs.labels(self.project).inc()
            self._figures.seconds.labels(self.project).observe(time.monotonic() - started)
        if ran is None:
            return
        self.trouble = None
        self._figures.tasks.labels(self.project).set(ran.tasks)
        self._figures.duplicates.labels(self.project).set(ran.duplicates)
        self._figures.succeeded.labels(self.project).set_to_current_time()
        logs.event(_log, logging.INFO, "the run ended", **ran.told)


def serve(projects: Sequence[int], settings: Settings, secret: str, ready: Callable[[str], None]) -> None:
    """Serve until a signal ends it; the runs that are under way are stopped.

    Parameters
    ----------
    secret
        What webhooks have to bring.
    ready
        Is told the address once it answers.

    Raises
    ------
    ConfigurationError
        The address cannot be listened at.
    """
    figures, places = Figures(), threading.Semaphore(settings.runs_at_once)
    followers = [Follower(project, settings, figures, places) for project in projects]
    wakes = {one.project: one.wake for one in followers}

    def troubles() -> list[str]:
        return [one.trouble for one in followers if one.trouble]

    def alive() -> bool:
        return all(one.alive for one in followers)

    app = application(secret, wakes, figures, troubles, alive, max_bytes=settings.max_webhook_bytes)
    with listening(settings.host, settings.port) as listener:
        for one in followers:
            one.start()
        host, port = listener.getsockname()[:2]
        ready(f"http://{f'[{host}]' if ':' in host else host}:{port}")
        try:
            web_server(app).run([listener])
        except KeyboardInterrupt:  # uvicorn raises the signal that ended it anew
            pass
        finally:
            for one in followers:
                one.stop()
            until = time.monotonic() + GRACE + 1
            for one in followers:
                one.join(max(0.0, until - time.monotonic()))


class Impatient(H11Protocol):
    """A connection, which serves one request, and closes if that does not come: idle ones would keep others out."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to count."""
        super().connection_made(transport)
        self.loop.call_later(HEAD_SECONDS, self._close_idle)

    def _close_idle(self) -> None:
        if self.cycle is None and not self.transport.is_closing():
            self.transport.close()


def web_server(app: Any, grace: int = 1) -> uvicorn.Server:
    """A web server that says nothing, and ends on a signal.

    Parameters
    ----------
    grace
        Seconds for what is being answered then.
    """
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    return uvicorn.Server(
        uvicorn.Config(
            app,
            access_log=False,
            headers=[("Connection", "close")],
            http=Impatient,
            lifespan="off",
            limit_concurrency=CONNECTIONS,
            log_config=None,
            loop="asyncio",
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=grace,
            ws="none",
        )
    )


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens.

    Raises
    ------
    ConfigurationError
        The address cannot be listened at.
    """
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise ConfigurationError(
            f"{host}:{port} cannot be listened at: {error.strerror}. Give another --port or --host."
        ) from None
