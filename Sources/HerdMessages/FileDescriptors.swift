internal import CMessages

/// The .proto files that this library was generated from.
public enum FileDescriptors {
    /// A packed google.protobuf.FileDescriptorSet of `herd/v1` and `herd/rpc`, in the order of their imports.
    public static var packed: [UInt8] {
        var size = 0
        let start = herd_descriptor_set(&size)
        return Array(UnsafeBufferPointer(start: start, count: size))
    }
}
