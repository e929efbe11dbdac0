import Glibc
import HerdClient
import HerdFrames
import HerdMessages
import HerdServer
import HerdStore

/// Admin/Backup of a service: a copy of its store and, for the router, of the services behind it.
struct BackupService: Sendable {
    /// "router", "scorer" or "refiner": also the name of the folder.
    let service: String
    let store: StoreEnvironment
    /// One copy at a time: each takes threads, one of the store's readers and the old state of what changes meanwhile.
    let slot = SoleRun(of: "backup")
    /// The services whose copies belong to it, each by its client.
    var others: [(service: String, client: HerdClient)] = []

    func register(with server: HerdServer) {
        server.stream(Admin.backup, on: .eventLoop) { request, context, writer in
            try await answering { try await slot.run { try await backup(request, context, writer) } }
        }
    }

    private func backup(
        _ request: BackupRequest, _ context: CallContext, _ writer: StreamWriter<BackupEvent>
    ) async throws {
        let folder = try Self.folder(request.directory)
        let others = request.ownOnly ? [] : others
        // A service that is away is worth knowing before anything is copied.
        for (name, client) in others { try await Self.ask(name, client, context) }
        try await copyOwn(to: "\(folder)/\(service)", writer)
        for (name, client) in others {
            do throws(CallError) {
                let events = client.stream(
                    Admin.backup, BackupRequest(directory: request.directory, ownOnly: true),
                    timeout: context.remaining, metadata: context.forwardedMetadata)
                for try await event in events { try await writer.send(event) }
            } catch {
                throw CallError(
                    error.code,
                    "the \(service)'s copy is complete in \(folder)/\(service), the \(name)'s failed: \(error.message)",
                    cause: error)
            }
        }
    }

    /// Sends the newest progress as fast as the caller takes it; a caller that leaves ends the copy.
    private func copyOwn(to folder: String, _ writer: StreamWriter<BackupEvent>) async throws {
        let (steps, continuation) = AsyncStream.makeStream(of: CopyProgress.self, bufferingPolicy: .bufferingNewest(1))
        let last = try await withThrowingTaskGroup(of: CopyProgress?.self) { group in
            group.addTask {
                defer { continuation.finish() }
                do {
                    try await store.backup(to: folder) { step in continuation.yield(step) }
                } catch let error as StoreError {
                    throw Self.obstacle(above: folder, error) ?? CallError(copying: error)
                }
                return nil
            }
            group.addTask {
                var last: CopyProgress?
                for await step in steps {
                    last = step
                    try await writer.send(event(step, folder, complete: false))
                }
                return last
            }
            var last: CopyProgress?
            while let finished = try await group.next() { last = finished ?? last }
            return last
        }
        try await writer.send(event(last ?? CopyProgress(done: 0, total: 0), folder, complete: true))
    }

    private func event(_ step: CopyProgress, _ folder: String, complete: Bool) -> BackupEvent {
        BackupEvent(
            bytesDone: UInt64(clamping: step.done), bytesTotal: UInt64(clamping: step.total), service: service,
            path: folder, complete: complete)
    }

    private static func ask(_ name: String, _ client: HerdClient, _ context: CallContext) async throws(CallError) {
        do throws(CallError) {
            _ = try await client.call(Admin.health, HealthRequest(), timeout: min(context.remaining, .seconds(5)))
        } catch {
            throw CallError(
                .unavailable,
                "the \(name) is away, so nothing was copied; start it, or ask with own_only for the rest alone",
                cause: error)
        }
    }

    /// What is wrong with the path itself, and not with its permissions or the disk; nil where nothing is.
    private static func obstacle(above folder: String, _ error: StoreError) -> CallError? {
        var path = ""
        for name in folder.split(separator: "/").dropLast() {
            path += "/\(name)"
            var status = stat()
            guard stat(path, &status) == 0 else {
                // The store would have made it.
                guard errno == ENOENT, error.code == .inputOutput else { return nil }
                return CallError(
                    .invalidArgument,
                    "the folder '\(path)' can't be made on the server's machine; name another", cause: error)
            }
            guard status.st_mode & S_IFMT == S_IFDIR else {
                return CallError(
                    .invalidArgument, "'\(path)' is no folder on the server's machine; name one", cause: error)
            }
        }
        return nil
    }

    /// - Throws: INVALID_ARGUMENT for anything but an absolute path.
    private static func folder(_ directory: String) throws(CallError) -> String {
        guard directory.hasPrefix("/"), directory.utf8.count <= 3_000 else {
            throw CallError(
                .invalidArgument,
                "directory must be an absolute path on the server's machine, as /backups/monday, not "
                    + "'\(directory.prefix(200))'")
        }
        var folder = directory
        while folder.hasSuffix("/") { folder.removeLast() }
        return folder
    }
}

extension CallError {
    /// What the caller of a backup is told: the path is his own, so it may be named.
    fileprivate init(copying error: StoreError) {
        switch error.code {
        case .alreadyExists: self.init(.alreadyExists, error.message, cause: error)
        case .alreadyOpen: self.init(.aborted, error.message, cause: error)
        case .notWritable: self.init(.permissionDenied, error.message, cause: error)
        case .diskFull: self.init(.resourceExhausted, error.message, cause: error)
        case .cancelled: self.init(.cancelled, error.message, cause: error)
        case .inputOutput, .invalidArgument: self.init(.internal, error.message, cause: error)
        default: self.init(error)
        }
    }
}
