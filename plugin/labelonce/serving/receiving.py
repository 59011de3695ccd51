"""The web application: webhooks come in, and health, readiness and figures are told. It never works and never waits."""

import asyncio
import hmac
import logging
from collections.abc import Callable, Mapping
from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from labelonce import logs
from labelonce.label_studio.webhooks import HEADER
from labelonce.serving.figures import Figures
from labelonce.serving.payloads import Refused, read_event
from labelonce.serving.waking import Wake

BODY_SECONDS: Final = 5.0  # within which a body has to be here

_log = logging.getLogger(__name__)


def application(
    secret: str,
    wakes: Mapping[int, Wake],
    figures: Figures,
    troubles: Callable[[], list[str]],
    alive: Callable[[], bool],
    *,
    max_bytes: int = 1_000_000,
) -> Starlette:
    """Build the web application.

    Parameters
    ----------
    secret
        What a webhook has to bring in its header.
    wakes
        What to call for each project that is served.
    troubles
        Says, from what is known already, why the service is not ready; nothing where it is.
    alive
        Whether all loops go on.
    max_bytes
        Of a webhook's body.
    """

    async def webhook(request: Request) -> Response:
        _check_secret(request, secret)
        wake = wakes.get(_number(request.path_params["project"]))
        if wake is None:
            raise Refused(404, "a project that is not served here")
        event = read_event(await _body(request, max_bytes))
        if event.project not in (None, _number(request.path_params["project"])):
            raise Refused(422, "another project than that of its address")
        if event.wakes:
            wake.call()
        result = "accepted" if event.wakes else "ignored"
        figures.webhooks.labels(result).inc()
        logs.event(_log, logging.DEBUG, "webhook", action=event.action, result=result)
        return JSONResponse({"result": result})

    async def health(_request: Request) -> Response:
        fine = alive()
        return PlainTextResponse("alive\n" if fine else "a loop has ended\n", status_code=200 if fine else 503)

    async def ready(_request: Request) -> Response:
        found = troubles()
        return JSONResponse({"ready": not found, "troubles": found}, status_code=503 if found else 200)

    async def metrics(_request: Request) -> Response:
        return Response(generate_latest(figures.registry), media_type=CONTENT_TYPE_LATEST)

    async def refuse(request: Request, error: Exception) -> Response:
        refused = error if isinstance(error, Refused) else Refused(getattr(error, "status_code", 400), "no such page")
        figures.webhooks.labels("refused").inc()
        sender = request.client.host if request.client else None
        logs.event(_log, logging.WARNING, "refused", status=refused.status, why=refused.why, sender=sender)
        return JSONResponse({"error": refused.why}, status_code=refused.status, headers=getattr(error, "headers", None))

    return Starlette(
        routes=[
            Route("/webhooks/{project}", webhook, methods=["POST"]),
            Route("/healthz", health),
            Route("/readyz", ready),
            Route("/metrics", metrics),
        ],
        exception_handlers={Refused: refuse, HTTPException: refuse},
    )


def _check_secret(request: Request, secret: str) -> None:
    """Compare in a time that does not tell how much of it was right."""
    given = request.headers.get(HEADER, "")
    if not hmac.compare_digest(_digest(given), _digest(secret)):
        raise Refused(401, "the secret is wrong" if given else "the secret is missing")


def _digest(text: str) -> bytes:
    """Of one length, so that the time does not tell the length either."""
    return hmac.digest(b"labelonce", text.encode(), "sha256")


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else 0


async def _body(request: Request, max_bytes: int) -> bytes:
    """The body, if it is JSON by its header and neither too long nor too slow."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Refused(415, "not application/json")
    length = request.headers.get("content-length", "0")
    if not (length.isascii() and length.isdecimal()):
        raise Refused(400, "a malformed length")
    if len(length) > 18 or int(length) > max_bytes:
        raise Refused(413, "too long")
    try:
        return await asyncio.wait_for(_read(request, max_bytes), BODY_SECONDS)
    except asyncio.TimeoutError:
        raise Refused(408, "too slow") from None
    except ClientDisconnect:
        raise Refused(400, "the sender has gone") from None


async def _read(request: Request, max_bytes: int) -> bytes:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > max_bytes:
            raise Refused(413, "too long")
    return bytes(body)
