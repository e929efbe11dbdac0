import Glibc
import HerdJSON
import HerdTransport
import ServiceLifecycle

/// Tells scripts and tests where a process listens: `{"router": ["127.0.0.1:7601"], ...}`, there whole or not at all.
struct ReadyFile: Service {
    let path: String
    let addresses: [(String, [EndpointAddress])]

    func run() async throws {
        try write()
        try await gracefulShutdown()
    }

    private func write() throws(ConfigurationError) {
        let members = addresses.map { service, bound in
            (key: service, value: JSONNode.array(bound.map { .string($0.description) }))
        }
        var text = JSONNode.object(members).text(onOneLine: true) + "\n"
        let scratch = path + ".new"
        let descriptor = open(scratch, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw failure }
        let count = text.utf8.count
        let written = text.withUTF8 { bytes in Glibc.write(descriptor, bytes.baseAddress, bytes.count) }
        guard close(descriptor) == 0, written == count, rename(scratch, path) == 0 else { throw failure }
    }

    private var failure: ConfigurationError {
        ConfigurationError("the ready file '\(path)' can't be written: \(String(cString: strerror(errno)))")
    }
}
