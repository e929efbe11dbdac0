/// Writes one JSON text piece by piece into one buffer; the caller keeps to the grammar.
struct JSONWriter {
    private(set) var bytes: [UInt8]
    /// Whether the next key or element needs a comma before it.
    private var needsComma = false

    init(reserving capacity: Int = 256) {
        bytes = []
        bytes.reserveCapacity(capacity)
    }

    private mutating func separate() {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
        needsComma = true
    }

    // MARK: - Structure

    mutating func object<E: Error>(_ members: (inout JSONWriter) throws(E) -> Void) throws(E) {
        try within("{", "}", members)
    }

    mutating func array<E: Error>(_ items: (inout JSONWriter) throws(E) -> Void) throws(E) {
        try within("[", "]", items)
    }

    private mutating func within<E: Error>(
        _ open: Unicode.Scalar, _ close: Unicode.Scalar, _ content: (inout JSONWriter) throws(E) -> Void
    ) throws(E) {
        separate()
        bytes.append(UInt8(ascii: open))
        needsComma = false
        try content(&self)
        bytes.append(UInt8(ascii: close))
        needsComma = true
    }

    /// The value has to follow.
    mutating func key(_ name: String) {
        separate()
        quoted(name)
        bytes.append(UInt8(ascii: ":"))
        needsComma = false
    }

    // MARK: - Values

    mutating func string(_ text: String) {
        separate()
        quoted(text)
    }

    mutating func integer(_ value: Int64) {
        raw("\(value)".utf8)
    }

    /// `value` has to be finite.
    mutating func number(_ value: Double) {
        raw("\(value)".utf8)
    }

    mutating func boolean(_ value: Bool) {
        raw((value ? "true" : "false").utf8)
    }

    mutating func null() {
        raw("null".utf8)
    }

    /// A value that is JSON already.
    mutating func raw(_ json: some Sequence<UInt8>) {
        separate()
        bytes.append(contentsOf: json)
    }

    private mutating func quoted(_ text: String) {
        bytes.append(UInt8(ascii: "\""))
        var text = text
        text.withUTF8 { utf8 in
            var clean = 0
            for (index, byte) in utf8.enumerated() where byte < 0x20 || byte == 0x22 || byte == 0x5C || byte == 0x7F {
                bytes.append(contentsOf: utf8[clean..<index])
                escape(byte)
                clean = index + 1
            }
            bytes.append(contentsOf: utf8[clean...])
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private mutating func escape(_ byte: UInt8) {
        bytes.append(UInt8(ascii: "\\"))
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes.append(byte)
        case 0x0A: bytes.append(UInt8(ascii: "n"))
        case 0x0D: bytes.append(UInt8(ascii: "r"))
        case 0x09: bytes.append(UInt8(ascii: "t"))
        default:
            let digits = Array("0123456789abcdef".utf8)
            bytes.append(contentsOf: [
                UInt8(ascii: "u"), UInt8(ascii: "0"), UInt8(ascii: "0"), digits[Int(byte >> 4)], digits[Int(byte & 15)],
            ])
        }
    }
}
