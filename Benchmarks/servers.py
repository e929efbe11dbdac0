"""Servers as processes on a core of their own, and the loads that are put on them."""

import contextlib
import json
import os
import pathlib
import subprocess
import tempfile
import threading
import time
import urllib.request

import herds


# More than any load asks for: counted, but in nobody's way.
LIMITS = ["--calls-per-second", 1_000_000, "--calls-at-once", 1_000_000, "--usd-per-day", 1_000]


class Failure(Exception):
    """What went wrong, for a person."""


def check(arguments, **options):
    result = subprocess.run([str(word) for word in arguments], capture_output=True, text=True, **options)
    if result.returncode != 0:
        raise Failure(f"{' '.join(map(str, arguments))} ended with {result.returncode}: {result.stderr.strip()}")
    return result.stdout


class Server:
    """A process that listens on a port of this machine."""

    def __init__(self, process, port, http=()):
        self.process = process
        self.port = port
        # Where its metrics are.
        self.http = http
        # What loads show to it.
        self.token = ""

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@contextlib.contextmanager
def peer(arguments, core):
    """A peer that prints its port."""
    process = subprocess.Popen(
        ["taskset", "-c", str(core), *map(str, arguments)], stdout=subprocess.PIPE, text=True)
    server = Server(process, 0)
    try:
        line = process.stdout.readline()
        if not line.strip().isdigit():
            raise Failure(f"{arguments[0]} did not start")
        server.port = int(line)
        yield server
    finally:
        server.stop()


def start_herd(herdd, data, core=None, *arguments):
    ready = pathlib.Path(data) / "ready.json"
    ready.unlink(missing_ok=True)
    pin = ["taskset", "-c", str(core)] if core is not None else []
    process = subprocess.Popen(
        [*pin, str(herdd), "all", "--data", f"{data}/herd", "--listen", "127.0.0.1:0", "--scorer-listen",
         "127.0.0.1:0", "--refiner-listen", "127.0.0.1:0", "--log-level", "error", "--ready-file", str(ready), *arguments])
    deadline = time.monotonic() + 30
    while not ready.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            raise Failure(f"{herdd} did not get ready")
        time.sleep(0.01)
    told = json.loads(ready.read_text())
    return Server(process, int(told["router"][0].rsplit(":", 1)[1]), told.get("router-http", []))


@contextlib.contextmanager
def herd(binaries, root, core, is_guarded=False):
    """Router, scorer and refiner with the eleven models of RouterBench and a predictor of 57 topics.

    Yields the server and the file of prompts that its predictor can tell apart. A guarded one lets in by token, counts the
    calls, calls at once and money of the one that the loads show, and is scraped every second.
    """
    with tempfile.TemporaryDirectory(prefix="herd-bench-") as folder:
        models = root / "Config/herds/routerbench.yaml"
        evaluations, prompts = f"{folder}/evaluations.jsonl", f"{folder}/prompts.txt"
        herds.write_evaluations(evaluations, herds.model_names(models))
        herds.write_prompts(prompts)
        if is_guarded:
            os.environ["HERD_TOKEN"] = token(binaries, folder, "--role", "admin")
        # Trained on all cores; what is measured is started on one.
        server = start_herd(binaries / "herdd", folder)
        try:
            ctl = [binaries / "herdctl"]
            for arguments in (["model", "add", "--file", models], ["import", evaluations], ["train", "--promote"]):
                check(ctl + arguments + ["--address", server.address])
        finally:
            server.stop()
        limited = is_guarded and token(binaries, folder, "--role", "client", "--tenant", "bench", *LIMITS)
        server = start_herd(binaries / "herdd", folder, core, *(["--http-listen", "127.0.0.1:0"] if is_guarded else []))
        try:
            wait_for_predictor(binaries, server, prompts)
            server.token = limited
            with scraped(server) if is_guarded else contextlib.nullcontext():
                yield server, prompts
        finally:
            server.stop()


def token(binaries, folder, *arguments):
    return check([binaries / "herdd", "token", "create", "--data", f"{folder}/herd", *arguments]).strip()


@contextlib.contextmanager
def scraped(server):
    """Asks a server for its metrics, as a collector would, but every second."""
    is_over = threading.Event()

    def scrape():
        while not is_over.wait(1):
            urllib.request.urlopen(f"http://{server.http[0]}/metrics", timeout=10).read()

    scraper = threading.Thread(target=scrape)
    scraper.start()
    try:
        yield
    finally:
        is_over.set()
        scraper.join()


def wait_for_predictor(binaries, server, prompts):
    with open(prompts) as file:
        prompt = file.readline().strip()
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        answer = json.loads(check([binaries / "herdctl", "route", prompt, "--json", "--address", server.address]))
        if answer.get("predictor_version") and not answer.get("degraded"):
            return
        time.sleep(0.05)
    raise Failure("the router did not get the scorer's predictor")


def cache_counts(binaries, server):
    """How many predictions came from the router's cache since it started, and how many did not."""
    status = json.loads(check([binaries / "herdctl", "status", "--json", "--address", server.address]))
    return status["figures"]["cache_hits"], status["figures"]["cache_misses"]


class Loads:
    """Puts loads on servers from one core and returns the reports."""

    def __init__(self, binaries, peers, core, seconds, warm_up):
        self.binaries, self.peers, self.core = binaries, peers, core
        self.seconds, self.warm_up = seconds, warm_up

    def frames(self, server, connections, in_flight=None, rate=None, workload=(), requests=None):
        """herd-load, on whatever speaks Herd's frames."""
        arguments = [
            "taskset", "-c", self.core, self.binaries / "herd-load", "--server", server.address, "--json",
            "--connections", connections, "--warm-up", self.warm_up, "--server-pid", server.process.pid, *workload]
        arguments += ["--rate", rate, "--arrivals", "poisson"] if rate else ["--in-flight", in_flight]
        arguments += ["--requests", requests] if requests else ["--seconds", self.seconds]
        environment = {**os.environ, "HERD_TOKEN": server.token or ""}
        return self.checked(json.loads(check(arguments, env=environment)), arguments)

    def grpc(self, server, channels, in_flight):
        arguments = [
            "taskset", "-c", self.core, self.peers / "grpc_load", server.port, channels, in_flight, self.seconds,
            self.warm_up, server.process.pid]
        return self.checked(json.loads(check(arguments)), arguments)

    @staticmethod
    def checked(report, arguments):
        if report["failed"]:
            raise Failure(f"{report['failed']} requests failed: {report.get('failure_messages')}: {arguments}")
        return report
