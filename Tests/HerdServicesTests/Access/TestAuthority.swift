import Foundation
import Testing

/// An authority of its own for a test, made with the openssl program, and the certificates it signs.
final class TestAuthority {
    let folder: URL
    var authority: String { path("ca.pem") }

    init(in folder: URL) throws {
        self.folder = folder
        try openssl([
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
            "-subj", "/CN=herd test authority", "-keyout", path("ca.key"), "-out", authority,
        ])
    }

    /// Signs a certificate for names as openssl writes them, `DNS:localhost,IP:127.0.0.1`, and gives the paths of it and its
    /// key.
    ///
    /// - Parameter isExpired: whether it expired yesterday.
    func sign(
        _ name: String, for names: String, isExpired: Bool = false
    ) throws -> (certificate: String, key: String) {
        let (certificate, key, request) = (path("\(name).pem"), path("\(name).key"), path("\(name).csr"))
        try openssl([
            "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=\(name)",
            "-keyout", key, "-out", request,
        ])
        let extensions = path("\(name).ext")
        try Data("subjectAltName=\(names)\n".utf8).write(to: URL(filePath: extensions))
        try openssl([
            "x509", "-req", "-in", request, "-CA", authority, "-CAkey", path("ca.key"), "-CAcreateserial", "-days",
            isExpired ? "-1" : "2", "-extfile", extensions, "-out", certificate,
        ])
        return (certificate, key)
    }

    func path(_ name: String) -> String { folder.appending(path: name).path }

    private func openssl(_ arguments: [String]) throws {
        let status = try Self.run(arguments).status
        try #require(status == 0, "openssl \(arguments.joined(separator: " "))")
    }

    /// Runs the openssl program, with nothing on its standard input.
    @discardableResult
    static func run(_ arguments: [String]) throws -> (status: Int32, output: String) {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/openssl")
        process.arguments = arguments
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return (process.terminationStatus, text)
    }
}
