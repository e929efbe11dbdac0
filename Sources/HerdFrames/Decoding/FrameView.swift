/// One decoded frame whose strings and payload still lie in the bytes it was read from.
///
/// It is valid only as long as those bytes are: inside the closure or the read that handed them out. Everything in it
/// has been checked, so taking strings and metadata out of it cannot fail.
package struct FrameView {
    package private(set) var kind = Frame.Kind.unspecified
    package private(set) var call: UInt64 = 0
    package private(set) var timeoutMicroseconds: UInt64 = 0
    package private(set) var code = StatusCode.ok
    package private(set) var credit: UInt32 = 0
    package private(set) var version: UInt32 = 0
    /// REQUEST: the path's UTF-8 bytes.
    package private(set) var method = UnsafeRawBufferPointer(start: nil, count: 0)
    package private(set) var payload = UnsafeRawBufferPointer(start: nil, count: 0)
    private var messageBytes = UnsafeRawBufferPointer(start: nil, count: 0)
    private var metadataCount = 0
    private let body: UnsafeRawBufferPointer

    /// The most pairs of metadata one frame may hold; a few bytes each on the wire, they take 100 in memory.
    package static let maximumMetadataCount = 128

    /// The most fields one frame may hold, pairs of metadata and fields of later versions included.
    package static let maximumFieldCount = 1024

    /// Decodes `body`, one packed frame without its length prefix, and checks all of it.
    ///
    /// Of a field that comes twice the last one counts; unknown fields are skipped.
    package init(packed body: UnsafeRawBufferPointer) throws(FrameError) {
        self.body = body
        var reader = FieldReader(body)
        var fieldCount = 0
        // What almost all frames begin with, in the order in which protobuf packs fields.
        if reader.isNext(FrameField.kind.tag) {
            kind = Frame.Kind(rawValue: UInt32(truncatingIfNeeded: try reader.varint()))
            fieldCount = 1
        }
        if reader.isNext(FrameField.call.tag) {
            call = try reader.varint()
            fieldCount += 1
        }
        if reader.isNext(FrameField.method.tag) {
            method = try Self.text(&reader, .method)
            fieldCount += 1
        }
        if reader.isNext(FrameField.timeout.tag) {
            timeoutMicroseconds = try reader.varint()
            fieldCount += 1
        }
        if reader.isNext(FrameField.payload.tag) {
            payload = try reader.chunk()
            fieldCount += 1
        }
        while !reader.isAtEnd {
            fieldCount += 1
            guard fieldCount <= Self.maximumFieldCount else { throw .tooManyFields(limit: Self.maximumFieldCount) }
            let (number, type) = try reader.tag()
            guard let field = FrameField(rawValue: number) else {
                try reader.skip(type)
                continue
            }
            guard type == field.wireType else { throw .wrongWireType(field: "\(field.name)") }
            switch field {
            case .kind: kind = Frame.Kind(rawValue: UInt32(truncatingIfNeeded: try reader.varint()))
            case .call: call = try reader.varint()
            case .timeout: timeoutMicroseconds = try reader.varint()
            case .code: code = StatusCode(rawValue: UInt32(truncatingIfNeeded: try reader.varint()))
            case .credit: credit = UInt32(truncatingIfNeeded: try reader.varint())
            case .version: version = UInt32(truncatingIfNeeded: try reader.varint())
            case .payload: payload = try reader.chunk()
            case .method: method = try Self.text(&reader, field)
            case .message: messageBytes = try Self.text(&reader, field)
            case .metadata:
                metadataCount += 1
                guard metadataCount <= Self.maximumMetadataCount else {
                    throw .tooMuchMetadata(limit: Self.maximumMetadataCount)
                }
                _ = try MetadataEntry(packed: reader.chunk())
            }
        }
    }

    /// The length of the packed frame, without its prefix.
    package var byteCount: Int { body.count }

    /// REQUEST: the path `package.Service/Method`.
    package var methodName: String { String(decoding: method, as: UTF8.self) }

    /// END, GOAWAY: what went wrong.
    package var message: String { String(decoding: messageBytes, as: UTF8.self) }

    /// The pairs as a dictionary; of a key that comes twice the last value counts.
    package var metadata: [String: String] {
        guard metadataCount > 0 else { return [:] }
        var pairs = [String: String](minimumCapacity: metadataCount)
        var reader = FieldReader(body)
        // The frame was checked when it was decoded: nothing in this loop throws.
        while !reader.isAtEnd, let (number, type) = try? reader.tag() {
            if number == FrameField.metadata.rawValue, let chunk = try? reader.chunk(),
                let entry = try? MetadataEntry(packed: chunk)
            {
                pairs[String(decoding: entry.key, as: UTF8.self)] = String(decoding: entry.value, as: UTF8.self)
            } else {
                try? reader.skip(type)
            }
        }
        return pairs
    }

    /// The UTF-8 bytes of one value of the metadata, without a `String` being made; empty where there is none.
    package func metadataValue(for wanted: StaticString) -> UnsafeRawBufferPointer {
        var found = UnsafeRawBufferPointer(start: nil, count: 0)
        guard metadataCount > 0 else { return found }
        let wanted = UnsafeRawBufferPointer(start: wanted.utf8Start, count: wanted.utf8CodeUnitCount)
        var reader = FieldReader(body)
        while !reader.isAtEnd, let (number, type) = try? reader.tag() {
            if number == FrameField.metadata.rawValue, let chunk = try? reader.chunk(),
                let entry = try? MetadataEntry(packed: chunk)
            {
                if entry.key.elementsEqual(wanted) { found = entry.value }
            } else {
                try? reader.skip(type)
            }
        }
        return found
    }

    private static func text(
        _ reader: inout FieldReader, _ field: FrameField
    ) throws(FrameError) -> UnsafeRawBufferPointer {
        let bytes = try reader.chunk()
        guard bytes.isValidUTF8 else { throw .invalidUTF8(field: "\(field.name)") }
        return bytes
    }
}

/// One pair of the map `metadata`, which protobuf packs as a message of its own.
private struct MetadataEntry {
    private(set) var key = UnsafeRawBufferPointer(start: nil, count: 0)
    private(set) var value = UnsafeRawBufferPointer(start: nil, count: 0)

    init(packed: UnsafeRawBufferPointer) throws(FrameError) {
        var reader = FieldReader(packed)
        var fieldCount = 0
        while !reader.isAtEnd {
            fieldCount += 1
            guard fieldCount <= FrameView.maximumFieldCount else {
                throw .tooManyFields(limit: FrameView.maximumFieldCount)
            }
            let (number, type) = try reader.tag()
            guard number == 1 || number == 2 else {
                try reader.skip(type)
                continue
            }
            guard type == .lengthDelimited else { throw .wrongWireType(field: "metadata") }
            let bytes = try reader.chunk()
            guard bytes.isValidUTF8 else { throw .invalidUTF8(field: "metadata") }
            if number == 1 { key = bytes } else { value = bytes }
        }
    }
}

extension Frame {
    /// Copies everything out of `view`.
    package init(_ view: FrameView) {
        self.init(
            view.kind, call: view.call, method: view.methodName, timeoutMicroseconds: view.timeoutMicroseconds,
            payload: [UInt8](view.payload), code: view.code, message: view.message, metadata: view.metadata,
            credit: view.credit, version: view.version)
    }

    /// Decodes one packed frame without its length prefix; unknown fields are skipped.
    public init(packed body: [UInt8]) throws(FrameError) {
        let decoded = body.withUnsafeBytes { bytes in
            Result { () throws(FrameError) in Frame(try FrameView(packed: bytes)) }
        }
        self = try decoded.get()
    }
}
