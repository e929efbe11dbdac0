"""A herd of its own to be attacked: `herdd all` on a fresh folder, with models and a predictor in force."""

import json
import os
import pathlib
import subprocess
import tempfile
import time

from herd.v1 import admin_pb2, registry_pb2, router_pb2, scorer_pb2
from herd_client import Client

DEMO = pathlib.Path(__file__).resolve().parents[3] / "Demo"
#: The server's own limits: time-outs in seconds, and how many connections it takes.
DEFAULTS = {"hello": 5, "frame": 30, "keepalive_interval": 60, "keepalive_timeout": 20, "idle": 3600,
            "max_connections": 10_240}
#: Those that the suite starts it with: silence is to be waited for; the longer ones let a reader stop for 10 s.
SHORT = {"hello": 1, "frame": 1, "keepalive_interval": 2, "keepalive_timeout": 2, "idle": 4, "max_connections": 500}
LONG = {"hello": 5, "frame": 5, "keepalive_interval": 15, "keepalive_timeout": 5, "idle": 30, "max_connections": 1500}
PROMPTS = ("reverse lantern", "copy that", "49 + 81", "sort: pear, fig, apple", "What day is it?",
           "请把这个句子翻译成英文")


def environment(limits: dict[str, float]) -> dict[str, str]:
    """What herdd reads them from."""
    suffixes = {"hello": "_TIMEOUT", "frame": "_TIMEOUT", "idle": "_TIMEOUT"}
    return {f"HERD_SERVER_{name.upper()}{suffixes.get(name, '')}": str(value) for name, value in limits.items()}


class Server:
    """One herdd process, gone at the end of the `with`."""

    def __init__(self, herdd: str, limits: dict[str, float]):
        self.folder = tempfile.TemporaryDirectory(prefix="herd-hostile-")
        ready = pathlib.Path(self.folder.name, "ready.json")
        command = [herdd, "all", "--data", f"{self.folder.name}/data", "--listen", "127.0.0.1:0", "--scorer-listen",
                   "127.0.0.1:0", "--refiner-listen", "127.0.0.1:0", "--ready-file", str(ready), "--log-level", "error"]
        # The log goes to a file: a flood of complaints must neither block the server nor drown the results.
        self.log = pathlib.Path(self.folder.name, "herdd.log")
        self.process = subprocess.Popen(command, env=os.environ | environment(limits), stderr=self.log.open("wb"))
        deadline = time.monotonic() + 30
        while not ready.exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.process.kill()
                raise SystemExit(f"hostile.py: {herdd} did not get ready:\n{self.log.read_text()}")
            time.sleep(0.005)
        host, _, port = json.loads(ready.read_text())["router"][0].rpartition(":")
        self.address = (host, int(port))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.folder.cleanup()

    @property
    def is_running(self) -> bool:
        return self.process.poll() is None


def teach(address: tuple[str, int]) -> None:
    """Registers the demonstration models, imports their evaluations and trains on them."""
    rows = [json.loads(line) for line in (DEMO / "evaluations.jsonl").read_text().splitlines()]
    client = Client(*address)
    for name in sorted({model for row in rows for model in row["scores"]}):
        model = registry_pb2.Model(name=name, parameters_b=0.001, context=256, price_in=30, price_out=30, local=True)
        client.call("herd.v1.Registry/PutModel", registry_pb2.PutModelRequest(model=model),
                    registry_pb2.PutModelResponse)
    client.call("herd.v1.Scorer/Import", scorer_pb2.ImportRequest(evaluations=[
        scorer_pb2.Evaluation(id=row["id"], prompt=row["prompt"], task=row["task"], scores=row["scores"],
                              costs=row["costs"]) for row in rows]), scorer_pb2.ImportResponse)
    train = client.start("herd.v1.Scorer/Train", scorer_pb2.TrainRequest(seed=1, promote=True), timeout=60)
    client.finish(train, message_type=scorer_pb2.TrainEvent)
    deadline = time.monotonic() + 20
    while True:
        health = client.call("herd.v1.Admin/Health", admin_pb2.HealthRequest(), admin_pb2.HealthResponse)
        if health.state == admin_pb2.HealthResponse.SERVING:
            break
        if time.monotonic() > deadline:
            raise SystemExit(f"hostile.py: the router does not get ready: {', '.join(health.reasons)}")
        time.sleep(0.01)
    for prompt in PROMPTS:
        client.call("herd.v1.Router/Route", router_pb2.RouteRequest(prompt=prompt), router_pb2.RouteResponse)
    client.close()


def figures(address: tuple[str, int]) -> tuple[int, int]:
    """How many connections are there, besides the one that asks, and how many calls run."""
    client = Client(*address)
    status = client.call("herd.v1.Admin/Status", admin_pb2.StatusRequest(), admin_pb2.StatusResponse)
    client.close()
    return status.connections - 1, status.open_calls


def anonymous_memory(pid: int) -> int:
    """RssAnon of a process, in bytes."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise SystemExit(f"hostile.py: process {pid} is gone")
