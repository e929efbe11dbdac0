package import CMessages

/// What the generator writes for every message: the way from and to protobuf-c's struct.
package protocol GeneratedMessage: Message {
    /// protobuf-c's struct for the message.
    associatedtype CMessage

    /// The descriptor that protobuf-c and the scan go by.
    static var descriptor: UnsafePointer<ProtobufCMessageDescriptor> { get }

    /// Sets every field of `c` to its default; `c` may be uninitialised.
    static func initialize(_ c: UnsafeMutablePointer<CMessage>)

    /// Copies a message out of protobuf-c's struct.
    init(reading c: UnsafePointer<CMessage>)

    /// Fills the initialised struct `c`, with all that it points to in `arena`.
    func write(to c: UnsafeMutablePointer<CMessage>, in arena: MessageArena)
}

extension GeneratedMessage {
    /// Scans, unpacks into an arena, and copies out.
    package static func unpacked(from bytes: UnsafeRawBufferPointer) throws(MessageError) -> Self {
        let arena = herd_arena_acquire()
        defer { herd_arena_release(arena) }
        var report = herd_scan_report()
        let data = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
        guard let message = herd_message_unpack(descriptor, arena, data, bytes.count, &report) else {
            throw MessageError(&report, message: fullName)
        }
        return Self(reading: UnsafeRawPointer(message).assumingMemoryBound(to: CMessage.self))
    }

    /// Builds protobuf-c's struct in an arena.
    package func preparedByProtobufC() -> PreparedMessage {
        let arena = MessageArena()
        let c = arena.raw(MemoryLayout<CMessage>.stride).bindMemory(to: CMessage.self, capacity: 1)
        Self.initialize(c)
        write(to: c, in: arena)
        return PreparedMessage(UnsafeRawPointer(c).assumingMemoryBound(to: ProtobufCMessage.self), in: arena)
    }
}
