import Foundation
import FoundationXML
import HerdLoad
import Testing

@Suite("What is made of latencies")
struct ReportTests {
    private func histogram(_ milliseconds: some Sequence<Double>) -> LatencyHistogram {
        var histogram = LatencyHistogram()
        for value in milliseconds { histogram.record(nanoseconds: Int64(value * 1e6)) }
        return histogram
    }

    @Test func percentileTextIsThatOfHdrHistogram() throws {
        let text = histogram((1...1_000).map(Double.init)).percentileText
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        #expect(lines[0] == "       Value     Percentile TotalCount 1/(1-Percentile)" && lines[1].isEmpty)
        let rows = lines.dropFirst(2).filter { !$0.hasPrefix("#") && !$0.isEmpty }
        var before = (value: 0.0, share: -1.0, count: 0)
        for row in rows {
            let columns = row.split(separator: " ")
            let value = try #require(Double(columns[0])), share = try #require(Double(columns[1]))
            let count = try #require(Int(columns[2]))
            #expect(value >= before.value && share > before.share && count >= before.count, "\(row)")
            // So many are at most so long.
            #expect(abs(value - Double(count)) <= 0.002 * value && Double(count) >= share * 1_000 - 1e-6, "\(row)")
            if share < 1 {
                let distance = try #require(Double(columns[3]))
                #expect(abs(distance * (1 - share) - 1) < 0.01, "\(row)")
            } else {
                #expect(columns.count == 3 && value == 1_000)
            }
            before = (value, share, count)
        }
        #expect(before.share == 1 && before.count == 1_000 && rows.count > 40)
        let footer = lines.filter { $0.hasPrefix("#[") }
        #expect(footer.count == 3)
        #expect(footer[0].hasPrefix("#[Mean    =      500.500, StdDeviation   =      288.") && footer[0].hasSuffix("]"))
        #expect(footer[1] == "#[Max     =     1000.000, Total count    =         1000]")
        #expect(LatencyHistogram().percentileText.contains("Total count    =            0]"))
    }

    @Test func picturesAreWellFormed() throws {
        let histograms = [histogram((1...20_000).map { Double($0) / 100 }), histogram([3]), histogram([0, 1e7])]
        for lines in [[], [0], [1], [2], [0, 1, 2]] {
            let plot = PercentilePlot(
                title: "a <b> & \"c\"\u{1B}", lines.map { PercentilePlot.Line("<\($0)&>", histograms[$0]) })
            let parser = XMLParser(data: Data(plot.svg.utf8))
            #expect(parser.parse(), "\(lines): \(plot.svg)")
            #expect(!plot.svg.contains("nan") && !plot.svg.contains("inf"))
            #expect(plot.svg.components(separatedBy: "<polyline").count - 1 == lines.count)
        }
        #expect(PercentilePlot(title: "t", [PercentilePlot.Line("l", histograms[0])]).svg.contains("99.99 %"))
    }

    @Test func percentilesAtOnceAreThoseOneByOne() {
        let latencies = histogram((0..<5_000).map { Double($0 * $0 % 7_919) })
        let shares = [0, 0.1, 0.5, 0.9, 0.999, 1]
        #expect(latencies.percentiles(shares).map(\.value) == shares.map { latencies.percentile($0) })
        #expect(LatencyHistogram().percentiles(shares).isEmpty)
    }

    @Test func reportsAreComparedFigureByFigure() throws {
        func report(_ rate: Int, _ p99: Double, inFlight: Int, more: String = "") -> [UInt8] {
            Array(
                """
                {"workload": "echo", "connections": 1, "in_flight": \(inFlight), "requests_per_second": \(rate),
                 "failed": 0, "latency_ms": {"p50": 0.1, "p99": \(p99)}, "server_cpu_us_per_request": null\(more)}
                """.utf8)
        }
        let comparison = try ReportComparison(
            ("a", report(1_000, 2, inFlight: 1)), ("b", report(1_500, 1, inFlight: 2, more: ", \"rate\": 5")))
        let ratios = Dictionary(uniqueKeysWithValues: comparison.rows.map { ($0.name, $0.ratio) })
        #expect(ratios["requests_per_second"] == 1.5 && ratios["latency_ms p99"] == 0.5)
        // Nothing can be said of 0, nor of what one of them lacks.
        #expect(ratios["failed"] == .some(nil) && ratios["server_cpu_us_per_request"] == nil)
        #expect(comparison.differences == ["in_flight: 1 and 2", "rate: none and 5"])
        #expect(comparison.table.contains("requests_per_second") && comparison.table.contains("1.500"))
        #expect(try JSONSerialization.jsonObject(with: Data(comparison.json.utf8)) is [String: Any])
        for (bytes, reason) in [("{}", "no report of herd-load"), ("[", "b: "), ("", "b: ")] {
            let failure = #expect(throws: LoadFailure.self) {
                try ReportComparison(("a", report(1, 1, inFlight: 1)), ("b", Array(bytes.utf8)))
            }
            #expect(failure?.exitCode == 65 && failure?.message.contains(reason) == true)
        }
    }
}
