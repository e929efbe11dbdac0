import CZlib

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Reads a plain or gzip-compressed file line by line in bounded memory.
///
/// zlib's `gzread` passes a file that has no gzip header through as it is, so one reader serves both.
struct LineReader: ~Copyable {
    enum Outcome: Equatable {
        /// `line` holds the bytes up to the newline, without it.
        case line
        /// The line was longer than the limit and has been skipped to its newline.
        case tooLong
        case end
    }

    private let path: String
    private let handle: gzFile
    private let limit: Int
    private var buffer: [UInt8]
    private var position = 0
    private var filled = 0

    /// - Parameter limit: the longest line in bytes; a longer one is reported and skipped, never buffered.
    init(path: String, limit: Int) throws(DatasetError) {
        guard !path.utf8.contains(0) else {
            throw DatasetError(.missing, path: path, message: "a file name can't contain a NUL")
        }
        guard let handle = gzopen(path, "rbe") else {
            let reason = errno == 0 ? "out of memory" : String(cString: strerror(errno))
            throw DatasetError(.missing, path: path, message: "can't be opened: \(reason)")
        }
        gzbuffer(handle, 1 << 17)
        self.path = path
        self.handle = handle
        self.limit = limit
        self.buffer = [UInt8](repeating: 0, count: 1 << 16)
    }

    deinit {
        gzclose_r(handle)
    }

    /// Puts the next line into `line`, replacing what it held.
    mutating func next(into line: inout [UInt8]) throws(DatasetError) -> Outcome {
        line.removeAll(keepingCapacity: true)
        var tooLong = false
        while true {
            if position == filled {
                try refill()
                if filled == 0 {
                    return tooLong ? .tooLong : line.isEmpty ? .end : .line
                }
            }
            let rest = buffer[position..<filled]
            let newline = rest.firstIndex(of: UInt8(ascii: "\n"))
            let piece = buffer[position..<(newline ?? filled)]
            if line.count + piece.count > limit {
                tooLong = true
                line.removeAll(keepingCapacity: true)
            }
            if !tooLong { line.append(contentsOf: piece) }
            position = newline.map { $0 + 1 } ?? filled
            if newline != nil {
                // An empty line is a line too: the caller counts it.
                return tooLong ? .tooLong : .line
            }
        }
    }

    private mutating func refill() throws(DatasetError) {
        position = 0
        let count = buffer.withUnsafeMutableBytes { gzread(handle, $0.baseAddress, UInt32($0.count)) }
        var code: Int32 = 0
        let text = gzerror(handle, &code)
        // A gzip file cut short ends quietly but for this error code.
        guard count >= 0, code == Z_OK || code == Z_STREAM_END else {
            let reason =
                code == Z_ERRNO ? String(cString: strerror(errno)) : text.map { String(cString: $0) } ?? "error \(code)"
            throw DatasetError(.unreadable, path: path, message: "can't be read to its end: \(reason)")
        }
        filled = Int(count)
    }
}

/// Lines with their numbers, from 1; blank ones are counted and passed over.
struct NumberedLines: ~Copyable {
    enum Outcome {
        /// `bytes` holds the line.
        case line(Int)
        case problem(EvaluationProblem)
        case end
    }

    private(set) var bytes: [UInt8] = []
    private var reader: LineReader
    private let limit: Int
    private var number = 0

    init(path: String, limit: Int) throws(DatasetError) {
        reader = try LineReader(path: path, limit: limit)
        self.limit = limit
    }

    mutating func next() throws(DatasetError) -> Outcome {
        while true {
            switch try reader.next(into: &bytes) {
            case .end: return .end
            case .tooLong:
                number += 1
                return .problem(EvaluationProblem(line: number, reason: "the line is over \(limit) bytes long"))
            case .line:
                number += 1
                if bytes.allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }) { continue }
                return .line(number)
            }
        }
    }
}
