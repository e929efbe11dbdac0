package import HerdPrediction

extension BacktestReport {
    /// The report for people.
    package var table: String {
        var lines = [
            "\(rows) rows, \(models.count) models; best single model: \(models[accuracy.bestSingleModel])", "",
        ]
        lines += accuracyLines
        lines += [
            "", "calibration: ece \(Self.decimals(calibration.ece, 4)), brier \(Self.decimals(calibration.brier, 4))",
        ]
        if let pairModels {
            lines.append("pair \(pairModels[0]) over \(pairModels[1]):")
            if let pair {
                lines.append(
                    """
                      apgr \(Self.decimals(pair.apgr, 3)), \(Self.perCent(pair.cpt50)) % strong calls for half of the gap, \
                    \(Self.perCent(pair.cpt80)) % for 80 % of it
                    """)
            } else {
                lines.append("  no gap to recover: the strong model is no better here")
            }
        }
        if let cost { lines += Self.lines(cost) }
        if let reference { lines += Self.lines(reference) }
        if let refinement {
            lines.append(
                """
                refinement (\(refinement.rows) rows): never \(Self.perCent(refinement.never)), always \
                \(Self.perCent(refinement.always)), chosen \(Self.perCent(refinement.chosen)) with \
                \(Self.decimals(refinement.meanRounds, 2)) rounds on average, oracle \(Self.perCent(refinement.oracle))
                """)
        }
        lines.append(
            """
            time: embedding \(Self.decimals(timings.embedSeconds, 2)) s, \(timings.trainings) training\
            \(timings.trainings == 1 ? "" : "s") of \
            \(Self.decimals(timings.trainSeconds / Double(max(1, timings.trainings)), 2)) s, prediction \
            \(Self.decimals(timings.predictSeconds * 1e6 / Double(max(1, timings.predictions)), 1)) us a row
            """)
        return lines.joined(separator: "\n")
    }

    private var accuracyLines: [String] {
        var cells = [["", "rows", "routed", "best single", "task label", "oracle"]]
        for task in accuracy.tasks { cells.append([task.name, String(task.rows)] + Self.cells(task.accuracy)) }
        cells.append(["macro", ""] + Self.cells(accuracy.macro))
        cells.append(["micro", String(rows)] + Self.cells(accuracy.micro))
        let widths = cells[0].indices.map { column in cells.map { $0[column].count }.max() ?? 0 }
        return cells.map { row in
            row.enumerated().map { column, cell in
                let space = String(repeating: " ", count: widths[column] - cell.count)
                return column == 0 ? cell + space : space + cell
            }.joined(separator: "  ")
        }
    }

    private static func cells(_ accuracy: Accuracy) -> [String] {
        [
            perCent(accuracy.routed), perCent(accuracy.bestSingle), accuracy.taskLabel.map(perCent) ?? "-",
            perCent(accuracy.oracle),
        ]
    }

    private static func lines(_ cost: CostReport) -> [String] {
        let saved = cost.savedAtReference.map { "\(perCent($0)) % of its cost saved at its accuracy" }
        return [
            """
            cost: aiq \(cost.aiq.map(perCent) ?? "-"), accuracy \(perCent(cost.accuracyAtReferenceCost)) at the \
            reference's cost, \(saved ?? "its accuracy is not reached")
            """
        ]
    }

    private static func lines(_ reference: ReferenceReport) -> [String] {
        var lines = ["reference: \(perCent(reference.accuracy)), herd \(perCent(reference.herdAccuracy))"]
        if let some = reference.someModelRight, let router = reference.routerRight {
            lines.append(
                """
                  of its \(reference.failures) failures some model is right on \(perCent(some)) %, the router's on \
                \(perCent(router)) %
                """)
        }
        if let parameters = reference.meanParametersB {
            lines.append("  models routed to have \(decimals(parameters, 1)) billion parameters on average")
        }
        return lines
    }

    private static func perCent(_ share: Double) -> String { decimals(share * 100, 2) }

    /// A number with a fixed count of decimals.
    private static func decimals(_ value: Double, _ count: Int) -> String {
        var scale = 1.0
        for _ in 0..<count { scale *= 10 }
        guard value.isFinite, abs(value) < 1e12 else { return "-" }
        let scaled = Int64((abs(value) * scale).rounded())
        let digits = String(scaled)
        let padded = String(repeating: "0", count: max(0, count + 1 - digits.count)) + digits
        let sign = value < 0 && scaled > 0 ? "-" : ""
        guard count > 0 else { return sign + padded }
        return sign + padded.dropLast(count) + "." + padded.suffix(count)
    }
}
