#!/usr/bin/env python3
"""Checks a running router over the wire with a client that shares no code with Herd.

    check_wire.py --router 127.0.0.1:7601

The router must have models and a predictor in force. Messages are compiled from Protos/ with protoc into a scratch
folder. Prints a line for each check and ends with "N passed, N failed"; exits with 1 if any failed.
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile
import traceback

HERE = pathlib.Path(__file__).resolve().parent
CANCELLED, INVALID_ARGUMENT, DEADLINE_EXCEEDED, NOT_FOUND, FAILED_PRECONDITION, UNIMPLEMENTED = 1, 3, 4, 5, 9, 12
PROMPTS = {
    "Chinese": "请把这个句子翻译成英文：今天天气很好。",
    "emoji": "👩‍👩‍👧‍👦 🐑🐑🐑 what is this? 🏳️‍🌈",
    "one megabyte": "What is the sum of these numbers? " + "12345 " * 170_000,
    "one long word": "x" * 100_000,
    "control characters": "a\x01b\x1bc\x7f",
}


def compile_messages(folder: str) -> None:
    protos = HERE.parent.parent / "Protos"
    files = [str(path.relative_to(protos)) for path in protos.glob("herd/*/v1/*.proto")]
    files += [str(path.relative_to(protos)) for path in protos.glob("herd/v1/*.proto")]
    subprocess.run(["protoc", "-I", ".", f"--python_out={folder}", *files], cwd=protos, check=True)
    sys.path[:0] = [folder, str(HERE)]


class Checks:
    def __init__(self, host: str, port: int):
        import herd_client
        from herd.v1 import admin_pb2, registry_pb2, router_pb2, scorer_pb2

        self.wire, self.admin, self.registry = herd_client, admin_pb2, registry_pb2
        self.router, self.scorer = router_pb2, scorer_pb2
        self.address = (host, port)

    def client(self, **options):
        return self.wire.Client(*self.address, **options)

    def route(self, client, **fields):
        return client.call("herd.v1.Router/Route", self.router.RouteRequest(**fields), self.router.RouteResponse)

    def expect(self, code: int, body, goaway: bool = False) -> None:
        try:
            body()
        except self.wire.CallFailed as failure:
            assert failure.code == code and failure.goaway == goaway, f"{failure}, goaway {failure.goaway}"
            assert failure.message, "a failure says why"
        else:
            raise AssertionError(f"nothing failed; code {code} was due")

    def check_health(self):
        reply = self.client().call(
            "herd.v1.Admin/Health", self.admin.HealthRequest(), self.admin.HealthResponse)
        assert reply.state == self.admin.HealthResponse.SERVING, reply

    def check_explained_route_adds_up(self):
        reply = self.route(self.client(), prompt="How many legs do three dogs have?", explain=True)
        chosen = [candidate for candidate in reply.candidates if not candidate.excluded_because]
        assert chosen and chosen[0].model == reply.model
        for candidate in chosen:
            total = 0.0
            for term in candidate.contributions:
                total += term.value
            assert total == candidate.utility, (candidate, total)
        order = sorted(chosen, key=lambda candidate: (-candidate.utility, candidate.model.encode()))
        assert [candidate.model for candidate in order] == [candidate.model for candidate in chosen]

    def check_equal_requests_get_equal_replies(self):
        client = self.client()
        first, second = (self.route(client, prompt="Why is the sky blue?", explain=True) for _ in range(2))
        assert second.cached and first.decision_id != second.decision_id
        for reply in (first, second):
            reply.ClearField("decision_id")
            reply.ClearField("cached")
        assert first == second

    def check_decision_and_feedback(self):
        client = self.client()
        reply = self.route(client, prompt="Name a prime number.")
        feedback = self.router.FeedbackRequest(decision_id=reply.decision_id, outcome=0.75, request_id="interop")
        for _ in range(2):
            client.call("herd.v1.Router/Feedback", feedback, self.router.FeedbackResponse)
        got = client.call("herd.v1.Router/GetDecision", self.router.GetDecisionRequest(decision_id=reply.decision_id),
                          self.router.GetDecisionResponse)
        assert got.decision.response.model == reply.model
        assert [outcome.outcome for outcome in got.decision.outcomes] == [0.75]
        missing = self.router.GetDecisionRequest(decision_id="00000000000000ff-00000000")
        self.expect(NOT_FOUND, lambda: client.call("herd.v1.Router/GetDecision", missing,
                                                   self.router.GetDecisionResponse))

    def check_a_cancelled_call_ends(self):
        client = self.client()
        watch = client.start("herd.v1.Scorer/WatchPredictor", self.scorer.WatchPredictorRequest(), timeout=60)
        kinds = [client.receive().kind for _ in range(2)]
        assert kinds == [1, 3], f"after the server's HELLO the version in force comes at once, not {kinds}"
        client.cancel(watch)
        self.expect(CANCELLED, lambda: client.finish(watch))
        self.route(client, prompt="The connection goes on.")

    def check_a_deadline_ends_a_call(self):
        client = self.client()
        watch = client.start("herd.v1.Scorer/WatchPredictor", self.scorer.WatchPredictorRequest(), timeout=0.2)
        self.expect(DEADLINE_EXCEEDED, lambda: client.finish(watch))
        self.route(client, prompt="The connection goes on.")

    def check_unknown_methods(self):
        client = self.client()
        for method in ("herd.v1.Router/Guess", "nonsense"):
            self.expect(UNIMPLEMENTED, lambda: client.call(method, self.router.RouteRequest(), None))

    def check_a_call_before_hello(self):
        client = self.client(hello=False)
        call = client.start("herd.v1.Admin/Health", self.admin.HealthRequest())
        self.expect(INVALID_ARGUMENT, lambda: client.finish(call), goaway=True)

    def check_pipelined_calls(self):
        client = self.client()
        request = self.router.RouteRequest(prompt="Which is larger, 9.9 or 9.11?")
        calls = [client.start("herd.v1.Router/Route", request) for _ in range(200)]
        models = {client.finish(call, self.router.RouteResponse).model for call in reversed(calls)}
        assert len(models) == 1

    def check_hard_prompts(self):
        client = self.client()
        for name, prompt in PROMPTS.items():
            try:
                assert self.route(client, prompt=prompt).model, name
            except self.wire.CallFailed as failure:
                # A prompt may well be longer than every model's context window.
                assert failure.code == FAILED_PRECONDITION and "context window" in failure.message, name
        self.expect(INVALID_ARGUMENT, lambda: self.route(client, prompt=""))
        self.expect(INVALID_ARGUMENT, lambda: self.route(client, prompt="a\0b"))

    def check_wrong_requests(self):
        client = self.client()
        message = {"role": "user", "content": [{"text": "hello"}]}
        assert self.route(client, messages=[message]).model
        self.expect(INVALID_ARGUMENT, lambda: self.route(client, prompt="x", messages=[message]))
        self.expect(INVALID_ARGUMENT, lambda: self.route(client, messages=[{"role": "sheep", "content": []}]))
        self.expect(NOT_FOUND, lambda: self.route(client, prompt="x", policy="no such policy"))
        for goal in ({"name": "politeness", "lambda": 1}, {"name": "cost", "lambda": float("nan")}):
            request = self.router.RouteRequest(prompt="x")
            added = request.goals.goals.add()
            added.name = goal["name"]
            setattr(added, "lambda", goal["lambda"])
            self.expect(INVALID_ARGUMENT,
                        lambda: client.call("herd.v1.Router/Route", request, self.router.RouteResponse))

    def check_bytes_that_are_no_message(self):
        client = self.client()

        class Broken:
            def SerializeToString(self):  # noqa: N802, the name protobuf gives it
                return b"\x0a\xff\xff\xff\xff\x0f"

        self.expect(INVALID_ARGUMENT, lambda: client.call("herd.v1.Router/Route", Broken(), None))
        self.route(client, prompt="The connection goes on.")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--router", required=True, metavar="HOST:PORT")
    host, _, port = parser.parse_args().router.rpartition(":")
    passed = failed = 0
    with tempfile.TemporaryDirectory() as folder:
        compile_messages(folder)
        checks = Checks(host, int(port))
        for name in sorted(dir(checks)):
            if not name.startswith("check_"):
                continue
            try:
                getattr(checks, name)()
                passed += 1
                print(f"ok      {name.removeprefix('check_')}")
            except Exception:
                failed += 1
                print(f"FAILED  {name.removeprefix('check_')}")
                traceback.print_exc(file=sys.stdout)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
