import Glibc

/// Cuts a byte stream into server-sent events, however the bytes are cut (WHATWG HTML, "Server-sent events").
///
/// Lines end with LF, CR LF or CR; a byte order mark at the start and comments are left out; a space behind the colon is
/// optional. Every byte is looked at once. What OpenAI-compatible servers never use (`id`, `retry`) is ignored.
package struct ServerSentEvents {
    /// An event, or what was left of one when the stream ended.
    package struct Event: Equatable, Sendable {
        /// The `data` lines, joined by LF.
        package var data: [UInt8]
        /// Whether the server called it an error: `event: error`, or a line `error: ...`, as llama.cpp once did.
        package var isError: Bool
        /// False where the stream ended in the middle of it.
        package var isWhole: Bool
    }

    package struct TooLong: Error, Equatable {
        /// Bytes.
        package var limit: Int

        package init(limit: Int) {
            self.limit = limit
        }
    }

    private let limit: Int
    /// The beginning of a line whose end has not come.
    private var line: [UInt8] = []
    private var data: [UInt8] = []
    private var hasData = false
    private var isError = false
    /// An LF that comes next belongs to the CR before it.
    private var afterCarriageReturn = false
    private var isFirstLine = true

    /// - Parameter limit: Bytes of a line, and of the data of an event, that are allowed.
    package init(limit: Int) {
        self.limit = limit
    }

    /// Takes more bytes; calls `handle` for each event that they complete.
    package mutating func feed<E: Error>(
        _ bytes: UnsafeRawBufferPointer, _ handle: (Event) throws(E) -> Void
    ) throws(E) -> TooLong? {
        var start = 0
        if afterCarriageReturn, let first = bytes.first {
            afterCarriageReturn = false
            if first == 0x0A { start = 1 }
        }
        var ends = LineEnds(bytes)
        while let end = ends.next(from: start) {
            let byte = bytes[end]
            var index = end + 1
            let piece = UnsafeRawBufferPointer(rebasing: bytes[start..<end])
            guard line.count + piece.count <= limit else { return TooLong(limit: limit) }
            if line.isEmpty {
                if let event = endLine(piece) { try handle(event) }
            } else {
                line.append(contentsOf: piece)
                let whole = line
                line.removeAll(keepingCapacity: whole.count <= 4096)
                if let event = whole.withUnsafeBytes({ endLine($0) }) { try handle(event) }
            }
            guard data.count <= limit else { return TooLong(limit: limit) }
            if byte == 0x0D {
                if index < bytes.count {
                    if bytes[index] == 0x0A { index += 1 }
                } else {
                    afterCarriageReturn = true
                }
            }
            start = index
        }
        guard line.count + (bytes.count - start) <= limit else { return TooLong(limit: limit) }
        line.append(contentsOf: bytes[start...])
        return nil
    }

    /// The stream is over: what it has left unfinished. Servers that end their last event without an empty line exist.
    package mutating func finish() -> Event? {
        if !line.isEmpty {
            let rest = line
            line = []
            let event = rest.withUnsafeBytes { endLine($0) }
            if let event { return event }
        }
        guard hasData else { return nil }
        return takeEvent(isWhole: false)
    }

    private mutating func takeEvent(isWhole: Bool) -> Event {
        let event = Event(data: data, isError: isError, isWhole: isWhole)
        data = []
        hasData = false
        isError = false
        return event
    }

    /// A line without its end; the event that it completes.
    private mutating func endLine(_ whole: UnsafeRawBufferPointer) -> Event? {
        var bytes = whole
        if isFirstLine {
            isFirstLine = false
            if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { bytes = UnsafeRawBufferPointer(rebasing: bytes[3...]) }
        }
        guard !bytes.isEmpty else {
            guard hasData else {
                isError = false
                return nil
            }
            return takeEvent(isWhole: true)
        }
        let colon = bytes.firstIndex(of: UInt8(ascii: ":")) ?? bytes.count
        var value = colon < bytes.count ? bytes[(colon + 1)...] : bytes[bytes.count...]
        if value.first == UInt8(ascii: " ") { value = value.dropFirst() }
        let name = bytes[..<colon]
        if name.elementsEqual("data".utf8) {
            add(value)
        } else if name.elementsEqual("event".utf8) {
            isError = value.elementsEqual("error".utf8)
        } else if name.elementsEqual("error".utf8) {
            add(value)
            isError = true
        }
        return nil
    }

    private mutating func add(_ value: Slice<UnsafeRawBufferPointer>) {
        if hasData { data.append(0x0A) }
        data.append(contentsOf: value)
        hasData = true
    }
}

/// Finds the LF and CR of a text one after another, each kind with one pass of `memchr` over it.
private struct LineEnds {
    private let bytes: UnsafeRawBufferPointer
    /// The first of each that has not been passed; `bytes.count` for none.
    private var lineFeed = -1
    private var carriageReturn = -1

    init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
    }

    /// - Parameter start: Never less than the time before.
    mutating func next(from start: Int) -> Int? {
        if lineFeed < start { lineFeed = place(of: 0x0A, from: start) }
        if carriageReturn < start { carriageReturn = place(of: 0x0D, from: start) }
        let end = min(lineFeed, carriageReturn)
        return end < bytes.count ? end : nil
    }

    private func place(of byte: Int32, from start: Int) -> Int {
        guard start < bytes.count, let base = bytes.baseAddress,
            let found = memchr(base + start, byte, bytes.count - start)
        else { return bytes.count }
        return UnsafeRawPointer(found) - base
    }
}
