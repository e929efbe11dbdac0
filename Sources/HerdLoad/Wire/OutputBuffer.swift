import HerdFrames

/// Frames on their way to a socket.
final class OutputBuffer {
    // One thread uses it: looking for overlapping accesses took a quarter of the generator's time.
    @exclusivity(unchecked) private var bytes: [UInt8] = []
    @exclusivity(unchecked) private var sent = 0

    init() { bytes.reserveCapacity(1 << 16) }

    var isEmpty: Bool { sent == bytes.count }

    func clear() {
        bytes.removeAll(keepingCapacity: true)
        sent = 0
    }

    func append(_ frame: Frame) { bytes += frame.wireBytes() }

    /// A REQUEST of the given call.
    func append(_ request: RequestBody, call: UInt64) {
        // Field 2 of a REQUEST is the call; `rest` has all the others but the kind.
        let callLength = (64 - (call | 1).leadingZeroBitCount + 6) / 7
        let length = UInt32(truncatingIfNeeded: 3 + callLength + request.rest.count)
        bytes.append(UInt8(truncatingIfNeeded: length >> 24))
        bytes.append(UInt8(truncatingIfNeeded: length >> 16))
        bytes.append(UInt8(truncatingIfNeeded: length >> 8))
        bytes.append(UInt8(truncatingIfNeeded: length))
        bytes.append(0x08)
        bytes.append(UInt8(truncatingIfNeeded: Frame.Kind.request.rawValue))
        bytes.append(0x10)
        var left = call
        while left >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: left) | 0x80)
            left >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: left))
        bytes.append(contentsOf: request.rest)
    }

    /// Writes as much as the socket takes.
    ///
    /// - Returns: why it failed; nil while all is well.
    func flush(to socket: StreamSocket) -> POSIXCode? {
        while sent < bytes.count {
            let progress = bytes.withUnsafeBytes { socket.write(UnsafeRawBufferPointer(rebasing: $0[sent...])) }
            switch progress {
            case .bytes(let count): sent += count
            case .wouldBlock: return nil
            case .closed: return POSIXCode(0)
            case .failed(let code): return POSIXCode(code)
            }
        }
        clear()
        return nil
    }
}

/// A packed REQUEST but for the number of its call, so that one request is packed once however often it is made.
struct RequestBody: Sendable {
    /// Of length prefix and kind, which come before the call.
    private static let headSize = Frame.lengthPrefixSize + 2
    /// All of the frame that comes after the call.
    let rest: [UInt8]

    init(method: String, payload: [UInt8], timeout: Duration, credit: UInt32, metadata: [String: String]) {
        let frame = Frame(
            .request, method: method, timeoutMicroseconds: UInt64(max(1, timeout.nanoseconds / 1_000)),
            payload: payload, metadata: metadata, credit: credit)
        rest = Array(frame.wireBytes().dropFirst(Self.headSize))
    }
}
