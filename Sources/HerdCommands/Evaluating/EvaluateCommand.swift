package import ArgumentParser
package import HerdClient
import HerdDatasets
import HerdFrames
import HerdMessages
import HerdReflection

package struct EvaluateCommand: ServiceCommand {
    package static let configuration = CommandConfiguration(
        commandName: "evaluate", abstract: "Ask the herd's models a suite of questions, and grade their answers.",
        discussion: """
            Reads JSON lines, plain or gzipped, one question each:
              {"id": "a1", "prompt": "2 + 2?", "task": "math", "domain"?: "sums", "reference": "4",
               "grader"?: "exact" or {"kind": "regex", "pattern": "^4$"}}
            "references": [...] lists several right answers; "answer" is another name of "reference". Graders:
              exact              equal but for white space; case counts
              exact-ignore-case  equal but for white space and case
              em, f1             equal, or the share of words in common, by the rules of SQuAD
              choice             the option chosen of several: "B", "(B)", "The answer is B."
              regex              a pattern found in the answer
              judge              a model compares it with the reference, in both orders: 1 better, 0.5 as good, 0 worse

            The whole file is checked before anything is asked. Every answer is stored as it arrives, as an evaluation
            that train uses at once. What a model has answered already is not asked again, so a run that was stopped is
            simply repeated. Answers are asked for at temperature 0 unless told otherwise.

            EXAMPLES
              herdctl evaluate Demo/suite.jsonl --dry-run
              herdctl evaluate suite.jsonl.gz --model qwen-7b --model llama-8b --max-cost 2.50
              herdctl evaluate suite.jsonl --rounds 2 --grader f1
              herdctl evaluate essays.jsonl --judge qwen-72b --criteria "is it kind?"

            --max-cost is for the suite and the chosen models: what their stored answers cost counts, so that repeating the
            command never spends more. Without --max-tokens each call is then sent with a limit that what is left can pay,
            eight times the model's declared length at most; an answer that it cuts off is told of.

            Ends with 78 where the ceiling left something to do: repeating the command changes nothing, a higher one
            does. Ends with 75 where questions failed: the same command asks them again.
            """)

    @Argument(help: "The file, .jsonl or .jsonl.gz; not needed for a suite that was put before.")
    var file: String?
    @Option(help: "The suite's name; the file's without its ending if not given.")
    var name: String?
    @Option(name: .customLong("model"), help: "Only this model; may be repeated. All with an endpoint if not given.")
    var models: [String] = []
    @Option(help: "Also measure the answer after each of so many rounds of refinement, 0 to 5.")
    var rounds: UInt32 = 0
    @Option(
        help: "US dollars for the suite and these models, earlier runs included: no call is begun that may pass this.")
    var maxCost: Double?
    @Option(help: "Questions at once for each model; what its endpoints take if not given.")
    var concurrency: UInt32 = 0
    @Flag(help: "Only say how many answers are to get, and what they probably cost; nothing is stored.")
    var dryRun = false
    @Flag(help: "Ask even what is answered already, and replace it.")
    var again = false
    @Flag(help: "Leave bad lines out instead of stopping.")
    var skipBad = false
    @Flag(help: "Overwrite questions that are stored with other content.")
    var replace = false
    @OptionGroup var grader: GraderArguments
    @OptionGroup var generation: GenerationArguments
    @OptionGroup package var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    package init() {}

    package func validate() throws {
        guard file != nil || name != nil else {
            throw ValidationError("give a suite file, or with --name a suite that was put before")
        }
        guard rounds <= 5 else { throw ValidationError("--rounds must be 0 to 5") }
        if let maxCost, !(maxCost >= 0 && maxCost.isFinite) {
            throw ValidationError("--max-cost must be 0 US dollars or more")
        }
    }

    package func run(with client: HerdClient) async throws {
        let specification = try grader.specification()
        let suite = name ?? file.map(Self.suiteName) ?? ""
        var request = EvaluateRequest(
            models: models, suite: suite, rounds: rounds, grader: Grader(specification),
            options: try generation.options(), dryRun: dryRun, again: again, concurrency: concurrency)
        request.ceiling = maxCost.map { .maxCostUsd($0) }
        do {
            if let file {
                let upload = SuiteUpload(
                    file: file, suite: suite, grader: try AnswerGrader(specification), skipsBadLines: skipBad,
                    replaces: replace)
                let questions = try upload.check()
                guard !dryRun else { return try await estimate(upload, questions, request, client) }
                let stored = try await upload.send(questions, to: client)
                if stored.total > UInt64(questions) {
                    StandardError.print(
                        "suite \(suite) has \(stored.total - UInt64(questions)) questions that are not in \(file); they "
                            + "are evaluated too (--name gives this file a suite of its own)")
                }
            }
        } catch let error as DatasetError {
            throw CommandFailure(error)
        } catch let error as GraderError {
            throw CommandFailure(error.reason, exitCode: 64)
        }
        let interruption = InterruptionNotice(
            "herdctl: stopped; what was answered is stored. The same command goes on where it was.\n")
        defer { interruption.stop() }
        let last = try await follow(
            client.stream(HerdMessages.Scorer.evaluate, request, timeout: connection.streamTimeout))
        try output.print(last) { dryRun ? "" : EvaluationTable.text(last, rounds: Int(rounds)) }
        try report(last)
    }

    /// "suites/math.jsonl.gz" is "math".
    package static func suiteName(of file: String) -> String {
        var name = file.split(separator: "/").last.map(String.init) ?? file
        for ending in [".gz", ".jsonl", ".json"] where name.hasSuffix(ending) && name.utf8.count > ending.utf8.count {
            name.removeLast(ending.count)
        }
        return name
    }

    /// Says what a file's questions would take, without storing them.
    private func estimate(
        _ upload: SuiteUpload, _ questions: Int, _ request: EvaluateRequest, _ client: HerdClient
    ) async throws {
        var sum = EvaluateEvent()
        let timeout = connection.streamTimeout
        let stored = try await upload.send(questions, to: client, dryRun: true) { items in
            var request = request
            request.items = items
            var first: EvaluateEvent?
            for try await event in client.stream(HerdMessages.Scorer.evaluate, request, timeout: timeout)
            where first == nil {
                first = event
            }
            guard let first else { return }
            sum.total += first.total
            sum.skipped += first.skipped
            sum.estimatedCostUsd += first.estimatedCostUsd
            sum.assumedPrices = first.assumedPrices
            sum.otherOptions += first.otherOptions
            sum.spentBeforeUsd = first.spentBeforeUsd
        }
        StandardError.print(EvaluationTable.estimate(sum))
        let known = UInt64(stored.replaced) + UInt64(stored.unchanged)
        if stored.total > known {
            StandardError.print(
                "suite \(upload.suite) has \(stored.total - known) questions that are not in \(upload.file) and not in "
                    + "this estimate; a run asks them too (herdctl evaluate --name \(upload.suite) --dry-run)")
        }
        try output.print(sum) { "" }
    }

    /// Shows the run, and gives its last event with every failure that was told.
    private func follow(_ events: CallStream<EvaluateEvent>) async throws -> EvaluateEvent {
        var progress = ProgressLine()
        var last: EvaluateEvent?
        var failures: [EvaluationFailure] = []
        do {
            for try await event in events {
                if last == nil { StandardError.print(EvaluationTable.estimate(event)) }
                if !event.failures.isEmpty {
                    progress.finish()
                    for failure in event.failures where failures.count < Self.namedFailures {
                        StandardError.print(EvaluationTable.line(failure))
                        failures.append(failure)
                    }
                }
                progress.update(
                    "answered", share: event.total > 0 ? Double(event.done + event.failed) / Double(event.total) : 1,
                    detail: EvaluationTable.detail(event))
                last = event
            }
        } catch {
            progress.finish()
            guard last != nil else { throw error }
            throw CallError(
                error.code, "\(error.message); what was answered is stored, and the same command goes on where it was",
                metadata: error.metadata)
        }
        progress.finish()
        guard var last, !last.summaries.isEmpty else {
            throw CallError(.internal, "the evaluation ended without a result; see the scorer's log")
        }
        last.failures = failures
        return last
    }

    /// How many failures are named.
    private static let namedFailures = 40

    private func report(_ event: EvaluateEvent) throws {
        guard !dryRun else { return }
        let left = event.total - min(event.total, event.done)
        if event.ceilingReached {
            let before =
                event.spentBeforeUsd > 0
                ? ", of which earlier runs spent \(NumberFormat.dollars(event.spentBeforeUsd))" : ""
            throw CommandFailure(
                "stopped at --max-cost \(NumberFormat.dollars(maxCost ?? 0))\(before), with \(left) of \(event.total) "
                    + "answers to get; with a higher one\(again ? " and without --again" : "") the same command goes on",
                exitCode: 78)
        }
        if left > 0 {
            throw CommandFailure(
                "\(left) of \(event.total) answers are missing, \(event.failed) questions failed; the same command asks "
                    + "for them again", exitCode: 75)
        }
    }
}
