"""Starts and stops server processes; see `serve_one` for what runs in them."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tiny_herd.herd_file import Model

START_SECONDS = 60.0
STOP_SECONDS = 5.0


class ServerError(Exception):
    """A server that did not start; it has said why on standard error."""


class LlamaServer:
    """A running server process: `url` is where its OpenAI-compatible endpoints are, without the trailing /v1."""

    def __init__(self, model: Model, slots: int = 1) -> None:
        script = Path(__file__).with_name("serve_one.py")
        self.model = model
        self.process = subprocess.Popen(
            [sys.executable, str(script), model.name, str(model.weights), "--slots", str(slots)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.url = ""

    def wait_until_ready(self) -> None:
        """Waits for the address; raises ServerError if the process ends or says nothing for a minute."""
        assert self.process.stdout is not None
        watchdog = threading.Timer(START_SECONDS, self.process.kill)
        watchdog.start()
        self.url = self.process.stdout.readline().strip()
        watchdog.cancel()
        if not self.url:
            self.stop()
            raise ServerError(
                f"the server of {self.model.name} did not start, see above; is {self.model.weights} a whole GGUF file?")

    def resident_bytes(self) -> int | None:
        """Memory of the process as Linux counts it; none elsewhere."""
        try:
            lines = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii").splitlines()
        except OSError:
            return None
        return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:")), None)

    def stop(self) -> None:
        """Ends the process: by the end of its input, and after five seconds by force."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@contextmanager
def running(models: list[Model], slots: int = 1) -> Iterator[dict[str, LlamaServer]]:
    """All servers, started side by side and ready; stopped at the end of the block, whatever ends it."""
    with ExitStack() as stack:
        servers: dict[str, LlamaServer] = {}
        for model in models:
            server = LlamaServer(model, slots)
            stack.callback(server.stop)
            servers[model.name] = server
        for server in servers.values():
            server.wait_until_ready()
        yield servers
