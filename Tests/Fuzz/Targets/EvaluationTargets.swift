import CZlib
import HerdDatasets
import HerdJSON

extension FuzzTarget {
    /// A line of an evaluation file: a row within all limits that is the same when it is written and read again, or a
    /// problem that names the line and can be printed.
    static let evaluationLine = FuzzTarget(name: "evaluation-line") { bytes in
        let parser = EvaluationLineParser()
        let row: EvaluationRow
        do throws(EvaluationProblem) {
            row = try parser.parse(Array(bytes), line: 7)
        } catch {
            let reason = error.reason
            guard error.line == 7, !reason.isEmpty, !reason.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) else {
                return Violation("a problem that can't be printed: \(error)")
            }
            return nil
        }
        guard !row.scores.isEmpty, row.scores.values.allSatisfy({ $0 >= 0 && $0 <= 1 }),
            row.costs.values.allSatisfy({ $0 >= 0 && $0 <= EvaluationLineParser.maximumCost }),
            (1...EvaluationLineParser.maximumNameBytes).contains(row.id.utf8.count)
        else { return Violation("a row beyond the limits was taken: \(row)") }
        guard let again = try? parser.parse(Array(json(of: row).text(onOneLine: true).utf8), line: 1), again == row
        else {
            return Violation("the row is another one when it is written and read again: \(row)")
        }
        return nil
    } seeds: {
        EvaluationSeeds.lines.map { Array($0.utf8) }
    }

    /// A whole evaluation file: gzip or not, the same rows and problems, in lines of bounded length; damaged gzip is an
    /// error or reads like a file.
    static let evaluationFile = FuzzTarget(name: "evaluation-file") { bytes in
        let content = Array(bytes)
        let plain = elements(of: content)
        // What is no gzip file by itself is the same when it is packed.
        if !content.starts(with: [0x1F, 0x8B]), let packed = gzip(content), elements(of: packed) != plain {
            return Violation("the packed file reads otherwise")
        }
        guard let plain else { return nil }
        let lines = 1 + content.count { $0 == 0x0A }
        guard content.starts(with: [0x1F, 0x8B]) || plain.count <= lines else {
            return Violation("\(plain.count) rows and problems in \(lines) lines")
        }
        return nil
    } seeds: {
        let file = Array(EvaluationSeeds.lines.joined(separator: "\n\n").utf8)
        return [file, gzip(file) ?? [], gzip([UInt8](repeating: 0x61, count: 100_000)) ?? []]
    }

    private static func json(of row: EvaluationRow) -> JSONNode {
        func members(_ values: [String: Double]) -> JSONNode { .object(values.map { ($0.key, .number($0.value)) }) }
        func lists(_ values: [String: [Double]]) -> JSONNode {
            .object(values.map { ($0.key, .array($0.value.map { .number($0) })) })
        }
        return .object([
            ("id", .string(row.id)), ("prompt", .string(row.prompt)), ("task", .string(row.task)),
            ("domain", row.domain.map { .string($0) } ?? .null), ("scores", members(row.scores)),
            ("costs", members(row.costs)), ("refined", lists(row.refined)), ("refined_costs", lists(row.refinedCosts)),
        ])
    }

    /// Nil where the file can't be read to its end.
    private static func elements(of file: [UInt8]) -> [EvaluationReader.Element]? {
        MemoryFile.withPath(of: file) { path in
            guard var reader = try? EvaluationReader(path: path, maximumLineBytes: 300) else { return nil }
            var elements: [EvaluationReader.Element] = []
            do {
                while let element = try reader.next() { elements.append(element) }
            } catch {
                return nil
            }
            return elements
        }
    }

    private static func gzip(_ content: [UInt8]) -> [UInt8]? {
        var stream = z_stream()
        let size = Int32(MemoryLayout<z_stream>.size)
        // Window bits over 15 ask for the header of gzip.
        guard deflateInit2_(&stream, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION, size) == Z_OK else {
            return nil
        }
        defer { deflateEnd(&stream) }
        var input = content
        return [UInt8](unsafeUninitializedCapacity: content.count + 1_024) { buffer, count in
            input.withUnsafeMutableBufferPointer { input in
                stream.next_in = input.baseAddress
                stream.avail_in = UInt32(input.count)
                stream.next_out = buffer.baseAddress
                stream.avail_out = UInt32(buffer.count)
                count = deflate(&stream, Z_FINISH) == Z_STREAM_END ? buffer.count - Int(stream.avail_out) : 0
            }
        }
    }
}

private enum EvaluationSeeds {
    static let lines = [
        #"{"id":"a","prompt":"p","task":"t","scores":{"m":1,"n":0.5}}"#,
        #"{"id":"b","prompt":"\u00e9\ud83d\ude00","task":"t","domain":"d","scores":{"m":0.25},"costs":{"m":1e-5},"#
            + #""refined":{"m":[0.5,1]},"refined_costs":{"m":[0.1,2]},"other":[{"x":null}]}"#,
        #"{"id":"a","prompt":"","task":"t","scores":{}}"#, #"{"id":"c","scores":{"m":2}}"#,
    ]
}
