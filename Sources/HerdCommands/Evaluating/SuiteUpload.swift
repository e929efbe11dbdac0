import HerdClient
import HerdDatasets
import HerdMessages
import HerdReflection

/// Puts a suite file into the scorer, after every line of it has been checked.
struct SuiteUpload {
    let file: String
    let suite: String
    let grader: AnswerGrader
    let skipsBadLines: Bool
    let replaces: Bool

    /// What one call carries at most, in packed bytes.
    private static let batchBytes = 1 << 20
    /// How many bad lines are named.
    private static let namedProblems = 20

    /// Reads the whole file once and gives the number of good questions.
    func check() throws -> Int {
        var reader = try SuiteReader(path: file, grader: grader)
        var questions = 0
        var problems = 0
        while let element = try reader.next() {
            switch element {
            case .question: questions += 1
            case .problem(let problem):
                problems += 1
                if problems <= Self.namedProblems { StandardError.print(PrintableText.escaped("\(file): \(problem)")) }
            }
        }
        if problems > Self.namedProblems {
            StandardError.print("\(file): and \(problems - Self.namedProblems) more bad lines")
        }
        if problems > 0, !skipsBadLines {
            throw CommandFailure(
                "\(file) has \(problems) bad lines, nothing was evaluated; mend them or leave them out with --skip-bad",
                exitCode: 65)
        }
        guard questions > 0 else { throw CommandFailure("\(file) holds no question", exitCode: 65) }
        return questions
    }

    /// Sends the questions; the reply's `total` is what the suite has in all.
    ///
    /// - Parameters:
    ///   - dryRun: only counts and checks: nothing is stored.
    ///   - batchSent: gets the questions of each call.
    func send(
        _ total: Int, to client: HerdClient, dryRun: Bool = false,
        batchSent: ([SuiteItem]) async throws -> Void = { _ in }
    ) async throws -> PutSuiteResponse {
        var reader = try SuiteReader(path: file, grader: grader)
        var progress = ProgressLine()
        var sum = PutSuiteResponse()
        var batch = PutSuiteRequest(suite: suite, replace: replaces, dryRun: dryRun)
        var bytes = 0
        var done = 0
        while let element = try reader.next() {
            guard case .question(let question, _) = element else { continue }
            let item = SuiteItem(question)
            let size = item.prepared().size + 16
            if bytes + size > Self.batchBytes, !batch.items.isEmpty {
                done += try await send(&batch, to: client, adding: &sum, batchSent)
                bytes = 0
                progress.update("sending", done: done, total: total)
            }
            batch.items.append(item)
            bytes += size
        }
        _ = try await send(&batch, to: client, adding: &sum, batchSent)
        progress.finish()
        return sum
    }

    private func send(
        _ batch: inout PutSuiteRequest, to client: HerdClient, adding sum: inout PutSuiteResponse,
        _ batchSent: ([SuiteItem]) async throws -> Void
    ) async throws -> Int {
        let count = batch.items.count
        guard count > 0 else { return 0 }
        let reply = try await client.call(HerdMessages.Scorer.putSuite, batch)
        sum.added += reply.added
        sum.replaced += reply.replaced
        sum.unchanged += reply.unchanged
        sum.total = reply.total
        try await batchSent(batch.items)
        batch.items.removeAll(keepingCapacity: true)
        return count
    }
}

extension SuiteItem {
    fileprivate init(_ question: SuiteQuestion) {
        self.init(
            id: question.id, prompt: question.prompt, task: question.task, domain: question.domain ?? "",
            grader: question.grader.map { Grader($0) }, references: question.references)
    }
}
