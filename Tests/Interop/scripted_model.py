"""An OpenAI-compatible model that says what it is told to, word by word, and hangs where it is told to.

    scripted_model.py REPLY...

Each REPLY answers one chat request, in order; the last one answers all that follow. One that ends in `...` is said so far,
and then nothing more comes until the client hangs up. One that begins with `!` is an error: `!400 message`.

It prints the address it listens on, then `{"hangs": N}` and `{"released": N}` with the number of the request where one hangs
and its client hangs up, and ends with its standard input.
"""

from __future__ import annotations

import json
import os
import select
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

REPLIES = sys.argv[1:] or ["fine"]
LOCK = threading.Lock()
COUNT = 0


def tell(**what: object) -> None:
    with LOCK:
        print(json.dumps(what), flush=True)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Nothing: what happens is told on standard output."""

    def reply(self, status: int, body: dict[str, object]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self) -> None:
        self.reply(200, {"object": "list", "data": [{"id": "scripted", "object": "model"}], "status": "ok"})

    def do_POST(self) -> None:
        global COUNT
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with LOCK:
            number, COUNT = COUNT, COUNT + 1
        text = REPLIES[min(number, len(REPLIES) - 1)]
        if text.startswith("!"):
            status, message = text[1:].split(" ", 1)
            self.reply(int(status), {"error": {"message": message, "code": int(status)}})
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        hangs = text.endswith("...")
        words = text.removesuffix("...").split(" ")
        for index, word in enumerate(words):
            self.event({"choices": [{"index": 0, "delta": {"content": word if index == 0 else f" {word}"}}]})
        if hangs:
            tell(hangs=number)
            # Readable is what a connection becomes when the other side closes it.
            select.select([self.connection], [], [])
            tell(released=number)
        else:
            prompt = sum(len(str(message["content"])) for message in request["messages"]) // 4
            self.event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
            self.event({"choices": [], "usage": {"prompt_tokens": prompt, "completion_tokens": len(words)}})
            self.wfile.write(b"data: [DONE]\n\n")
        self.close_connection = True

    def event(self, body: dict[str, object]) -> None:
        self.wfile.write(b"data: " + json.dumps(body).encode() + b"\n\n")
        self.wfile.flush()


def main() -> int:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
