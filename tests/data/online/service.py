"""A web server on this machine that answers as a test tells it to."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

RECORDED = Path(__file__).parent / "recorded"


class Reply(NamedTuple):
    """One answer: status, content, headers; `cut` sends only so many bytes of what the length says."""

    status: int = 200
    content: bytes = b""
    headers: dict[str, str] = {}  # noqa: RUF012  (never changed)
    cut: int | None = None


class Request(NamedTuple):
    path: str
    headers: dict[str, str]


class Service:
    """The server: `replies` by path, taken in turn, the last one for ever; `requests` are what it was asked."""

    def __init__(self) -> None:
        self.replies: dict[str, list[Reply]] = {}
        self.requests: list[Request] = []
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                service.requests.append(Request(self.path, dict(self.headers)))
                left = service.replies.get(self.path.partition("?")[0], [Reply(404)])
                reply = left.pop(0) if len(left) > 1 else left[0]
                self.send_response(reply.status)
                for name, value in {"Content-Length": str(len(reply.content)), **reply.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(reply.content[: reply.cut])

            def log_message(self, format: str, *args: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def say(self, path: str, *replies: Reply) -> str:
        self.replies[path] = list(replies)
        return self.address + path

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
