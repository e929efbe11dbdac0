import Glibc
import HerdFrames
import HerdMessages
import HerdServer
import HerdTransport
import Testing

/// Unix sockets and IPv6: listening and being dialled.
@Suite struct AddressTests {
    private func listening(on addresses: [EndpointAddress]) -> ServerConfiguration {
        var configuration = ServerConfiguration()
        configuration.addresses = addresses
        return configuration
    }

    // MARK: - IPv6

    @Test func `an IPv6 address serves`() async throws {
        try await withServer(listening(on: [.network(host: "::1", port: 0)])) { server in
            server.immediate(Router.route) { _, context in
                var response = RouteResponse()
                response.decisionId = context.peer
                return response
            }
        } _: { server in
            #expect(server.address.description.hasPrefix("[::1]:"))
            let connection = try await server.greet()
            let response = try await connection.call(Router.route, RouteRequest())
            #expect(response.decisionId == "::1")
        }
    }

    @Test func `all addresses of IPv6 take IPv4 too`() async throws {
        try await withServer(listening(on: [.network(host: "::", port: 0)])) { server in
            guard case .network(_, let port) = server.address else { throw TooLate() }
            for host in ["::1", "127.0.0.1", "localhost"] {
                let connection = try await RawConnection.connect(to: .network(host: host, port: port))
                connection.send(Frame(.hello, version: 1))
                _ = try await connection.next(.hello)
                #expect(try await connection.isServing())
            }
        }
    }

    @Test func `all addresses of both kinds may be listened on side by side`() async throws {
        // The port is free for both at least now.
        var port = 0
        try await withServer(listening(on: [.network(host: "::", port: 0)])) { server in
            guard case .network(_, let chosen) = server.address else { throw TooLate() }
            port = chosen
        }
        let both: [EndpointAddress] = [.network(host: "0.0.0.0", port: port), .network(host: "::", port: port)]
        try await withServer(listening(on: both)) { server in
            #expect(server.addresses.count == 2)
            for host in ["::1", "127.0.0.1"] {
                let connection = try await RawConnection.connect(to: .network(host: host, port: port))
                connection.send(Frame(.hello, version: 1))
                _ = try await connection.next(.hello)
            }
        }
    }

    @Test func `localhost serves`() async throws {
        try await withServer(listening(on: [.network(host: "localhost", port: 0)])) { server in
            let isServing = try await server.greet().isServing()
            #expect(isServing)
        }
    }

    // MARK: - Unix sockets

    @Test func `a Unix socket serves its user alone, and its file goes with it`() async throws {
        let path = temporaryPath()
        try await withServer(listening(on: [.unix(path: path)])) { server in
            #expect(server.address == .unix(path: path))
            #expect(mode(of: path) == 0o600)
            let connection = try await server.greet()
            #expect(try await connection.isServing())
            // Protocol errors are the same here.
            connection.send(Frame(.hello, version: 1))
            try await connection.expectGoAway(.invalidArgument)
        }
        #expect(mode(of: path) == nil)
    }

    @Test func `the mode may be another`() async throws {
        let path = temporaryPath()
        var configuration = listening(on: [.unix(path: path)])
        configuration.unixSocketMode = 0o660
        try await withServer(configuration) { _ in
            #expect(mode(of: path) == 0o660)
        }
    }

    @Test func `a file on which nobody listens any more is replaced`() async throws {
        let path = temporaryPath()
        try leaveSocketFile(at: path)
        try await withServer(listening(on: [.unix(path: path)])) { server in
            let isServing = try await server.greet().isServing()
            #expect(isServing)
        }
        #expect(mode(of: path) == nil)
    }

    @Test func `a file on which somebody listens is left alone`() async throws {
        let path = temporaryPath()
        try await withServer(listening(on: [.unix(path: path)])) { server in
            let second = HerdServer(
                name: "second", configuration: listening(on: [.unix(path: path)]), logger: quietLogger)
            let error = await listenFailure(of: second)
            #expect(error.contains("another process listens there"))
            let isServing = try await server.greet().isServing()
            #expect(isServing)
        }
    }

    @Test func `a file that is no socket is left alone`() async throws {
        let path = temporaryPath()
        let file = try #require(fopen(path, "w"))
        fclose(file)
        let server = HerdServer(name: "test", configuration: listening(on: [.unix(path: path)]), logger: quietLogger)
        let error = await listenFailure(of: server)
        #expect(error.contains("no socket"))
        #expect(mode(of: path) != nil)
        unlink(path)
    }

    @Test func `a path that is too long, or in no folder, is refused with a sentence`() async throws {
        for (path, sentence) in [
            ("/tmp/" + String(repeating: "x", count: 99), "104 bytes long"),
            ("/tmp/herd-no-such-folder/s", "No such file or directory"),
        ] {
            let server = HerdServer(
                name: "test", configuration: listening(on: [.unix(path: path)]), logger: quietLogger)
            let error = await listenFailure(of: server)
            #expect(error.contains(sentence), "\(error)")
        }
    }

    @Test func `the longest path is taken`() async throws {
        let folder = "/tmp/herd-\(UInt32.random(in: 0 ... .max))"
        mkdir(folder, 0o700)
        let path = folder + "/" + String(repeating: "y", count: 103 - folder.utf8.count - 1)
        #expect(path.utf8.count == 103)
        try await withServer(listening(on: [.unix(path: path)])) { server in
            let isServing = try await server.greet().isServing()
            #expect(isServing)
        }
        rmdir(folder)
    }
}

/// What a server says that can't listen.
private func listenFailure(of server: HerdServer) async -> String {
    do {
        _ = try await server.start()
        await server.stop(timeout: .zero)
        return "it listens"
    } catch {
        return error is ListenFailure ? "\(error)" : "another error"
    }
}

private func temporaryPath() -> String {
    "/tmp/herd-server-test-\(UInt64.random(in: 0 ... .max)).sock"
}

/// The permissions of a file; nil if there is none.
private func mode(of path: String) -> mode_t? {
    var status = stat()
    return lstat(path, &status) == 0 ? status.st_mode & 0o777 : nil
}

/// What a server that was killed leaves behind.
private func leaveSocketFile(at path: String) throws {
    let socket = Glibc.socket(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    let bound = withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            bind(socket, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
        }
    }
    try #require(bound == 0)
    close(socket)
}

/// Which socket of another process a server may go on with.
@Suite struct InheritedSocketTests {
    @Test(arguments: [
        ("127.0.0.1:7601", "127.0.0.1:7601", true), ("localhost:7601", "127.0.0.1:7601", true),
        ("[0:0:0:0:0:0:0:1]:7601", "[::1]:7601", true), ("unix:/tmp/a", "unix:/tmp/a", true),
        ("127.0.0.1:7601", "127.0.0.1:7602", false), ("127.0.0.1:0", "127.0.0.1:0", false),
        ("0.0.0.0:7601", "[::]:7601", false), ("127.0.0.1:7601", "0.0.0.0:7601", false),
        ("unix:/tmp/a", "unix:/tmp/b", false), ("unix:/tmp/a", "127.0.0.1:7601", false),
    ])
    func byAddress(wanted: String, bound: String, fits: Bool) throws {
        let (wanted, bound) = (try #require(EndpointAddress(wanted)), try #require(EndpointAddress(bound)))
        #expect(wanted.isServed(by: bound) == fits)
    }

    @Test func aServerGoesOnWithTheSocketOfAnother() async throws {
        var configuration = ServerConfiguration()
        configuration.addresses = [.network(host: "127.0.0.1", port: 0)]
        let first = HerdServer(name: "test", configuration: configuration, logger: quietLogger)
        let address = try #require(try await first.start().first)
        let inherited = InheritedSockets()
        for socket in duplicates(of: first) { inherited.add(socket, of: "test") }
        await first.stop(timeout: .zero)
        // Nobody accepts, and nobody is refused.
        let early = try await RawConnection.connect(to: address)
        let second = HerdServer(name: "test", configuration: configuration, logger: quietLogger)
        #expect(try await second.start(inheriting: inherited) == [address])
        #expect(inherited.isEmpty)
        early.send(Frame(.hello, version: 1))
        _ = try await early.next(.hello)
        try await early.close()
        await second.stop(timeout: .zero)
    }

    /// Waits for the server's event loop, as a task may not.
    private func duplicates(of server: HerdServer) -> [ListeningSocket] { server.duplicateListeners() }
}
