"""The kinds of calls in the load, each made by a thread of its own: what it does once, over and over."""

import shutil

from herd.v1 import access_pb2, admin_pb2, common_pb2, refiner_pb2, registry_pb2, router_pb2, scorer_pb2
from herd_client import CallFailed
from mixed import processes
from mixed.kind import Kind
from mixed.looks import Looks, Watches

RESOURCE_EXHAUSTED, NOT_FOUND, FAILED_PRECONDITION = 8, 5, 9


def is_spent(failure: CallFailed) -> bool:
    """Whether a token may spend nothing more today."""
    return failure.code == RESOURCE_EXHAUSTED and "day" in str(failure)


def has_no_earlier(failure: CallFailed) -> bool:
    """Whether there is no version of the predictor to go back to."""
    return failure.code in (NOT_FOUND, FAILED_PRECONDITION)


class Models(Kind):
    def once(self) -> None:
        name = self.name()
        for price in (float(self.chance.randrange(1, 1_000)), float(self.chance.randrange(1, 1_000))):
            model = registry_pb2.Model(name=name, price_out=price)
            self.write("model", name, price, lambda: (self.call(
                "Registry/PutModel", registry_pb2.PutModelRequest(model=model), registry_pb2.PutModelResponse), {}))
        # Most go again: with thousands of them every decision would be much work.
        if self.chance.random() < 0.9:
            self.write("model", name, None, lambda: (self.call(
                "Registry/RemoveModel", registry_pb2.RemoveModelRequest(name=name),
                registry_pb2.RemoveModelResponse), {}))


class Policies(Kind):
    def once(self) -> None:
        name = self.name()
        length = self.chance.randrange(1, 4_000)
        policy = registry_pb2.Policy(name=name, default_model="priced", expected_output_tokens=length)
        self.write("policy", name, length, lambda: (self.call(
            "Registry/PutPolicy", registry_pb2.PutPolicyRequest(policy=policy), registry_pb2.PutPolicyResponse), {}))
        if self.chance.random() < 0.6:
            self.write("policy", name, None, lambda: (self.call(
                "Registry/RemovePolicy", registry_pb2.RemovePolicyRequest(name=name),
                registry_pb2.RemovePolicyResponse), {}))


class Tokens(Kind):
    # Each of them stays in the list of tokens for good, so that few are made where the load goes on for long.
    pause = 0.01
    rarity = 5

    def once(self) -> None:
        request = access_pb2.CreateTokenRequest(name=self.name(), roles=["client"], calls_at_once=7)

        def create():
            made = self.call("Access/CreateToken", request, access_pb2.CreateTokenResponse)
            return made.token.id, {"id": made.token.id}

        token = self.write("new token", request.name, 7, create)
        for crowd in (self.chance.randrange(1, 1_000), self.chance.randrange(1, 1_000)):
            self.write("token", token, crowd, lambda: (self.call(
                "Access/SetTokenLimits", access_pb2.SetTokenLimitsRequest(id=token, calls_at_once=crowd),
                access_pb2.SetTokenLimitsResponse), {}))
        if self.chance.random() < 0.7 or self.options.keys:
            self.write("revocation", token, True, lambda: (self.call(
                "Access/RevokeToken", access_pb2.RevokeTokenRequest(id=token), access_pb2.RevokeTokenResponse), {}))


class Feedback(Kind):
    """Where the load goes on for long the decision may have made room for thousands of others meanwhile."""

    def once(self) -> None:
        name = self.name()
        reply = self.call("Router/Route", router_pb2.RouteRequest(prompt=f"prompt {name}"), router_pb2.RouteResponse)
        outcome = self.chance.randrange(0, 100) / 100
        request = router_pb2.FeedbackRequest(decision_id=reply.decision_id, outcome=outcome, comment=name)
        self.write("feedback", reply.decision_id, outcome, lambda: (self.call(
            "Router/Feedback", request, router_pb2.FeedbackResponse), {}),
            allowed=lambda failure: failure.code == NOT_FOUND and bool(self.options.keys))


class Rows(Kind):
    def once(self) -> None:
        rows = [(self.name(), self.chance.randrange(0, 100) / 100) for _ in range(self.chance.randrange(1, 8))]
        for replaces in (False, True):
            if replaces:
                rows = [(rows[0][0], self.chance.randrange(0, 100) / 100)]
            request = scorer_pb2.ImportRequest(
                evaluations=[evaluation(name, score) for name, score in dict(rows).items()],
                replace=replaces or bool(self.options.keys))
            self.write("rows", "", dict(rows), lambda: (self.call(
                "Scorer/Import", request, scorer_pb2.ImportResponse), {}))


def evaluation(name: str, score: float) -> scorer_pb2.Evaluation:
    return scorer_pb2.Evaluation(id=name, prompt=f"what is {name}?", task=f"t{len(name) % 2}", scores={"m": score})


class Answers(Kind):
    """Complete with a token that may spend so much and no more, then with the next."""

    #: US dollars a day: a hundred answers.
    limit_usd = 0.4
    #: The most that a call may cost, in billionths of a US dollar.
    most = processes.PRICE

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.payer, self.token = None, ""

    def new_payer(self) -> None:
        name = f"money-{self.tag}-{self.number}"
        limit = 0 if self.options.keys else self.limit_usd

        def create():
            made = processes.make_token(self.client, name, ["client"], limit)
            return made, {"id": made[0]}

        self.token, secret = self.write("payer", name, limit, create)
        self.payer = processes.connect(self.options.address, secret)

    def once(self) -> None:
        if not self.payer:
            self.new_payer()
        self.number += 1
        request = router_pb2.CompleteRequest(
            route=router_pb2.RouteRequest(prompt=f"count to four, {self.tag} {self.number % 50}"),
            options=common_pb2.GenerationOptions(max_tokens=4))

        def complete():
            events = self.stream(self.payer, "Router/Complete", request, router_pb2.CompleteEvent)
            usd = events[-1].finish.generation.usage.cost_usd
            return events, {"nano_usd": round(usd * 1e9)}

        if self.write("answer", self.token, self.most, complete, allowed=is_spent) is None:
            self.payer.close()
            self.payer = None

    def close(self) -> None:
        if self.payer:
            self.payer.close()
        super().close()


class Refinements(Answers):
    """Refine, transcripts included; a token with a limit pays every step."""

    limit_usd = 5.0
    # A draft of four tokens, and of critique and rewrite what 512 tokens cost.
    most = processes.PRICE + 2 * 512_000_000

    def once(self) -> None:
        if not self.payer:
            self.new_payer()
        self.number += 1
        request = router_pb2.RefineRequest(
            route=router_pb2.RouteRequest(prompt=f"refine {self.tag} {self.number % 50}"), rounds=1,
            options=common_pb2.GenerationOptions(max_tokens=4))

        def refine():
            events = self.stream(self.payer, "Router/Refine", request, router_pb2.RefineEvent)
            result = next(event.step.result for event in reversed(events) if event.step.HasField("result"))
            return result, {"id": result.transcript_id, "text": result.text,
                            "nano_usd": round(result.usage.cost_usd * 1e9)}

        result = self.write("refinement", self.token, self.most, refine, allowed=is_spent)
        if result is None:
            self.payer.close()
            self.payer = None
        elif self.chance.random() < 0.5 or self.options.keys:
            request = refiner_pb2.DeleteTranscriptRequest(transcript_id=result.transcript_id)
            self.write("transcript", result.transcript_id, None, lambda: (self.call(
                "Refiner/DeleteTranscript", request, refiner_pb2.DeleteTranscriptResponse), {}))


class Suites(Kind):
    """Suites that are put, evaluated and removed."""

    def once(self) -> None:
        name = f"suite-{self.name()}"
        items = [scorer_pb2.SuiteItem(id=f"{name}-{item}", prompt=f"count to four {name} {item}", task="count",
                                      reference=processes.ANSWER) for item in range(3)]
        self.write("suite", name, 3, lambda: (self.call(
            "Scorer/PutSuite", scorer_pb2.PutSuiteRequest(suite=name, items=items), scorer_pb2.PutSuiteResponse), {}))
        request = scorer_pb2.EvaluateRequest(suite=name, models=["priced"], grader=common_pb2.Grader(kind="exact"),
                                             options=common_pb2.GenerationOptions(max_tokens=4))

        def evaluate():
            events = self.stream(self.client, "Scorer/Evaluate", request, scorer_pb2.EvaluateEvent)
            return events, {"answers": events[-1].summaries[0].answers, "score": events[-1].summaries[0].score}

        self.write("evaluated", name, 3, evaluate)
        if self.chance.random() < 0.7 or self.options.keys:
            self.write("suite", name, None, lambda: (self.call(
                "Scorer/RemoveSuite", scorer_pb2.RemoveSuiteRequest(suite=name), scorer_pb2.RemoveSuiteResponse), {}))


class Predictors(Kind):
    """Trains, rolls back and promotes."""

    pause = 0.3
    rarity = 40

    def __init__(self, *arguments):
        super().__init__(*arguments)
        #: The last few that it trained.
        self.trained: list[str] = []

    def once(self) -> None:
        rows = [evaluation(f"train-{number}", number % 10 / 10) for number in range(40)]
        self.call("Scorer/Import", scorer_pb2.ImportRequest(evaluations=rows, replace=True), scorer_pb2.ImportResponse)
        request = scorer_pb2.TrainRequest(seed=self.chance.randrange(1_000), promote=True)

        def train():
            events = self.stream(self.client, "Scorer/Train", request, scorer_pb2.TrainEvent)
            self.trained = [*self.trained[-7:], events[-1].trained.version]
            return events, {"version": events[-1].trained.version}

        self.write("predictor", "in force", "new", train)
        if self.chance.random() < 0.5:
            def roll_back():
                reply = self.call("Scorer/Rollback", scorer_pb2.RollbackRequest(), scorer_pb2.RollbackResponse)
                return reply, {"version": reply.in_force}

            self.write("predictor", "in force", "earlier", roll_back, allowed=has_no_earlier)
        chosen = scorer_pb2.PromotePredictorRequest(version=self.chance.choice(self.trained))

        def promote():
            reply = self.call("Scorer/PromotePredictor", chosen, scorer_pb2.PromotePredictorResponse)
            assert reply.in_force == chosen.version, f"{reply.in_force} was promoted, not {chosen.version}"
            return reply, {"version": reply.in_force}

        self.write("predictor", "in force", chosen.version, promote)


class Backups(Kind):
    pause = 0.4
    rarity = 40

    def once(self) -> None:
        if not self.options.backups:
            return
        folder = f"{self.options.backups}/{self.name()}"

        def back_up():
            events = self.stream(self.client, "Admin/Backup", admin_pb2.BackupRequest(directory=folder),
                                 admin_pb2.BackupEvent)
            return events, {"paths": [event.path for event in events if event.complete]}

        self.write("backup", folder, True, back_up)
        if self.options.keys:
            shutil.rmtree(folder)


class PlainRefinements(Refinements):
    """With the operator's own credential, which has no limit."""

    def new_payer(self) -> None:
        self.token, self.payer = "", processes.connect(self.options.address, self.options.token)


class Services(PlainRefinements):
    """What the herd's own services ask of the router: an answer of a model, and the rounds of a refinement."""

    def once(self) -> None:
        if not self.payer:
            self.new_payer()
        self.number += 1
        options = common_pb2.GenerationOptions(max_tokens=4)
        events = self.stream(self.payer, "Router/Generate", router_pb2.GenerateRequest(
            model="priced", prompt=f"generate {self.tag} {self.number % 50}", options=options),
            router_pb2.GenerateEvent)
        said = "".join(event.delta for event in events)
        assert said == processes.ANSWER and events[-1].finish.model == "priced", f"the model said {said!r}"
        request = refiner_pb2.RefinementRequest(
            prompt=f"refine {self.tag} {self.number % 50}", model="priced", rounds=1, options=options)

        def refine():
            events = self.stream(self.payer, "Refiner/Refine", request, refiner_pb2.RefinementEvent)
            result = next(event.result for event in reversed(events) if event.HasField("result"))
            return result, {"id": result.transcript_id, "text": result.text,
                            "nano_usd": round(result.usage.cost_usd * 1e9)}

        self.write("refinement", self.token, self.most, refine)


ALL = [Models, Policies, Tokens, Feedback, Rows, Answers, Answers, Answers, Refinements, Services, Suites, Predictors,
       Backups, Looks, Watches]

#: Methods that no kind calls, each with why; soak.py notices any other that is not called.
LEFT_OUT = {"Admin/Drain": "it ends the herd"}


class PlainTokens(Tokens):
    """As programs before money knew them: without limits."""

    def once(self) -> None:
        request = access_pb2.CreateTokenRequest(name=self.name(), roles=["client"])

        def create():
            made = self.call("Access/CreateToken", request, access_pb2.CreateTokenResponse)
            return made.token.id, {"id": made.token.id}

        token = self.write("new token", request.name, 0, create)
        if self.chance.random() < 0.5:
            self.write("revocation", token, True, lambda: (self.call(
                "Access/RevokeToken", access_pb2.RevokeTokenRequest(id=token), access_pb2.RevokeTokenResponse), {}))


#: What programs before money serve.
BEFORE_MONEY = [Models, Policies, PlainTokens, Feedback, Rows, PlainRefinements, Suites, Predictors]
