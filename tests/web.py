"""A web server for the tests, which answers whatever a test wants and notes what it was asked."""

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Web:
    """A web server whose every answer a test decides, and which notes what it was asked."""

    def __init__(self, port: int = 0) -> None:
        self.answer: Callable[[BaseHTTPRequestHandler], None] = reply
        self.seen: list[tuple[str, str | None]] = []
        self.bodies: list[bytes] = []
        web = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                web.seen.append((self.path, self.headers.get("Authorization")))
                web.bodies.append(self.rfile.read(int(self.headers.get("Content-Length", 0))))
                web.answer(self)

            do_POST = do_HEAD = do_GET  # noqa: N815

            def log_message(self, *_arguments: object) -> None:
                pass

        self.httpd = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.httpd.daemon_threads = True
        self.httpd.handle_error = lambda *_arguments: None  # a client that has had enough
        self.url = f"http://127.0.0.1:{self.httpd.server_port}"
        threading.Thread(target=self.httpd.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self.httpd.shutdown()
        self.httpd.server_close()


def reply(handler: BaseHTTPRequestHandler, body: bytes = b"", status: int = 200, **headers: str) -> None:
    """Answer; ``Retry_After="0"`` is a header."""
    handler.send_response(status)
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    for name, value in {"Content-Length": str(len(body)), **given}.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)
