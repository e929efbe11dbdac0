/// Which trace a call belongs to: the header `traceparent` of W3C Trace Context, <https://www.w3.org/TR/trace-context/>.
///
/// Calls carry it in their metadata. A call made while `TraceContext.current` is set goes on with that trace unless its
/// metadata names another.
public struct TraceContext: Hashable, Sendable {
    /// The trace that calls made by this task belong to; nil if there is none.
    @TaskLocal public static var current: TraceContext?

    /// The metadata key.
    public static let traceparentKey = "traceparent"
    /// The metadata key of what vendors add; goes along unread.
    public static let tracestateKey = "tracestate"

    /// `00-` trace id (32 hex digits) `-` parent id (16) `-` flags (2), all in lower case; later versions may go on after
    /// another dash.
    public let traceparent: String

    /// Takes a `traceparent`; nil unless it is one, in which case the standard has it ignored.
    public init?(traceparent: String) {
        guard Self.isValid(traceparent) else { return nil }
        self.traceparent = traceparent
    }

    /// Starts a trace: new ids, and marked as sampled if that is so.
    public init(isSampled: Bool = true) {
        // Zero is no id.
        let high = UInt64.random(in: 0 ... .max)
        let low = UInt64.random(in: 1 ... .max)
        let parent = UInt64.random(in: 1 ... .max)
        traceparent = "00-\(Self.hex(high))\(Self.hex(low))-\(Self.hex(parent))-\(isSampled ? "01" : "00")"
    }

    /// The 32 digits that all calls of the trace have in common.
    public var traceID: Substring { traceparent.dropFirst(3).prefix(32) }

    /// The 16 digits of the span that calls with this context are made in.
    package var spanID: Substring { traceparent.dropFirst(36).prefix(16) }

    /// The same trace with another span in it, as a service says it that was called in this one. Later versions become
    /// version 0, of whose flags only that it is sampled is known.
    ///
    /// - Parameter span: not 0.
    package func child(span: UInt64) -> TraceContext {
        let flags = UInt8(traceparent.dropFirst(53).prefix(2), radix: 16) ?? 0
        return TraceContext(valid: "00-\(traceID)-\(Self.hex(span))-\(flags & 1 == 1 ? "01" : "00")")
    }

    /// A trace of its own, not marked as sampled: nobody asked for it.
    ///
    /// - Parameter numbers: none of them 0.
    package init(numbers: (high: UInt64, low: UInt64), span: UInt64) {
        traceparent = "00-\(Self.hex(numbers.high))\(Self.hex(numbers.low))-\(Self.hex(span))-00"
    }

    private init(valid traceparent: String) {
        self.traceparent = traceparent
    }

    /// A `tracestate` as it may be passed on: printable ASCII, up to 512 bytes and 32 members; nil for any other, which the
    /// standard has left out whole.
    package static func validState(_ text: String) -> String? {
        let bytes = text.utf8
        guard (1...512).contains(bytes.count), bytes.allSatisfy({ (0x20...0x7E).contains($0) }),
            bytes.count(where: { $0 == UInt8(ascii: ",") }) < 32
        else { return nil }
        return text
    }

    private static func hex(_ number: UInt64) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    private static func isValid(_ text: String) -> Bool {
        var text = text
        return text.withUTF8 { bytes in
            guard bytes.count >= 55, bytes.count <= 512 else { return false }
            let dash = UInt8(ascii: "-")
            guard bytes[2] == dash, bytes[35] == dash, bytes[52] == dash else { return false }
            let fields = [0..<2, 3..<35, 36..<52, 53..<55]
            guard fields.allSatisfy({ bytes[$0].allSatisfy(isLowerHex) }) else { return false }
            let zero = UInt8(ascii: "0")
            guard bytes[3..<35].contains(where: { $0 != zero }), bytes[36..<52].contains(where: { $0 != zero }) else {
                return false
            }
            switch (bytes[0], bytes[1]) {
            case (zero, zero): return bytes.count == 55
            case (UInt8(ascii: "f"), UInt8(ascii: "f")): return false
            default: return bytes.count == 55 || bytes[55] == dash
            }
        }
    }

    private static func isLowerHex(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
    }
}

extension TraceContext: CustomStringConvertible {
    public var description: String { traceparent }
}
