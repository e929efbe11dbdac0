package import CMessages

/// A message whose packed size is known and whose bytes can be written straight into an output buffer.
///
/// Holds the calling thread's arena until it goes out of scope; keep it no longer than it takes to write.
public struct PreparedMessage: ~Copyable {
    /// The number of bytes that are written.
    public let size: Int

    private let arena: MessageArena
    private let message: UnsafePointer<ProtobufCMessage>

    init(_ message: UnsafePointer<ProtobufCMessage>, in arena: MessageArena) {
        self.arena = arena
        self.message = message
        self.size = protobuf_c_message_get_packed_size(message)
    }

    /// Writes the packed message to the start of `buffer` and returns ``size``, or writes nothing and returns nil where
    /// the buffer is smaller.
    public borrowing func write(to buffer: UnsafeMutableRawBufferPointer) -> Int? {
        // protobuf-c's pack has no bound of its own.
        guard buffer.count >= size else { return nil }
        guard size > 0, let start = buffer.baseAddress else { return 0 }
        return protobuf_c_message_pack(message, start.assumingMemoryBound(to: UInt8.self))
    }

    /// Lends protobuf-c's struct, for reflection by its descriptor.
    package borrowing func withMessage<Result>(_ body: (UnsafePointer<ProtobufCMessage>) -> Result) -> Result {
        body(message)
    }

    deinit {
        herd_arena_release(arena.arena)
    }
}
