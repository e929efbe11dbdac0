"""A herd of its own: `herdd all` with tokens and one model, on ports that stay the same however often it is killed."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

from google.protobuf import descriptor_pb2
from herd.v1 import access_pb2, admin_pb2, registry_pb2
from herd_client import Client

HERE = pathlib.Path(__file__).resolve().parent
#: Of an answer, in billionths of a US dollar: four tokens of a thousandth of a dollar.
PRICE = 4_000_000
ANSWER = "one two three four"


class Herd:
    """Gone, with its model, at the end of the `with`; the folder stays its owner's."""

    def __init__(self, herdd: str, folder: str, environment: dict[str, str] | None = None, token: str = ""):
        self.herdd, self.folder, self.environment = herdd, pathlib.Path(folder), environment or {}
        self.process, self.addresses, self.longest_start = None, ["127.0.0.1:0"] * 3, 0.0
        self.data = str(self.folder / "data")
        if not token:
            # Recorded as well: what it writes is there when the herd begins.
            made = subprocess.run([herdd, "token", "create", "--role", "admin", "--data", self.data],
                                  capture_output=True, check=True, text=True, env=os.environ | self.environment)
            token = made.stdout.strip()
        self.token = token
        self.model = subprocess.Popen([sys.executable, str(HERE.parent / "scripted_model.py"), ANSWER],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.DEVNULL, text=True)
        self.model_url = self.model.stdout.readline().strip() + "/v1"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.model.kill()
        self.model.wait()

    def start(self) -> None:
        ready = self.folder / "ready.json"
        ready.unlink(missing_ok=True)
        began = time.monotonic()
        listen = [word for flag, address in zip(("", "scorer-", "refiner-"), self.addresses)
                  for word in (f"--{flag}listen", address)]
        nowhere = [word for flag in ("", "scorer-", "refiner-") for word in (f"--{flag}http-listen", "none")]
        command = [self.herdd, "all", "--data", self.data, *listen, *nowhere, "--ready-file", str(ready),
                   "--log-level", "error"]
        with open(self.folder / "herdd.log", "ab") as log:
            self.process = subprocess.Popen(command, env=os.environ | self.environment, stderr=log)
        while not ready.exists() or not ready.read_text().endswith("}\n"):
            if self.process.poll() is not None or time.monotonic() > began + 60:
                self.process.kill()
                raise SystemExit(f"{self.herdd} did not get ready:\n{(self.folder / 'herdd.log').read_text()}")
            time.sleep(0.002)
        bound = json.loads(ready.read_text())
        self.addresses = [bound[service][0] for service in ("router", "scorer", "refiner")]
        self.longest_start = max(self.longest_start, time.monotonic() - began)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def terminate(self) -> int:
        self.process.terminate()
        return self.process.wait(60)

    def prepare(self) -> None:
        """The model, and a policy that routes to it without a predictor."""
        client = connect(self.addresses[0], self.token)
        model = registry_pb2.Model(name="priced", price_out=1_000)
        model.endpoints.add(base_url=self.model_url, max_concurrency=8)
        client.call("herd.v1.Registry/PutModel", registry_pb2.PutModelRequest(model=model),
                    registry_pb2.PutModelResponse)
        policy = registry_pb2.Policy(name="default", default_model="priced", unknown_models=registry_pb2.Policy.PRIOR)
        policy.constraints.allow.append("priced")
        client.call("herd.v1.Registry/PutPolicy", registry_pb2.PutPolicyRequest(policy=policy),
                    registry_pb2.PutPolicyResponse)
        client.close()


def connect(address: str, token: str, timeout: float = 60) -> Client:
    host, _, port = address.rpartition(":")
    return Client(host, int(port), token=token, timeout=timeout)


def make_token(client: Client, name: str, roles: list[str], usd_per_day: float = 0) -> tuple[str, str]:
    """The id and the secret of a new one."""
    request = access_pb2.CreateTokenRequest(name=name, roles=roles, tenant="acme", usd_per_day=usd_per_day)
    made = client.call("herd.v1.Access/CreateToken", request, access_pb2.CreateTokenResponse)
    return made.token.id, made.secret


def status(client: Client) -> admin_pb2.StatusResponse:
    return client.call("herd.v1.Admin/Status", admin_pb2.StatusRequest(), admin_pb2.StatusResponse)


def methods(client: Client) -> list[str]:
    """Every method that the herd describes, as "Service/Method"."""
    reply = client.call("herd.v1.Admin/Describe", admin_pb2.DescribeRequest(), admin_pb2.DescribeResponse)
    described = descriptor_pb2.FileDescriptorSet.FromString(reply.file_descriptor_set)
    return [f"{service.name}/{method.name}" for file in described.file for service in file.service
            for method in service.method]
