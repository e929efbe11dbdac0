import HerdBackends

extension FuzzTarget {
    /// A stream of server-sent events, cut everywhere: the same events and the same end each time, those that a simple
    /// reading of the standard gives.
    ///
    /// The first byte is the longest line and event in units of 4 bytes.
    static let serverSentEvents = FuzzTarget(name: "server-sent-events") { bytes in
        guard let first = bytes.first else { return nil }
        let limit = 4 * Int(first)
        let stream = UnsafeRawBufferPointer(rebasing: bytes[1...])
        let atOnce = EventsRead(stream, limit: limit, sizes: [max(1, stream.count)])
        for sizes in [[1], [3, 1, 7], [2, 64, 5]] where EventsRead(stream, limit: limit, sizes: sizes) != atOnce {
            return Violation("cut into \(sizes) the stream gives other events than at once")
        }
        if let event = atOnce.events.first(where: { $0.data.count > limit }) {
            return Violation("an event has \(event.data.count) bytes where \(limit) are allowed")
        }
        if !atOnce.isTooLong, atOnce.wholeEvents != plainEvents(stream) {
            return Violation("the events are not those of the standard: \(atOnce.events)")
        }
        return nil
    } seeds: {
        [
            "data: a\n\ndata:b\r\ndata: c\r\n\r\n: comment\rdata\r\revent: error\ndata: {}\n\n",
            "\u{FEFF}data: x\nid: 3\nretry: 5\n\nerror: broken\n\nevent: error\n\ndata: half",
            "data: " + String(repeating: "y", count: 300) + "\n\n",
        ].map { [40] + Array($0.utf8) }
    }

    /// The events that a whole stream holds, by splitting it into lines.
    private static func plainEvents(_ stream: UnsafeRawBufferPointer) -> [PlainEvent] {
        var lines: [[UInt8]] = [[]]
        var previous: UInt8 = 0
        for byte in stream {
            if byte == 0x0D || (byte == 0x0A && previous != 0x0D) {
                lines.append([])
            } else if byte != 0x0A {
                lines[lines.count - 1].append(byte)
            }
            previous = byte
        }
        // The last has no end, so that it may only begin an event.
        lines.removeLast()
        if let first = lines.first, first.starts(with: [0xEF, 0xBB, 0xBF]) { lines[0].removeFirst(3) }
        var events: [PlainEvent] = []
        var data: [[UInt8]] = []
        var isError = false
        for line in lines {
            if line.isEmpty {
                if !data.isEmpty {
                    events.append(PlainEvent(data: Array(data.joined(separator: [0x0A])), isError: isError))
                }
                (data, isError) = ([], false)
                continue
            }
            let parts = line.split(separator: UInt8(ascii: ":"), maxSplits: 1, omittingEmptySubsequences: false)
            var value = parts.count > 1 ? Array(parts[1]) : []
            if value.first == 0x20 { value.removeFirst() }
            switch String(decoding: parts[0], as: UTF8.self) {
            case "data": data.append(value)
            case "event": isError = value == Array("error".utf8)
            case "error":
                data.append(value)
                isError = true
            default: break
            }
        }
        return events
    }
}

private struct PlainEvent: Equatable {
    var data: [UInt8]
    var isError: Bool
}

/// What reading a stream that arrives in pieces gives.
private struct EventsRead: Equatable {
    var events: [ServerSentEvents.Event] = []
    var isTooLong = false

    init(_ bytes: UnsafeRawBufferPointer, limit: Int, sizes: [Int]) {
        var reader = ServerSentEvents(limit: limit)
        var found: [ServerSentEvents.Event] = []
        var position = 0
        var piece = 0
        while position < bytes.count, !isTooLong {
            let end = min(bytes.count, position + sizes[piece % sizes.count])
            isTooLong = reader.feed(UnsafeRawBufferPointer(rebasing: bytes[position..<end])) { found.append($0) } != nil
            position = end
            piece += 1
        }
        if !isTooLong, let last = reader.finish() { found.append(last) }
        events = found
    }

    var wholeEvents: [PlainEvent] {
        events.filter(\.isWhole).map { PlainEvent(data: $0.data, isError: $0.isError) }
    }
}
