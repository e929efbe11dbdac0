"""Calls that change nothing: what operators look at while others write, and what services follow."""

import math
import select
import time

from herd.v1 import access_pb2, admin_pb2, common_pb2, refiner_pb2, registry_pb2, router_pb2, scorer_pb2
from herd_client import CallFailed
from mixed import processes
from mixed.kind import Kind

CANCELLED, NOT_FOUND, FAILED_PRECONDITION = 1, 5, 9
PAGE = common_pb2.Page(size=20)


class Looks(Kind):
    """One thing after the other, with routes in between."""

    pause = 0.01

    def once(self) -> None:
        looks = (self.money, self.models, self.policies, self.tokens, self.suites, self.predictors, self.predictions,
                 self.decisions, self.transcripts, self.server)
        looks[self.number % len(looks)]()
        self.number += 1
        for prompt in ("one", "two", "three"):
            self.call("Router/Route", router_pb2.RouteRequest(prompt=prompt), router_pb2.RouteResponse)

    def listed(self, method: str, request_type, reply_type, field: str) -> list:
        found = list(getattr(self.call(method, request_type(page=PAGE), reply_type), field))
        assert len(found) <= PAGE.size, f"{method} gave {len(found)} of at most {PAGE.size}"
        return found

    def money(self) -> None:
        self.call("Access/GetUsage", access_pb2.GetUsageRequest(), access_pb2.GetUsageResponse)
        self.call("Access/ListAudit", access_pb2.ListAuditRequest(), access_pb2.ListAuditResponse)
        try:
            self.call("Scorer/Perfics", scorer_pb2.PerficsRequest(), scorer_pb2.PerficsResponse)
        except CallFailed as failure:
            # There are no evaluations yet.
            if failure.code != FAILED_PRECONDITION:
                raise

    def models(self) -> None:
        self.listed("Registry/ListModels", registry_pb2.ListModelsRequest, registry_pb2.ListModelsResponse, "models")
        reply = self.call("Registry/GetModel", registry_pb2.GetModelRequest(name="priced"),
                          registry_pb2.GetModelResponse)
        assert reply.model.price_out == 1_000 and len(reply.model.endpoints) == 1, f"the model is {reply.model}"

    def policies(self) -> None:
        self.listed("Registry/ListPolicies", registry_pb2.ListPoliciesRequest, registry_pb2.ListPoliciesResponse,
                    "policies")
        reply = self.call("Registry/GetPolicy", registry_pb2.GetPolicyRequest(name="default"),
                          registry_pb2.GetPolicyResponse)
        assert reply.policy.default_model == "priced", f"the policy is {reply.policy}"

    def tokens(self) -> None:
        found = self.listed("Access/ListTokens", access_pb2.ListTokensRequest, access_pb2.ListTokensResponse, "tokens")
        assert found, "the caller's own token is not listed"

    def suites(self) -> None:
        self.listed("Scorer/ListSuites", scorer_pb2.ListSuitesRequest, scorer_pb2.ListSuitesResponse, "suites")

    def predictors(self) -> None:
        found = self.listed("Scorer/ListPredictors", scorer_pb2.ListPredictorsRequest,
                            scorer_pb2.ListPredictorsResponse, "predictors")
        assert not any(predictor.damaged for predictor in found), "a predictor is damaged"

    def predictions(self) -> None:
        texts = ["what is this?", ""]
        reply = self.call("Scorer/Embed", scorer_pb2.EmbedRequest(texts=texts), scorer_pb2.EmbedResponse)
        lengths = [math.hypot(*embedding.values) for embedding in reply.embeddings]
        assert len(lengths) == 2 and abs(lengths[0] - 1) < 1e-3 and lengths[1] == 0, f"vectors as long as {lengths}"
        try:
            reply = self.call("Scorer/Predict", scorer_pb2.PredictRequest(text="what is this?"),
                              scorer_pb2.PredictResponse)
            assert reply.models and len(reply.models) == len(reply.qualities), f"the prediction is {reply}"
            assert all(0 <= quality <= 1 for quality in reply.qualities), f"qualities are {reply.qualities}"
        except CallFailed as failure:
            # There is no predictor yet.
            if failure.code != FAILED_PRECONDITION:
                raise

    def decisions(self) -> None:
        made = self.call("Router/Route", router_pb2.RouteRequest(prompt="look"), router_pb2.RouteResponse)
        try:
            kept = self.call("Router/GetDecision", router_pb2.GetDecisionRequest(decision_id=made.decision_id),
                             router_pb2.GetDecisionResponse).decision
            assert kept.decision_id == made.decision_id and kept.response.model == made.model, f"it says {kept}"
        except CallFailed as failure:
            # Where the load goes on for long it may have made room for thousands of others meanwhile.
            if failure.code != NOT_FOUND or not self.options.keys:
                raise

    def transcripts(self) -> None:
        found = self.listed("Refiner/ListTranscripts", refiner_pb2.ListTranscriptsRequest,
                            refiner_pb2.ListTranscriptsResponse, "transcripts")
        # One that there is not is an answer, too.
        name = self.chance.choice(found).transcript_id if found else "0000000000000000-00000000"
        try:
            self.stream(self.client, "Refiner/GetTranscript", refiner_pb2.GetTranscriptRequest(transcript_id=name),
                        refiner_pb2.TranscriptStep)
        except CallFailed as failure:
            # Others delete them.
            if failure.code != NOT_FOUND:
                raise

    def server(self) -> None:
        processes.status(self.client)
        health = self.call("Admin/Health", admin_pb2.HealthRequest(), admin_pb2.HealthResponse)
        assert health.state in (admin_pb2.HealthResponse.SERVING, admin_pb2.HealthResponse.DEGRADED), f"{health}"
        methods = processes.methods(self.client)
        assert "Admin/Describe" in methods and "Router/Route" in methods, f"it describes {methods}"
        probed = self.stream(self.client, "Admin/Probe", admin_pb2.ProbeRequest(count=20, bytes=100),
                             admin_pb2.ProbeMessage)
        assert [len(message.payload) for message in probed] == [100] * 20, f"it sent {len(probed)} messages"


class Watches(Kind):
    """Follows models and predictors for a while, then gives up, as services do that are ended."""

    pause = 0.05

    def once(self) -> None:
        watches = {self.client.start(f"herd.v1.{method}", request, timeout=60): event_type
                   for method, request, event_type in (
                       ("Registry/WatchModels", registry_pb2.WatchModelsRequest(), registry_pb2.ModelsEvent),
                       ("Scorer/WatchPredictor", scorer_pb2.WatchPredictorRequest(), scorer_pb2.PredictorEvent))}
        seen = {}
        try:
            end = time.monotonic() + self.chance.uniform(0.05, 0.5)
            while time.monotonic() < end or not all(call in self.client.messages for call in watches):
                if any(call in self.client.ended for call in watches):
                    break
                if select.select([self.client.socket], [], [], 0.05)[0]:
                    self.client.take()
        finally:
            failures = []
            for call, event_type in watches.items():
                self.client.cancel(call)
                seen[event_type] = [event_type.FromString(data) for data in self.client.messages.get(call, [])]
            for call in watches:
                try:
                    self.client.finish(call, message_type=bytes)
                except CallFailed as failure:
                    failures.append(failure)
                self.client.messages.pop(call, None)
        for failure in failures:
            if failure.code != CANCELLED:
                raise failure
        assert len(failures) == len(watches), "a watch ended by itself"
        revisions = [event.registry_revision for event in seen[registry_pb2.ModelsEvent]]
        assert revisions == sorted(revisions) and revisions[0] > 0, f"the registry's revisions were {revisions}"
