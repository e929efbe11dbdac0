#!/usr/bin/env python3
"""Passes chat completions on to OpenAI-compatible servers and keeps book of them.

    counting_proxy.py tiny-copy=http://127.0.0.1:8080/v1 tiny-upper=http://127.0.0.1:8081/v1

The model tiny-copy is at http://127.0.0.1:PORT/tiny-copy/v1. Prints its port, and serves until the end of its standard
input. GET /_book tells every completion that was begun: [{"model", "prompt", "answer"}], the answer null where its client left
before the end.
"""

from __future__ import annotations

import http.client
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

book: list[dict] = []
lock = threading.Lock()
upstreams: dict[str, str] = {}


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address) -> None:
        """A client that hangs up is what this is for."""


class Handler(BaseHTTPRequestHandler):
    def log_message(self, format: str, *arguments) -> None:
        pass

    def do_GET(self) -> None:
        if self.path == "/_book":
            with lock:
                body = json.dumps(book).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        else:
            self.forward(b"")

    def do_POST(self) -> None:
        self.forward(self.rfile.read(int(self.headers.get("Content-Length", "0"))))

    def forward(self, body: bytes) -> None:
        model, _, path = self.path.lstrip("/").partition("/")
        upstream = urlsplit(upstreams[model])
        entry = None
        if body:
            message = json.loads(body)["messages"][-1]["content"]
            entry = {"model": model, "prompt": message, "answer": None}
            with lock:
                book.append(entry)
        connection = http.client.HTTPConnection(upstream.netloc)
        try:
            headers = {"Content-Type": "application/json"} if body else {}
            connection.request(self.command, f"/{path}", body or None, headers)
            reply = connection.getresponse()
            self.send_response(reply.status)
            self.send_header("Content-Type", reply.getheader("Content-Type", "application/json"))
            self.end_headers()
            received = b""
            while piece := reply.read1(65536):
                received += piece
                self.wfile.write(piece)
                self.wfile.flush()
            if entry is not None:
                answer = "".join(deltas(received))
                with lock:
                    entry["answer"] = answer
        finally:
            connection.close()


def deltas(stream: bytes):
    for line in stream.decode().splitlines():
        if line.startswith("data: ") and line != "data: [DONE]":
            for choice in json.loads(line[6:]).get("choices", []):
                yield choice.get("delta", {}).get("content") or ""


def main() -> int:
    for argument in sys.argv[1:]:
        name, _, url = argument.partition("=")
        upstreams[name] = url
    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_address[1], flush=True)
    sys.stdin.read()
    return 0


if __name__ == "__main__":
    sys.exit(main())
