extension Frame {
    /// How many bytes the frame takes on the wire with its length prefix, were its payload `payloadCount` bytes long.
    package func wireSize(payloadCount: Int) -> Int {
        Self.lengthPrefixSize + packedSize(payloadCount: payloadCount)
    }

    /// How many bytes the frame takes without its length prefix, were its payload `payloadCount` bytes long.
    package func packedSize(payloadCount: Int) -> Int {
        var size = FieldSize.integer(UInt64(kind.rawValue)) + FieldSize.integer(call)
        size += FieldSize.bytes(method.wireCount) + FieldSize.integer(timeoutMicroseconds)
        size += FieldSize.bytes(payloadCount) + FieldSize.integer(UInt64(code.rawValue))
        size += FieldSize.bytes(message.wireCount)
        for (key, value) in metadata { size += FieldSize.chunk(Self.entrySize(key, value)) }
        size += FieldSize.integer(UInt64(credit)) + FieldSize.integer(UInt64(version))
        return size
    }

    /// Writes length prefix and frame to the front of `bytes`; the payload comes from `writePayload`, which fills the
    /// `payloadCount` bytes it is given, and not from `payload`.
    ///
    /// `bytes` must hold `wireSize(payloadCount:)` bytes; fields go out in the order of their numbers and metadata in
    /// the order of its keys, so equal frames are equal bytes. Returns the bytes written.
    @discardableResult
    package func write(
        to bytes: UnsafeMutableRawBufferPointer, payloadCount: Int,
        _ writePayload: (UnsafeMutableRawBufferPointer) -> Void
    ) -> Int {
        let length = packedSize(payloadCount: payloadCount)
        precondition(bytes.count >= Self.lengthPrefixSize + length, "the size of a frame is computed before its bytes")
        bytes.storeBytes(of: UInt32(truncatingIfNeeded: length).bigEndian, as: UInt32.self)
        var writer = FieldWriter(UnsafeMutableRawBufferPointer(rebasing: bytes[Self.lengthPrefixSize...]))
        writer.integer(.kind, UInt64(kind.rawValue))
        writer.integer(.call, call)
        writer.text(.method, method)
        writer.integer(.timeout, timeoutMicroseconds)
        if payloadCount > 0 {
            writer.tag(.payload)
            writer.varint(UInt64(payloadCount))
            writePayload(writer.reserve(payloadCount))
        }
        writer.integer(.code, UInt64(code.rawValue))
        writer.text(.message, message)
        if !metadata.isEmpty { Self.write(metadata, to: &writer) }
        writer.integer(.credit, UInt64(credit))
        writer.integer(.version, UInt64(version))
        return Self.lengthPrefixSize + writer.position
    }

    /// What `wireSize` is for an END frame with nothing but a payload.
    @inline(__always)
    package static func endWireSize(call: UInt64, payloadCount: Int) -> Int {
        lengthPrefixSize + 2 + FieldSize.integer(call) + FieldSize.bytes(payloadCount)
    }

    /// What `write` does for an END frame with nothing but a payload: most answers, made without a `Frame`.
    @discardableResult
    package static func writeEnd(
        call: UInt64, to bytes: UnsafeMutableRawBufferPointer, payloadCount: Int,
        _ writePayload: (UnsafeMutableRawBufferPointer) -> Void
    ) -> Int {
        let size = endWireSize(call: call, payloadCount: payloadCount)
        precondition(bytes.count >= size, "the size of a frame is computed before its bytes")
        let length = UInt32(truncatingIfNeeded: size - lengthPrefixSize)
        bytes.storeBytes(of: length.bigEndian, as: UInt32.self)
        var writer = FieldWriter(UnsafeMutableRawBufferPointer(rebasing: bytes[lengthPrefixSize..<size]))
        writer.tag(.kind)
        writer.byte(UInt8(truncatingIfNeeded: Kind.end.rawValue))
        if call != 0 {
            writer.tag(.call)
            writer.varint(call)
        }
        if payloadCount > 0 {
            writer.tag(.payload)
            writer.varint(UInt64(payloadCount))
            writePayload(writer.reserve(payloadCount))
        }
        return size
    }

    /// The most bytes that a call takes in a frame.
    package static let mostCallBytes = 11

    /// Writes the field of a call, and gives its size.
    package static func writeCall(_ call: UInt64, to bytes: UnsafeMutableRawBufferPointer) -> Int {
        guard call != 0 else { return 0 }
        var writer = FieldWriter(bytes)
        writer.tag(.call)
        writer.varint(call)
        return FieldSize.varint(call) + 1
    }

    /// The frame as it goes on the wire: length prefix and packed message.
    public func wireBytes() -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: wireSize(payloadCount: payload.count)) { bytes, count in
            count = write(to: UnsafeMutableRawBufferPointer(bytes), payloadCount: payload.count) { target in
                payload.withUnsafeBytes { target.copyMemory(from: $0) }
            }
        }
    }

    private static func entrySize(_ key: String, _ value: String) -> Int {
        // protobuf runtimes send both halves of a pair, empty or not.
        FieldSize.chunk(key.wireCount) + FieldSize.chunk(value.wireCount)
    }

    private static func write(_ metadata: [String: String], to writer: inout FieldWriter) {
        for (key, value) in metadata.sorted(by: { $0.key < $1.key }) {
            writer.tag(.metadata)
            writer.varint(UInt64(entrySize(key, value)))
            writer.tag(number: 1, .lengthDelimited)
            writer.text(key)
            writer.tag(number: 2, .lengthDelimited)
            writer.text(value)
        }
    }
}
