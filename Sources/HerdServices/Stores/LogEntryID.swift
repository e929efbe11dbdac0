package import HerdFrames

/// The id of an entry of a log, a decision or a transcript: 16 hexadecimal digits of its place there, a dash, 8 random ones,
/// so that it cannot be guessed from another.
package struct LogEntryID: Sendable, Equatable, CustomStringConvertible {
    package let sequence: UInt64
    package let check: UInt32

    package init(sequence: UInt64, check: UInt32) {
        self.sequence = sequence
        self.check = check
    }

    /// - Throws: INVALID_ARGUMENT naming `field` for what is no id.
    package init(parsing text: String, field: String) throws(CallError) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0].utf8.count == 16, parts[1].utf8.count == 8,
            let sequence = UInt64(parts[0], radix: 16), let check = UInt32(parts[1], radix: 16)
        else {
            throw CallError(
                .invalidArgument,
                "\(field) '\(text.prefix(80))' is not one; ids look like 0006418b4c7d2f10-5f3a9c2e")
        }
        self.init(sequence: sequence, check: check)
    }

    package var description: String {
        String(unsafeUninitializedCapacity: Self.textBytes) { bytes in
            guard let start = bytes.baseAddress else { return 0 }
            var writer = PackedWriter(start)
            write(to: &writer)
            return writer.count
        }
    }

    /// The bytes of its text.
    static let textBytes = 25

    /// Writes its text: 16 digits, a hyphen, 8 digits.
    func write(to writer: inout PackedWriter) {
        Self.write(sequence, digits: 16, to: &writer)
        writer.byte(UInt8(ascii: "-"))
        Self.write(UInt64(check), digits: 8, to: &writer)
    }

    private static func write(_ value: UInt64, digits: Int, to writer: inout PackedWriter) {
        for place in stride(from: 4 * (digits - 1), through: 0, by: -4) {
            let digit = UInt8(truncatingIfNeeded: value >> UInt64(place)) & 15
            writer.byte(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") - 10 + digit)
        }
    }
}
