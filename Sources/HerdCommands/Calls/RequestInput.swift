import Glibc

/// The JSON of a request: on the command line, in a file, or on standard input.
package enum RequestInput {
    /// A frame is at most 4 MiB, which bytes in base64 and long field names may well double.
    package static let longestBytes = 16 << 20

    /// - Parameter argument: the text itself, `-` for standard input, `@FILE` for a file, nil for an empty request.
    package static func read(_ argument: String?) throws(CommandFailure) -> [UInt8] {
        guard let argument else { return Array("{}".utf8) }
        guard argument == "-" || argument.hasPrefix("@") else { return Array(argument.utf8) }
        let bytes: [UInt8]
        let name: String
        if argument == "-" {
            name = "standard input"
            bytes = StandardInput.readAll(atMost: longestBytes + 1)
        } else {
            name = String(argument.dropFirst())
            bytes = try contents(of: name)
        }
        guard bytes.count <= longestBytes else {
            throw CommandFailure("\(name) holds over \(longestBytes) bytes, more than any request may", exitCode: 64)
        }
        return bytes
    }

    private static func contents(of path: String) throws(CommandFailure) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure(path, exitCode: errno == ENOENT ? 66 : 74) }
        defer { close(descriptor) }
        guard let bytes = StandardInput.readAll(from: descriptor, atMost: longestBytes + 1) else {
            throw failure(path, exitCode: 74)
        }
        return bytes
    }

    private static func failure(_ path: String, exitCode: Int32) -> CommandFailure {
        CommandFailure("\(path) can't be read: \(String(cString: strerror(errno)))", exitCode: exitCode)
    }
}
