"""`/v1/route` of an API tier, made up: what it says is a test's to set."""

import contextlib
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer


class Tier(BaseHTTPRequestHandler):
    """An API tier's route, as `blipkit api` says it."""

    def do_GET(self):
        self.reply(200, self.server.route)

    def do_PUT(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.server.refuses:
            return self.reply(*self.server.refuses)
        known = dict.fromkeys(self.server.route["weights"], 0.0)
        self.server.route["weights"] = known | body["weights"]
        return self.reply(200, self.server.route)

    def reply(self, status, content):
        text = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def open_route():
    """The server: `route` is what it says, `refuses` a status and what it says in its place; `url`."""
    server = HTTPServer(("127.0.0.1", 0), Tier)
    state = {"url": "http://gpu", "ready": True, "reason": ""}
    gone = {"url": "http://cpu", "ready": False, "reason": "status 503"}
    server.route = {
        "weights": {"gpu": 100.0, "inf2": 0.0, "cpu": 0.0},
        "backends": {"gpu": state, "inf2": state | {"is_shadow": True}, "cpu": gone},
    }
    server.refuses = None
    server.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()
