#!/usr/bin/env python3
"""Holds what a herd has stored against the load's own list of what was acknowledged.

    verify.py --address 127.0.0.1:7601 --token herd_... --journal FILE [--since N] [--herdd PATH]

A write that was acknowledged is there; one of which nobody knows how it ended may be there or not, whole. Writes of single
records (feedback, transcripts, backups) are looked at from number --since on, everything else whole. Prints each promise
that was broken, then "N writes acknowledged, N checked, N broken"; exits with 1 where one was.
"""

import argparse
import collections
import pathlib
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import check_wire

NOT_FOUND, ALREADY_EXISTS = 5, 6


class Verifier:
    def __init__(self, options):
        from herd.v1 import access_pb2, common_pb2, refiner_pb2, registry_pb2, router_pb2, scorer_pb2
        from mixed import journal, processes

        self.access, self.common, self.refiner, self.registry = access_pb2, common_pb2, refiner_pb2, registry_pb2
        self.router, self.scorer, self.processes = router_pb2, scorer_pb2, processes
        self.options, self.client = options, processes.connect(options.address, options.token)
        self.writes = journal.read(options.journal)
        self.checked, self.broken = 0, []

    def of(self, *kinds: str, recent: bool = False) -> list:
        return [write for write in self.writes
                if write.kind in kinds and (not recent or write.number >= self.options.since)]

    def expect(self, isso: bool, what: str) -> None:
        self.checked += 1
        if not isso:
            self.broken.append(what)

    def run(self) -> None:
        for check in (self.models, self.policies, self.tokens, self.feedback, self.rows, self.money, self.transcripts,
                      self.suites, self.predictors, self.audit, self.backups):
            try:
                check()
            except Exception as failure:
                self.expect(False, f"{check.__name__}: {failure!r}")

    # What is kept under a name, and may be written over and removed.

    def possible(self, kind: str) -> dict[str, set]:
        """Every name ever used, with the values that it may have now; None = it is not there."""
        values: dict[str, set] = collections.defaultdict(lambda: {None})
        for write in self.of(kind):
            if write.is_acknowledged:
                values[write.key] = {write.value}
            else:
                values[write.key] = values[write.key] | {write.value}
        return values

    def compare(self, kind: str, found: dict) -> None:
        for name, values in self.possible(kind).items():
            self.expect(found.get(name) in values, f"{kind} {name} is {found.get(name)}, not one of {values}")

    def pages(self, method: str, request_type, reply_type, field: str, size: int = 500, **fields):
        token = ""
        while True:
            request = request_type(page=self.common.Page(size=size, token=token), **fields)
            reply = self.client.call(f"herd.v1.{method}", request, reply_type)
            yield from getattr(reply, field)
            token = reply.next
            if not token:
                return

    def models(self) -> None:
        found = self.pages("Registry/ListModels", self.registry.ListModelsRequest, self.registry.ListModelsResponse,
                           "models")
        self.compare("model", {model.name: model.price_out for model in found})

    def policies(self) -> None:
        found = self.pages("Registry/ListPolicies", self.registry.ListPoliciesRequest,
                           self.registry.ListPoliciesResponse, "policies")
        self.compare("policy", {policy.name: policy.expected_output_tokens for policy in found})

    def tokens(self) -> None:
        found = {token.id: token for token in self.pages(
            "Access/ListTokens", self.access.ListTokensRequest, self.access.ListTokensResponse, "tokens")}
        made = {write.result["id"]: write.value for write in self.of("new token", "payer") if write.is_acknowledged}
        for token in made:
            self.expect(token in found, f"the token {token} is gone")
        crowds: dict[str, set] = {write.result["id"]: {write.value} for write in self.of("new token")
                                  if write.is_acknowledged}
        for write in self.of("token"):
            # Of a token that nobody knows to be there.
            if write.key not in crowds:
                continue
            crowds[write.key] = {write.value} if write.is_acknowledged else crowds[write.key] | {write.value}
        for token, values in crowds.items():
            self.expect(token in found and found[token].calls_at_once in values, f"the limits of {token} are not {values}")
        revoked = {write.key for write in self.of("revocation") if write.is_acknowledged}
        perhaps = {write.key for write in self.of("revocation")}
        for token in crowds:
            is_revoked = token in found and found[token].revoked_unix_ms > 0
            self.expect(is_revoked if token in revoked else (not is_revoked or token in perhaps),
                        f"the token {token} is {'' if is_revoked else 'not '}revoked")

    def suites(self) -> None:
        found = {suite.suite: suite for suite in self.pages(
            "Scorer/ListSuites", self.scorer.ListSuitesRequest, self.scorer.ListSuitesResponse, "suites")}
        self.compare("suite", {name: suite.questions for name, suite in found.items()})
        removed = {write.key for write in self.of("suite") if write.value is None}
        for write in self.of("evaluated"):
            if write.is_acknowledged and write.key not in removed:
                answers = found[write.key].answers if write.key in found else 0
                self.expect(answers == write.value and write.result["score"] == 1,
                            f"the suite {write.key} has {answers} answers, {write.result}")

    def rows(self) -> None:
        """Asked for by sending them again: one that is there is unchanged, one that was lost would be added."""
        from mixed.kinds import evaluation

        values: dict[str, set] = collections.defaultdict(lambda: {None})
        for write in self.of("rows"):
            for name, score in write.value.items():
                values[name] = {score} if write.is_acknowledged else values[name] | {score}
        known = [evaluation(name, *scores) for name, scores in values.items() if len(scores) == 1]
        for start in range(0, len(known), 500):
            batch = known[start:start + 500]
            reply = self.client.call("herd.v1.Scorer/Import", self.scorer.ImportRequest(evaluations=batch),
                                     self.scorer.ImportResponse)
            self.checked += len(batch) - 1
            self.expect(reply.unchanged == len(batch), f"{reply.added} evaluations are gone, as of {batch[0].id}")
        for name, scores in values.items():
            # One that may not be there can't be asked for without writing it.
            if len(scores) > 1 and None not in scores:
                self.expect(any(self.is_stored(evaluation(name, score)) for score in scores),
                            f"the evaluation {name} is none of {scores}")

    def is_stored(self, row) -> bool:
        from herd_client import CallFailed

        try:
            reply = self.client.call("herd.v1.Scorer/Import", self.scorer.ImportRequest(evaluations=[row]),
                                     self.scorer.ImportResponse)
            return reply.unchanged == 1
        except CallFailed as failure:
            if failure.code != ALREADY_EXISTS:
                raise
            return False

    # What is written once.

    def feedback(self) -> None:
        for write in self.of("feedback", recent=True):
            if not write.is_acknowledged:
                continue
            reply = self.client.call("herd.v1.Router/GetDecision",
                                     self.router.GetDecisionRequest(decision_id=write.key),
                                     self.router.GetDecisionResponse)
            outcomes = [outcome.outcome for outcome in reply.decision.outcomes]
            self.expect(outcomes == [write.value], f"the decision {write.key} has the outcomes {outcomes}")

    def transcripts(self) -> None:
        gone = {write.key: write.is_acknowledged for write in self.of("transcript")}
        for write in self.of("refinement", recent=True):
            if not write.is_acknowledged:
                continue
            name = write.result["id"]
            text = self.final_text(name)
            if name in gone:
                self.expect(text is None if gone[name] else text in (None, write.result["text"]),
                            f"the deleted transcript {name} says {text!r}")
            else:
                self.expect(text == write.result["text"], f"the transcript {name} says {text!r}")

    def final_text(self, transcript: str) -> str | None:
        from herd_client import CallFailed

        try:
            call = self.client.start("herd.v1.Refiner/GetTranscript",
                                     self.refiner.GetTranscriptRequest(transcript_id=transcript))
            last = self.client.finish(call, message_type=self.refiner.TranscriptStep)[-1]
            return last.result.text if last.HasField("result") else None
        except CallFailed as failure:
            if failure.code != NOT_FOUND:
                raise
            return None

    def predictors(self) -> None:
        writes = self.of("predictor")
        if not any(write.is_acknowledged for write in writes):
            return
        reply = self.client.call("herd.v1.Scorer/ListPredictors", self.scorer.ListPredictorsRequest(),
                                 self.scorer.ListPredictorsResponse)
        self.expect(not any(predictor.damaged for predictor in reply.predictors), "a predictor is damaged")
        last = max(write.number for write in writes if write.is_acknowledged)
        known = next(write for write in writes if write.number == last).result["version"]
        # What a training or a step back would have put in force nobody knows who was not told.
        unknown = [write.value for write in writes if write.number > last]
        if not {"new", "earlier"} & set(unknown):
            self.expect(reply.in_force in {known, *unknown},
                        f"the predictor in force is {reply.in_force}, not one of {[known, *unknown]}")

    def backups(self) -> None:
        for write in self.of("backup", recent=True):
            if not write.is_acknowledged or not self.options.herdd or not pathlib.Path(write.key).exists():
                continue
            self.expect(len(write.result["paths"]) == 3, f"the backup {write.key} lacks a service")
            run = subprocess.run([self.options.herdd, "verify", write.key], capture_output=True, text=True)
            self.expect(run.returncode == 0, f"the backup {write.key} is not sound: {run.stdout}{run.stderr}")

    def audit(self) -> None:
        """What operators have done stands in the audit log, as done."""
        subjects = {"model": "Registry/", "policy": "Registry/", "revocation": "Access/RevokeToken",
                    "transcript": "Refiner/DeleteTranscript", "backup": "Admin/Backup", "suite": "Scorer/"}
        wanted = collections.Counter((write.kind, write.key) for write in self.of(*subjects, recent=True)
                                     if write.is_acknowledged)
        found: collections.Counter = collections.Counter()
        left = 40 * (sum(wanted.values()) + 100)
        for entry in self.pages("Access/ListAudit", self.access.ListAuditRequest, self.access.ListAuditResponse,
                                "entries"):
            for kind, method in subjects.items():
                if method in entry.method and (kind, entry.subject) in wanted:
                    found[kind, entry.subject] += 1
            left -= 1
            if not left or all(found[what] >= count for what, count in wanted.items()):
                break
        for what, count in wanted.items():
            self.expect(found[what] >= count, f"{what} was done {count} times and is noted {found[what]} times")

    def money(self) -> None:
        price = self.processes.PRICE
        for payer in self.of("payer"):
            if not payer.is_acknowledged:
                continue
            token, limit = payer.result["id"], round(payer.value * 1e9)
            days = list(self.pages("Access/GetUsage", self.access.GetUsageRequest, self.access.GetUsageResponse, "days",
                                   token=token))
            unsettled = list(self.pages("Access/GetUsage", self.access.GetUsageRequest, self.access.GetUsageResponse,
                                        "unsettled", token=token, unsettled=True))
            calls = [write for write in self.of("answer", "refinement") if write.key == token]
            told = sum(call.result["nano_usd"] for call in calls if call.is_acknowledged)
            charged = sum(day.charged_nano_usd for day in days)
            listed = sum(one.nano_usd for one in unsettled)
            most = told + sum(call.value for call in calls if not call.is_acknowledged)
            what = f"token {token}: {charged} charged, {told} told, {listed} unsettled, {limit} allowed"
            self.expect(told <= charged <= most, f"{what}: not what was told, or over {most}")
            self.expect(all(one.tenant == "acme" and one.model == "priced" for one in unsettled), f"{what}: wrong list")
            self.expect(sum(day.unsettled_nano_usd for day in days) == listed, f"{what}: the list is another sum")
            self.expect(sum(day.reserved_nano_usd for day in days) == 0, f"{what}: something is reserved for nobody")
            self.expect(sum(day.answers for day in days) * price + listed == charged, f"{what}: the answers cost less")
            for day in days:
                self.expect(day.limit_nano_usd == limit and day.charged_nano_usd <= (limit or charged),
                            f"{what}: over its limit")
                if limit:
                    self.expect(day.charged_nano_usd + day.remaining_nano_usd == limit,
                                f"{what}: {day.remaining_nano_usd} remain")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--address", required=True)
    parser.add_argument("--token", required=True)
    parser.add_argument("--journal", required=True)
    parser.add_argument("--since", type=int, default=0)
    parser.add_argument("--herdd", help="the program that checks backups")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        check_wire.compile_messages(folder)
        verifier = Verifier(options)
        verifier.run()
    for line in verifier.broken:
        print(f"BROKEN  {line}")
    acknowledged = sum(write.is_acknowledged for write in verifier.writes)
    print(f"{acknowledged} writes acknowledged, {verifier.checked} checked, {len(verifier.broken)} broken")
    return 1 if verifier.broken else 0


if __name__ == "__main__":
    sys.exit(main())
