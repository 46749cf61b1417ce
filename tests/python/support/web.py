"""A web server for files, on this machine only: HTTP as it is, with ranges, and its failures."""

import contextlib
import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    """Serves the files of ``server.folder``; ``server.ranges`` tells whether by ranges too."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.answer(body=False)

    def do_GET(self):
        self.answer(body=True)

    def answer(self, *, body):
        path = self.server.folder / self.path.lstrip("/").partition("?")[0]
        self.server.requests.append((self.command, self.path, self.headers.get("Range")))
        if (
            self.server.fail_after is not None
            and len(self.server.requests) > self.server.fail_after
        ):
            self.send_error(503)
            return
        if not path.is_file():
            self.send_error(404)
            return
        data = path.read_bytes()
        status, part = 200, data
        asked = self.headers.get("Range")
        if asked and self.server.ranges:
            first, _, last = asked.removeprefix("bytes=").partition("-")
            status, part = 206, data[int(first) : int(last or len(data)) + 1]
        self.send_response(status)
        if self.server.ranges:
            self.send_header("Accept-Ranges", "bytes")
        if status == 206:
            self.send_header(
                "Content-Range", f"bytes {first}-{int(first) + len(part) - 1}/{len(data)}"
            )
        self.send_header("ETag", f'"{hashlib.sha256(data).hexdigest()[:16]}"')
        self.send_header("Content-Length", str(len(part)))
        self.end_headers()
        if body:
            self.wfile.write(part)


@contextlib.contextmanager
def serve(folder, *, ranges=True):
    """Yield a server, which has ``url``, ``requests`` and ``fail_after``."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.folder, server.ranges = folder, ranges
    server.requests, server.fail_after = [], None
    server.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
