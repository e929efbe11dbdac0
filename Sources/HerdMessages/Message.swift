/// A protobuf message as a Swift value, packed and unpacked through protobuf-c.
///
/// The conforming types are generated from `Protos/` by `make protos`. As in proto3, fields that were not sent have
/// their defaults, enums keep values they do not know, and fields that are not known are dropped. Two details differ
/// from other runtimes: a floating-point -0 in a field that is neither in a list nor in a oneof arrives as 0, and two
/// map keys that Swift takes for the same text (canonically equivalent Unicode) become one.
public protocol Message: Sendable, Equatable {
    /// The message with every field at its default.
    init()

    /// The name in the .proto file, with its package.
    static var fullName: String { get }

    /// The message that `bytes` are the packed form of.
    ///
    /// - Throws: ``MessageError`` if the bytes are malformed, nested more than 32 deep, contain a text that is no UTF-8
    ///   or has a U+0000 in it, or would take more than eight times their size (plus 256 KiB) once decoded.
    init(packed bytes: UnsafeRawBufferPointer) throws(MessageError)

    /// The message made ready for packing: its size is known, its bytes can be written anywhere.
    ///
    /// A U+0000 in a text becomes U+FFFD and is counted in ``MessageStatistics``.
    func prepared() -> PreparedMessage
}

extension Message {
    /// The message that `bytes` are the packed form of; errors as ``init(packed:)-(UnsafeRawBufferPointer)``.
    public init(packed bytes: [UInt8]) throws(MessageError) {
        self = try bytes.withUnsafeBufferPointer { (bytes) throws(MessageError) in
            try Self(packed: UnsafeRawBufferPointer(bytes))
        }
    }

    /// The message that `bytes` are the packed form of; errors as ``init(packed:)-(UnsafeRawBufferPointer)``.
    public init(packed bytes: RawSpan) throws(MessageError) {
        self = try bytes.withUnsafeBytes { (bytes) throws(MessageError) in try Self(packed: bytes) }
    }

    /// The number of bytes ``pack()`` gives. Costs as much as packing; ``prepared()`` does both at once.
    public var packedSize: Int { prepared().size }

    /// The packed message. Equal messages give equal bytes.
    public func pack() -> [UInt8] {
        let prepared = prepared()
        // An array without capacity is a global that all threads share, which the initialiser below would write to.
        guard prepared.size > 0 else { return [] }
        return [UInt8](unsafeUninitializedCapacity: prepared.size) { buffer, count in
            count = prepared.write(to: UnsafeMutableRawBufferPointer(buffer)) ?? 0
        }
    }

    /// Writes the packed message to the start of `buffer` and returns its size, or writes nothing and returns nil where
    /// the buffer is too small.
    public func pack(into buffer: UnsafeMutableRawBufferPointer) -> Int? {
        prepared().write(to: buffer)
    }
}
