package import ArgumentParser
package import HerdClient
import HerdDatasets
import HerdFrames
import HerdMessages

package struct ImportCommand: ServiceCommand {
    package static let configuration = CommandConfiguration(
        commandName: "import", abstract: "Store evaluations (prompt, task, score of each model) to train on.",
        discussion: """
            Reads JSON lines, plain or gzipped:
              {"id": "a1", "prompt": "...", "task": "math", "domain"?: "algebra", "scores": {"model": 0..1},
               "costs"?: {"model": usd}, "refined"?: {"model": [score after round 1, ...]}, "refined_costs"?: {...}}
            The whole file is checked before anything is sent. Importing a file again changes nothing, so an import
            that was interrupted is simply repeated.

            EXAMPLES
              herdctl import evaluations.jsonl.gz
              herdctl import results.jsonl --replace --json
            """)

    @Argument(help: "The file, .jsonl or .jsonl.gz.")
    var file: String
    @Flag(help: "Leave bad lines out instead of stopping.")
    var skipBad = false
    @Flag(help: "Overwrite evaluations that are stored with other content.")
    var replace = false
    @OptionGroup package var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    /// Packed bytes after which a call takes no more rows; no row has as many again.
    private static let batchBytes = (1 << 20) - (1 << 18)
    /// Calls that are under way at a time.
    private static let openCalls = 3
    /// How many bad lines are named.
    private static let namedProblems = 20

    package init() {}

    package func run(with client: HerdClient) async throws {
        do {
            let rows = try check()
            let reply = try await send(rows, to: client)
            try output.print(reply) {
                "\(reply.added) added, \(reply.replaced) replaced, \(reply.unchanged) unchanged; "
                    + "\(reply.total) stored in all\n"
            }
        } catch let error as DatasetError {
            throw CommandFailure(error)
        }
    }

    /// Reads the whole file once and gives the number of good rows.
    private func check() throws -> Int {
        var reader = try EvaluationReader(path: file)
        var rows = 0
        var problems = 0
        while let element = try reader.next() {
            switch element {
            case .row: rows += 1
            case .problem(let problem):
                problems += 1
                if problems <= Self.namedProblems { StandardError.print("\(file): \(problem)") }
            }
        }
        if problems > Self.namedProblems {
            StandardError.print("\(file): and \(problems - Self.namedProblems) more bad lines")
        }
        if problems > 0, !skipBad {
            throw CommandFailure(
                "\(file) has \(problems) bad lines, nothing was imported; mend them or import with --skip-bad",
                exitCode: 65)
        }
        guard rows > 0 else { throw CommandFailure("\(file) holds no evaluation", exitCode: 65) }
        return rows
    }

    /// Reads the file again and sends it: while the server works on some calls, the next is put together.
    private func send(_ total: Int, to client: HerdClient) async throws -> ImportResponse {
        var reader = try EvaluationReader(path: file)
        var progress = ProgressLine()
        var sum = ImportResponse()
        var done = 0
        try await withThrowingTaskGroup(of: (rows: Int, reply: ImportResponse).self) { group in
            var open = 0
            func takeReply() async throws {
                guard let (rows, reply) = try await group.next() else { return }
                open -= 1
                done += rows
                sum.added += reply.added
                sum.replaced += reply.replaced
                sum.unchanged += reply.unchanged
                sum.total = max(sum.total, reply.total)
                progress.update("importing", done: done, total: total)
            }
            while let batch = try nextBatch(&reader) {
                if open == Self.openCalls { try await takeReply() }
                group.addTask {
                    (batch.evaluations.count, try await client.call(HerdMessages.Scorer.import, batch))
                }
                open += 1
            }
            while open > 0 { try await takeReply() }
        }
        progress.finish()
        return sum
    }

    /// The rows of the next call; nil at the end of the file.
    private func nextBatch(_ reader: inout EvaluationReader) throws -> ImportRequest? {
        var batch = ImportRequest(replace: replace)
        var bytes = 0
        while bytes < Self.batchBytes, let element = try reader.next() {
            guard case .row(let row, _) = element else { continue }
            let evaluation = Evaluation(row)
            bytes += evaluation.prepared().size + 16
            batch.evaluations.append(evaluation)
        }
        return batch.evaluations.isEmpty ? nil : batch
    }
}

extension Evaluation {
    fileprivate init(_ row: EvaluationRow) {
        self.init(
            id: row.id, prompt: row.prompt, task: row.task, domain: row.domain ?? "", scores: row.scores,
            costs: row.costs, refined: row.refined.mapValues { Rounds(values: $0) },
            refinedCosts: row.refinedCosts.mapValues { Rounds(values: $0) })
    }
}
