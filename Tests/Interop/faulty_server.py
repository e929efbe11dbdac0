#!/usr/bin/env python3
"""An OpenAI-compatible server that misbehaves on demand; what HerdBackendsTests hold Herd against.

The first part of the path names the behaviour: with the base URL http://127.0.0.1:PORT/cut/v1 every completion is cut off
in the middle. `--help-behaviours` lists them. A part after a dot, as in /500-then-fine.b/v1, has a state of its own.

It prints one line of JSON with its ports and the file of its CA's certificate, and serves until the end of its standard
input. GET /_figures on the plain port tells what it has been asked, PUT /_state/NAME/VALUE sets the state of a behaviour.
Certificates are made anew at each start, with the program openssl.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

HANG_SECONDS = 60.0

lock = threading.Lock()
requests: Counter[str] = Counter()
open_now: Counter[str] = Counter()
sent_bytes: Counter[str] = Counter()
states: dict[str, str] = {}


class Completion:
    """One request of a chat completion, and the ways to answer it."""

    def __init__(self, handler: "Handler", behaviour: str, name: str, body: dict) -> None:
        self.handler = handler
        self.behaviour = behaviour
        self.name = name
        self.body = body
        content = body["messages"][-1]["content"] if body.get("messages") else ""
        self.words = content.split(" ") if isinstance(content, str) else ["a", "b"]
        self.number = requests[name]

    # Pieces

    def head(self, status: int = 200, kind: str = "text/event-stream", **headers: str) -> None:
        self.handler.send_response(status)
        self.handler.send_header("Content-Type", kind)
        self.handler.send_header("Transfer-Encoding", "chunked")
        for key, value in headers.items():
            self.handler.send_header(key.replace("_", "-"), value)
        self.handler.end_headers()

    def send(self, data: bytes) -> None:
        self.handler.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.handler.wfile.flush()

    def end(self) -> None:
        self.handler.wfile.write(b"0\r\n\r\n")
        self.handler.wfile.flush()

    def reply(self, status: int, text: bytes, kind: str = "application/json", **headers: str) -> None:
        self.handler.send_response(status)
        self.handler.send_header("Content-Type", kind)
        self.handler.send_header("Content-Length", str(len(text)))
        for key, value in headers.items():
            self.handler.send_header(key.replace("_", "-"), value)
        self.handler.end_headers()
        self.handler.wfile.write(text)

    def chunk(self, delta: dict, finish: str | None = None, **more: object) -> dict:
        return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": self.body.get("model"),
                "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **more}

    @staticmethod
    def event(chunk: dict) -> bytes:
        return b"data: " + json.dumps(chunk).encode() + b"\n\n"

    def usage(self) -> dict:
        return {"prompt_tokens": 7, "completion_tokens": len(self.words), "total_tokens": 7 + len(self.words),
                "prompt_tokens_details": {"cached_tokens": 3}}

    def drop(self) -> None:
        """Ends the connection at once, in the middle of whatever was said."""
        self.handler.close_connection = True
        self.handler.connection.shutdown(socket.SHUT_RDWR)

    # Whole answers

    def fine(self, pause: float = 0.0) -> None:
        """The answer repeats the last message, word by word; llama.cpp's dialect."""
        self.head()
        self.send(self.event(self.chunk({"role": "assistant", "content": None})))
        for index, word in enumerate(self.words):
            self.send(self.event(self.chunk({"content": word if index == 0 else " " + word})))
            time.sleep(pause)
        self.send(self.event(self.chunk({}, "stop")))
        usage = {**self.chunk({}), "choices": [], "usage": self.usage()}
        self.send(self.event(usage))
        self.send(b"data: [DONE]\n\n")
        self.end()

    def answer(self) -> None:
        behaviours[self.behaviour](self)


def second_dialect(call: Completion) -> None:
    """No [DONE], no space behind the colon, CR LF, usage inside the last chunk, finish_reason only there."""
    call.head()
    for index, word in enumerate(call.words):
        chunk = call.chunk({"role": "assistant", "content": word if index == 0 else " " + word})
        del chunk["choices"][0]["finish_reason"]
        call.send(b"data:" + json.dumps(chunk).encode() + b"\r\n\r\n")
    call.send(b"data:" + json.dumps(call.chunk({}, "stop", usage=call.usage())).encode() + b"\r\n\r\n")
    call.end()


def slow(call: Completion) -> None:
    """As fine, 20 ms a word."""
    call.fine(pause=0.02)


def tools(call: Completion) -> None:
    """Calls two functions, in pieces, after some thoughts."""
    call.head()
    call.send(call.event(call.chunk({"role": "assistant", "reasoning_content": "Hm."})))
    for delta in (
            {"index": 0, "id": "call_a", "type": "function", "function": {"name": "add", "arguments": ""}},
            {"index": 0, "function": {"arguments": "{\"a\":"}}, {"index": 0, "function": {"arguments": " 1}"}},
            {"index": 1, "id": "call_b", "type": "function", "function": {"name": "sort", "arguments": "{}"}}):
        call.send(call.event(call.chunk({"tool_calls": [delta]})))
    call.send(call.event(call.chunk({}, "tool_calls")))
    call.send(b"data: [DONE]\n\n")
    call.end()


def whole(call: Completion) -> None:
    """Does not stream: one JSON object."""
    message = {"role": "assistant", "content": " ".join(call.words)}
    call.reply(200, json.dumps(
        {"id": "x", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
         "usage": call.usage()}).encode())


def comments(call: Completion) -> None:
    """Comments, blank lines and other fields between the events."""
    call.head()
    call.send(b"\xef\xbb\xbf: hello\n\nretry: 10\nid: 7\n\n")
    for index, word in enumerate(call.words):
        call.send(b": keep-alive\n\n" + call.event(call.chunk({"content": word if index == 0 else " " + word})))
    call.send(call.event(call.chunk({}, "stop")))
    call.send(b"data: [DONE]\n\n")
    call.end()


def no_usage(call: Completion) -> None:
    """As fine, but without usage."""
    call.head()
    call.send(call.event(call.chunk({"content": " ".join(call.words)})))
    call.send(call.event(call.chunk({}, "length")))
    call.send(b"data: [DONE]\n\n")
    call.end()


def lingering(call: Completion) -> None:
    """The whole answer, but the connection is never ended."""
    call.head()
    call.send(call.event(call.chunk({"content": " ".join(call.words)}, "stop")))
    call.handler.hang()


def echo(call: Completion) -> None:
    """Answers with the request's own body and headers."""
    text = json.dumps({"body": call.body, "headers": dict(call.handler.headers.items())})
    call.head()
    call.send(call.event(call.chunk({"content": text})))
    call.send(call.event(call.chunk({}, "stop")))
    call.end()


# Faults


def hang_before_headers(call: Completion) -> None:
    """Takes the request and says nothing."""
    call.handler.hang()


def hang_before_token(call: Completion) -> None:
    """Says who speaks, and no more."""
    call.head()
    call.send(call.event(call.chunk({"role": "assistant", "content": ""})))
    call.handler.hang()


def hang_between_tokens(call: Completion) -> None:
    """Stops after two words, but for comments."""
    call.head()
    for word in ("one", " two"):
        call.send(call.event(call.chunk({"content": word})))
    while call.handler.hang(0.02):
        call.send(b": still here\n\n")


def cut(call: Completion) -> None:
    """Drops the connection after two words."""
    call.head()
    for word in ("one", " two"):
        call.send(call.event(call.chunk({"content": word})))
    call.drop()


def cut_in_event(call: Completion) -> None:
    """Drops it inside an event."""
    call.head()
    call.send(call.event(call.chunk({"content": "one"})) + b"data: {\"id\": \"chatcmpl-1\", \"cho")
    call.drop()


def cut_in_good_order(call: Completion) -> None:
    """Ends the stream properly, but without finish_reason and [DONE]."""
    call.head()
    call.send(call.event(call.chunk({"content": "one"})))
    call.end()


def cut_before_token(call: Completion) -> None:
    """Drops the connection after the headers."""
    call.head()
    call.drop()


def cut_before_headers(call: Completion) -> None:
    """Drops the connection without a word."""
    call.drop()


def limited_then_fine(call: Completion) -> None:
    """429 with Retry-After: 1, then fine."""
    if call.number == 1:
        call.reply(429, b'{"error": {"message": "slow down"}}', Retry_After="1")
    else:
        call.fine()


def limited_a_while(call: Completion) -> None:
    """429 with Retry-After: 3, then the number of the request as the answer."""
    if call.number == 1:
        call.reply(429, b"slow down", "text/plain", Retry_After="3")
    else:
        call.words = [str(call.number)]
        call.fine()


def limited_by_date(call: Completion) -> None:
    """429 with Retry-After as a date two seconds ahead, then fine."""
    if call.number == 1:
        call.reply(429, b"slow down", "text/plain", Retry_After=formatdate(time.time() + 2, usegmt=True))
    else:
        call.fine()


def limited_for_long(call: Completion) -> None:
    """429 with Retry-After: 3600."""
    call.reply(429, b"slow down", "text/plain", Retry_After="3600")


def failing_then_fine(call: Completion) -> None:
    """500 twice, then fine."""
    if call.number <= 2:
        call.reply(500, b'{"error": {"message": "out of memory"}}')
    else:
        call.fine()


def failing(call: Completion) -> None:
    """500 in plain text, always."""
    call.reply(500, b"Internal Server Error", "text/plain")


def switched(call: Completion) -> None:
    """500 until its state is set to fine."""
    call.fine() if states.get(call.name) == "fine" else call.reply(500, b"not yet", "text/plain")


def wrong_json(call: Completion) -> None:
    """An event that is no JSON."""
    call.head()
    call.send(b"data: {\"choices\": [{\"index\": 0, \"delta\": {\"content\": \"one\"}}]\n\n")
    call.end()


def wrong_utf8(call: Completion) -> None:
    """An event that is no UTF-8."""
    call.head()
    call.send(b"data: {\"choices\": [{\"index\": 0, \"delta\": {\"content\": \"\xff\xfe\"}}]}\n\n")
    call.end()


def wrong_page(call: Completion) -> None:
    """A page for people."""
    call.reply(200, b"<html><body>Welcome</body></html>", "text/html")


def error_inside(call: Completion) -> None:
    """An error inside the stream, after a word."""
    call.head()
    call.send(call.event(call.chunk({"content": "one"})))
    call.send(b"data: {\"error\": {\"code\": 500, \"message\": \"slot lost\"}}\n\n")
    call.end()


def long_line(call: Completion) -> None:
    """A line of 10 MB."""
    call.head()
    call.send(b"data: {\"choices\": [{\"index\": 0, \"delta\": {\"content\": \"")
    for _ in range(10 * 16):
        call.send(b"x" * 65536)
    call.send(b"\"}}]}\n\n")
    call.end()


def long_header(call: Completion) -> None:
    """A header of 90 KB."""
    call.handler.send_response(200)
    for index in range(90):
        call.handler.send_header(f"X-{index}", "x" * 1000)
    call.handler.end_headers()
    call.end()


def flood(call: Completion) -> None:
    """Words as fast as they are taken, without end."""
    call.head()
    data = call.event(call.chunk({"content": "word " * 20})) * 16
    while True:
        call.send(data)
        with lock:
            sent_bytes[call.name] += len(data)


def redirect(call: Completion) -> None:
    """302 to another host."""
    call.reply(302, b"", "text/plain", Location="http://elsewhere.invalid:1/v1?key=hidden")


def refusing(call: Completion) -> None:
    """401 that quotes the key."""
    key = call.handler.headers.get("Authorization", "")
    call.reply(401, json.dumps({"error": {"message": f"wrong key: {key}\n<{key[7:]}>"}}).encode())


def bad_request(call: Completion) -> None:
    """400."""
    call.reply(400, b'{"error": {"code": 400, "message": "the prompt is longer than the context", '
               b'"type": "exceed_context_size_error"}}')


def refused_request(call: Completion) -> None:
    """400 that no other model would answer otherwise."""
    call.reply(400, b'{"error": {"code": 400, "message": "temperature must be below 2", '
               b'"type": "invalid_request_error"}}')


behaviours = {
    "fine": Completion.fine, "slow": slow, "second-dialect": second_dialect, "tools": tools, "whole": whole,
    "comments": comments, "no-usage": no_usage, "lingering": lingering, "echo": echo,
    "hang-before-headers": hang_before_headers, "hang-before-token": hang_before_token,
    "hang-between-tokens": hang_between_tokens, "cut": cut, "cut-in-event": cut_in_event,
    "cut-in-good-order": cut_in_good_order, "cut-before-token": cut_before_token,
    "cut-before-headers": cut_before_headers, "limited-then-fine": limited_then_fine,
    "limited-a-while": limited_a_while, "limited-by-date": limited_by_date, "limited-for-long": limited_for_long,
    "500-then-fine": failing_then_fine, "failing": failing, "switched": switched, "wrong-json": wrong_json,
    "wrong-utf8": wrong_utf8, "wrong-page": wrong_page, "error-inside": error_inside, "long-line": long_line,
    "long-header": long_header, "flood": flood, "redirect": redirect, "refusing": refusing, "bad-request": bad_request,
    "refused-request": refused_request,
}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Answers are small pieces, each of which is to go out at once.
    disable_nagle_algorithm = True
    wbufsize = 1 << 16

    def log_message(self, *_: object) -> None:
        pass

    def hang(self, seconds: float = HANG_SECONDS) -> bool:
        """Waits; False once the peer has closed its side, which ends the connection."""
        self.wfile.flush()
        self.connection.settimeout(seconds)
        try:
            gone = self.connection.recv(1) == b""
        except TimeoutError:
            return True
        except OSError:
            gone = True
        self.close_connection = True
        return not gone

    def part(self) -> tuple[str, str, str]:
        """Behaviour, name and the rest of the path."""
        _, name, *rest = self.path.split("/")
        return name.split(".")[0], name, "/".join(rest)

    def do_GET(self) -> None:
        behaviour, name, rest = self.part()
        with lock:
            requests[f"{name}/{rest}"] += 1
            figures = json.dumps({"requests": requests, "open": open_now, "sent_bytes": sent_bytes}).encode()
        status, text = 200, b"{}"
        if name == "_figures":
            text = figures
        elif behaviour == "switched":
            status = 200 if states.get(name) == "fine" else 503
        elif rest == "health" and behaviour == "second-dialect":
            status = 404
        elif rest not in ("health", "v1/models"):
            status = 404
        self.answer(status, text)

    def do_PUT(self) -> None:
        _, _, name, value = self.path.split("/")
        with lock:
            states[name] = value
        self.answer(200, b"")

    def answer(self, status: int, text: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def do_POST(self) -> None:
        behaviour, name, rest = self.part()
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", "0"))))
        if rest != "v1/chat/completions" or behaviour not in behaviours:
            return self.answer(404, b"no such behaviour")
        with lock:
            requests[name] += 1
            open_now[name] += 1
        try:
            Completion(self, behaviour, name, body).answer()
        except (ConnectionError, TimeoutError):
            self.close_connection = True
        finally:
            with lock:
                open_now[name] -= 1


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024
    context: ssl.SSLContext | None = None

    def finish_request(self, request: socket.socket, client_address: object) -> None:
        # The handshake happens on the connection's thread, not on the one that accepts.
        if self.context is not None:
            request = self.context.wrap_socket(request, server_side=True)
        super().finish_request(request, client_address)

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


def certificates(folder: Path) -> dict[str, tuple[Path, Path]]:
    """A CA, and three certificates by it: a good one, an expired one, one for another name."""
    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], check=True, cwd=folder, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)

    (folder / "ca.cnf").write_text(
        "[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\nnew_certs_dir=.\ncertificate=ca.pem\nprivate_key=ca.key\n"
        "rand_serial=yes\ndefault_md=sha256\npolicy=p\ncopy_extensions=copy\nunique_subject=no\n"
        "[p]\ncommonName=supplied\n", encoding="ascii")
    (folder / "index.txt").touch()
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key",
            "-out", "ca.pem", "-days", "2", "-subj", "/CN=Herd test CA", "-addext", "basicConstraints=critical,CA:TRUE")
    now = int(time.time())

    def moment(seconds: int) -> str:
        return time.strftime("%Y%m%d%H%M%SZ", time.gmtime(now + seconds))

    made = {}
    for name, subject, end in (("good", "IP:127.0.0.1,DNS:localhost", 86400),
                               ("expired", "IP:127.0.0.1,DNS:localhost", -3600),
                               ("other", "DNS:other.example", 86400)):
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{name}.key",
                "-out", f"{name}.csr", "-subj", "/CN=herd", "-addext", f"subjectAltName={subject}")
        openssl("ca", "-batch", "-notext", "-config", "ca.cnf", "-in", f"{name}.csr", "-out", f"{name}.pem",
                "-startdate", moment(-86400), "-enddate", moment(end))
        made[name] = (folder / f"{name}.pem", folder / f"{name}.key")
    return made


def serve(context: ssl.SSLContext | None = None) -> int:
    server = Server(("127.0.0.1", 0), Handler)
    server.context = context
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--help-behaviours", action="store_true", help="list the behaviours and end")
    options = parser.parse_args()
    if options.help_behaviours:
        for name, behaviour in behaviours.items():
            print(f"{name:20} {(behaviour.__doc__ or '').strip()}")
        return 0
    with tempfile.TemporaryDirectory(prefix="herd-faulty-") as folder:
        ports = {"plain": serve()}
        for name, (certificate, key) in certificates(Path(folder)).items():
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, key)
            ports[name] = serve(context)
        # Bound and not listening: connections are refused, and nobody else gets the port.
        with socket.socket() as refused, socket.socket() as full:
            refused.bind(("127.0.0.1", 0))
            ports["refused"] = refused.getsockname()[1]
            # A queue of connections that is full: the kernel lets further ones wait.
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            ports["full"] = full.getsockname()[1]
            waiting = [socket.socket() for _ in range(4)]
            for one in waiting:
                one.setblocking(False)
                one.connect_ex(("127.0.0.1", ports["full"]))
            print(json.dumps({"ports": ports, "ca": os.path.join(folder, "ca.pem"), "folder": folder}), flush=True)
            sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
