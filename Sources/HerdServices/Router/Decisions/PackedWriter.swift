/// Writes into memory that is known to be long enough: integers and floats least significant byte first, and protobuf's
/// fields.
struct PackedWriter {
    private let start: UnsafeMutableRawPointer
    private(set) var next: UnsafeMutableRawPointer

    /// - Parameter start: of as many bytes as will be written.
    init(_ start: UnsafeMutableRawPointer) {
        self.start = start
        next = start
    }

    var count: Int { next - start }

    @inline(__always)
    mutating func byte(_ value: UInt8) {
        next.storeBytes(of: value, as: UInt8.self)
        next += 1
    }

    @inline(__always)
    mutating func integer<Integer: FixedWidthInteger & BitwiseCopyable>(_ value: Integer) {
        next.storeBytes(of: value.littleEndian, as: Integer.self)
        next += MemoryLayout<Integer>.size
    }

    @inline(__always)
    mutating func double(_ value: Double) {
        integer(value.bitPattern)
    }

    @inline(__always)
    mutating func bytes(_ bytes: UnsafeRawBufferPointer) {
        guard let source = bytes.baseAddress else { return }
        next.copyMemory(from: source, byteCount: bytes.count)
        next += bytes.count
    }

    @inline(__always)
    mutating func bytes(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { self.bytes($0) }
    }

    // MARK: - Protobuf

    /// A base-128 varint.
    @inline(__always)
    mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            byte(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        byte(UInt8(truncatingIfNeeded: rest))
    }

    /// A double field whose number is under 16; left out where it is zero, as proto3 does.
    @inline(__always)
    mutating func field(_ number: UInt8, _ value: Double) {
        guard value != 0 else { return }
        byte(number << 3 | 1)
        double(value)
    }
}
