package import HerdDatasets
package import HerdPrediction

/// What `herdctl backtest` was asked for, without its flags' spelling.
package struct BacktestRequest: Sendable {
    /// Where the rows come from: paths of evaluation files.
    package enum Source: Sendable {
        case holdout(train: String, test: String)
        case folds(data: String, count: Int)
    }

    package var source: Source
    package var seed: UInt64
    /// Empty = every model of the data.
    package var herd: [String]
    package var reference: String?
    /// The stronger first.
    package var pair: [String]?
    /// Path of a herd file.
    package var facts: String?
    /// Path of the embedding table; nil = the one that is installed.
    package var embeddingTable: String?

    package init(
        source: Source, seed: UInt64 = 1, herd: [String] = [], reference: String? = nil, pair: [String]? = nil,
        facts: String? = nil, embeddingTable: String? = nil
    ) {
        self.source = source
        self.seed = seed
        self.herd = herd
        self.reference = reference
        self.pair = pair
        self.facts = facts
        self.embeddingTable = embeddingTable
    }

    /// Reads the files, trains, predicts and measures.
    ///
    /// - Parameters:
    ///   - note: called with what the user should know besides the report.
    ///   - progress: called many times a second.
    package func run(
        note: (String) -> Void = { _ in }, progress: (BacktestProgress) -> Void = { _ in }
    ) throws(BacktestFailure) -> BacktestReport {
        let split: BacktestPlan.Split
        switch source {
        case .holdout(let train, let test):
            split = .holdout(train: try rows(train, note), test: try rows(test, note))
        case .folds(let data, let count):
            split = .folds(try rows(data, note), count: count)
        }
        var herdFile: HerdFile?
        if let facts {
            do {
                herdFile = try HerdFile(path: facts)
            } catch {
                throw BacktestFailure(error)
            }
            for model in herd where herdFile?.model(named: model)?.parametersB == nil {
                note("\(facts) states no parameters of \(model): mean_parameters_b may not be known")
            }
        }
        let plan = BacktestPlan(
            split: split, herd: herd, reference: reference, pair: pair, facts: herdFile, seed: seed)
        let embedder = TextEmbedder(table: try table())
        do {
            let backtest = try Backtest(plan: plan, embeddingChecksum: embedder.table.checksum, embed: embedder.embed)
            return try backtest.run { progress($0) }
        } catch {
            throw BacktestFailure(exitCode: 65, message: error.description)
        }
    }

    private func rows(_ path: String, _ note: (String) -> Void) throws(BacktestFailure) -> [EvaluationRow] {
        let file: EvaluationFile
        do {
            file = try EvaluationFile(path: path, duplicates: .keep)
        } catch {
            throw BacktestFailure(error)
        }
        guard file.problems.isEmpty else {
            let shown = file.problems.prefix(20).map { "\n  \($0)" }.joined()
            let more = file.problems.count > 20 ? "\n  and \(file.problems.count - 20) more" : ""
            let lines = file.problems.count == 1 ? "1 line" : "\(file.problems.count) lines"
            throw BacktestFailure(exitCode: 65, message: "\(path): \(lines) can't be used:\(shown)\(more)")
        }
        guard !file.rows.isEmpty else { throw BacktestFailure(exitCode: 65, message: "\(path): has no row") }
        if file.repeatedIDs > 0 {
            note("\(path): \(file.repeatedIDs) rows have the id of an earlier one; each counts on its own")
        }
        return file.rows
    }

    private func table() throws(BacktestFailure) -> EmbeddingTable {
        guard let path = embeddingTable ?? ResourceLocator.locate() else {
            throw BacktestFailure(
                exitCode: 66,
                message: """
                    the embedding table is not installed next to herdctl: set HERD_RESOURCES to the folder it is in, or \
                    name it with --embedding-table
                    """)
        }
        do {
            return try EmbeddingTable(mapping: path)
        } catch {
            throw BacktestFailure(exitCode: error.reason == .unreadable ? 66 : 65, message: error.description)
        }
    }
}

/// What ends the command without a report.
package struct BacktestFailure: Error, Sendable, Equatable {
    /// 65 for unusable data, 66 for a missing file (sysexits.h).
    package var exitCode: Int32
    /// For a person.
    package var message: String

    init(exitCode: Int32, message: String) {
        self.exitCode = exitCode
        self.message = message
    }

    init(_ error: DatasetError) {
        self.init(exitCode: error.code == .missing ? 66 : 65, message: error.description)
    }
}
