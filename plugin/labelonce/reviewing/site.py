"""The web application of a review: one page for one person on this computer, and the marks that come from it."""

import hmac
import json
import secrets
import threading
from collections.abc import Callable
from typing import Final

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from labelonce.errors import ChangedError, LabelOnceError
from labelonce.redaction import redacted
from labelonce.reviewing.marking import Mark, read_mark

COOKIE: Final = "labelonce-review"
LONGEST: Final = 2_000_000  # bytes of a mark
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
Answer = tuple[str, str | None]  # what was done, and advice


class Door:
    """Lets the one in who has the address that was printed: its token opens once, and leaves a cookie.

    Parameters
    ----------
    port
        At which the page is served: requests for other hosts are refused, so that no page on the web can come in by a
        name that it lets point here.
    """

    def __init__(self, port: int) -> None:
        self.token = secrets.token_urlsafe(32)
        self.name = f"{COOKIE}-{port}"  # cookies know no ports: reviews beside each other would take each other's
        self._cookie = secrets.token_urlsafe(32)
        self.hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}
        self._lock = threading.Lock()
        self._used = False

    def let_in(self, token: str) -> str | None:
        """The cookie for the token; None when that is wrong or has been used."""
        with self._lock:
            if self._used or not hmac.compare_digest(token.encode(), self.token.encode()):
                return None
            self._used = True
            return self._cookie

    def refusal(self, request: Request) -> Response | None:
        """Why a request is not answered; None when it may come in."""
        host = request.headers.get("host", "")
        origin = request.headers.get("origin")
        if host not in self.hosts or origin not in (None, f"http://{host}"):
            return _told(403, "This page is served for this computer only.")
        if not hmac.compare_digest(request.cookies.get(self.name, "").encode(), self._cookie.encode()):
            return _told(
                401, "Open the address that labelonce review printed. It opens once: start it again for another."
            )
        return None


def application(door: Door, page: Callable[[], str], decide: Callable[[Mark], Answer]) -> Starlette:
    """Build the web application.

    Parameters
    ----------
    page
        Makes the page as things are; it is asked for whenever the page is loaded.
    decide
        Carries a mark out. It is called for one mark at a time.
    """
    one_at_a_time = threading.Lock()

    def carried_out(mark: Mark) -> Response:
        with one_at_a_time:
            try:
                text, advice = decide(mark)
            except ChangedError as changed:
                return _told(409, str(changed))
            except (LabelOnceError, OSError) as error:
                return _told(503, redacted(str(error)))
        return JSONResponse({"text": text, "advice": advice}, headers=_HEADERS)

    async def show(request: Request) -> Response:
        token = request.query_params.get("token")
        if token is not None and request.headers.get("host", "") in door.hosts:
            cookie = door.let_in(token)
            if cookie is not None:
                answer = RedirectResponse("/", 303, headers=_HEADERS)
                answer.set_cookie(door.name, cookie, httponly=True, samesite="strict")
                return answer
        refused = door.refusal(request)
        if refused is not None:
            return refused
        try:
            return HTMLResponse(await run_in_threadpool(page), headers=_HEADERS)
        except (LabelOnceError, OSError) as error:
            return _told(503, redacted(str(error)))

    async def marks(request: Request) -> Response:
        refused = door.refusal(request)
        if refused is not None:
            return refused
        if request.headers.get("x-labelonce") != "review":
            return _told(403, "Marks come from the page only.")
        try:
            mark = read_mark(json.loads(await _body(request)))
        except (ValueError, RecursionError):
            return _told(422, "This is not a mark.")
        return await run_in_threadpool(carried_out, mark)

    return Starlette(routes=[Route("/", show, methods=["GET"]), Route("/marks", marks, methods=["POST"])])


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > LONGEST:
            raise ValueError("too long")
    return bytes(body)


def _told(status: int, text: str) -> Response:
    return JSONResponse({"text": text}, status_code=status, headers=_HEADERS)
