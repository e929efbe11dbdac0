import Glibc
import HerdPrediction
import HerdServer
import HerdStore
import HerdTransport
import Logging
import NIOPosix

/// Takes over from the process that has the data folder; see `TakeOver`.
struct Successor {
    let role: HerdRole
    let configuration: HerdConfiguration
    let readyFile: String?
    let logger: Logger

    /// How long the other process may take to answer.
    private static let patience: CInt = 10_000
    /// How long the stores of one that is gone may take to be free, beyond its drain.
    private static let patienceForStores = Duration.seconds(5)

    /// Returns once the other process has left: at once where there is none.
    ///
    /// - Throws: `TakeOverFailure` or `ConfigurationError`; the other process serves on then.
    func takeOver(_ inherited: InheritedSockets) async throws -> TakeOverFigures? {
        // Whoever waits for another process must not hold up the threads of the concurrency pool.
        try await NIOThreadPool.singleton.runIfActive { try waitForAll(inherited) }
    }

    private func waitForAll(_ inherited: InheritedSockets) throws -> TakeOverFigures? {
        let folder = TakeOver.folder(role, configuration)
        guard let socket = try TakeOverSocket.connect(folder: folder, name: TakeOver.socketName) else {
            logger.notice("nobody to take over from; starting", metadata: ["data": "\(folder)"])
            return nil
        }
        let offer: TakeOverOffer
        do {
            try socket.send(TakeOverRequest(role: role, process: Int(getpid())).text)
            offer = try readOffer(socket, inherited)
            try check(offer, inherited)
        } catch let error as TakeOverFailure {
            throw TakeOverFailure("can't take over in '\(folder)', where the other process serves on: \(error)")
        }
        // Where it has gone meanwhile, it is as where it goes later.
        try? socket.send(TakeOverWord.take.text)
        let waited = try awaitRelease(socket, offer)
        logger.notice(
            "taken over",
            metadata: [
                "from": "\(offer.process)", "sockets": "\(offer.sockets.count)",
                "milliseconds": "\(Int(waited / .milliseconds(1)))",
            ])
        return TakeOverFigures(waited: waited)
    }

    private func readOffer(
        _ socket: borrowing TakeOverSocket, _ inherited: InheritedSockets
    ) throws(TakeOverFailure) -> TakeOverOffer {
        guard case .packet(let bytes, let descriptors) = try socket.receive(within: Self.patience) else {
            throw TakeOverFailure("it does not answer; does it stop already, or is another process taking over?")
        }
        // Whatever fails from here on ends the process, and closes them with it.
        let offer = try TakeOverOffer(reading: bytes)
        guard offer.sockets.count == descriptors.count else {
            throw TakeOverFailure("it offers \(offer.sockets.count) sockets and hands over \(descriptors.count)")
        }
        for (described, descriptor) in zip(offer.sockets, descriptors) {
            guard let bound = ListeningSocket.address(of: descriptor),
                let configured = EndpointAddress(described.configured)
            else { throw TakeOverFailure("the socket of '\(described.configured)' does not listen") }
            let socket = ListeningSocket(
                configured: configured, bound: bound, descriptor: descriptor, isSupervised: described.isSupervised)
            inherited.add(socket, of: described.service)
        }
        return offer
    }

    /// All that can be known before the other process has left.
    private func check(_ offer: TakeOverOffer, _ inherited: InheritedSockets) throws {
        guard offer.schema <= Int(ServiceStore.schemaVersion) else {
            throw TakeOverFailure(
                "its stores have schema \(offer.schema), and this version of herdd knows \(ServiceStore.schemaVersion) at "
                    + "most; use the newer one")
        }
        try checkReadyFile()
        let credentials = try ProcessCredentials.of(role, configuration)
        var mode = EndpointAddress.ListeningOptions()
        mode.unixMode = try HerdConfiguration.mode(configuration.server.unixSocketMode)
        let services = ServiceListening.of(role, configuration)
        let named = services.flatMap { service in
            service.addresses.map { ($0, service.name) } + service.http.parsed.map { ($0, "\(service.name)-http") }
        }
        if let address = inherited.firstSupervised(namedByNone: named) { throw Beginning.unnamed(address) }
        for service in services {
            try credentials.checkListening(
                service.addresses, of: service.name, configuration,
                isGuardedElsewhere: service.name == HerdRole.router.rawValue && offer.isGuarded)
            for address in service.addresses {
                var options = mode
                options.isIPv6Only = service.addresses.contains { address.overlaps($0) }
                try checkFree(address, service.name, options, inherited)
            }
            for address in service.http.isDefault ? [] : service.http.parsed {
                var options = mode
                options.isIPv6Only = service.http.parsed.contains { address.overlaps($0) }
                try checkFree(address, "\(service.name)-http", options, inherited)
            }
        }
    }

    private func checkReadyFile() throws {
        guard let readyFile else { return }
        let slash = readyFile.lastIndex(of: "/")
        let folder = slash.map { $0 == readyFile.startIndex ? "/" : String(readyFile[..<$0]) } ?? "."
        guard access(folder, W_OK | X_OK) == 0 else {
            let reason = String(cString: strerror(errno))
            throw ConfigurationError(
                "the ready file '\(readyFile)' can't be written to its folder: \(reason); name one in another")
        }
    }

    private func checkFree(
        _ address: EndpointAddress, _ service: String, _ options: EndpointAddress.ListeningOptions,
        _ inherited: InheritedSockets
    ) throws(TakeOverFailure) {
        guard !inherited.has(address, for: service) else { return }
        do {
            try address.checkFree(options)
        } catch {
            throw TakeOverFailure("\(ListenFailure(address: address, cause: error))")
        }
    }

    /// Waits for as long as it takes: whoever leaves can't be asked back.
    ///
    /// - Returns: for how long nobody has accepted so far.
    private func awaitRelease(
        _ socket: borrowing TakeOverSocket, _ offer: TakeOverOffer
    ) throws(TakeOverFailure) -> Duration {
        var limit = CInt(clamping: (offer.drainSeconds + 5) * 1_000)
        var start = ContinuousClock.now
        while true {
            switch try socket.receive(within: limit) {
            case .packet(let bytes, let descriptors):
                for descriptor in descriptors { close(descriptor) }
                switch TakeOverWord(reading: bytes) {
                case .released: return ContinuousClock.now - start
                case .stopping: start = .now
                case .take, nil: break
                }
            case .end:
                // By a signal or a crash, then; or it has given this one up.
                logger.warning(
                    "the process before this one ended without a word", metadata: ["process": "\(offer.process)"])
                try awaitStores(of: offer)
                return ContinuousClock.now - start
            case .timeout:
                limit = 5_000
                logger.warning(
                    "the process before this one has not left yet", metadata: ["process": "\(offer.process)"])
            }
        }
    }
}

extension Successor {
    /// Waits for the stores of a process that says nothing any more: it may let open calls end still, and the kernel may
    /// close its connection before it frees the locks.
    ///
    /// - Throws: `TakeOverFailure` where one is still open after all the time that open calls get.
    private func awaitStores(of offer: TakeOverOffer) throws(TakeOverFailure) {
        let deadline = ContinuousClock.now + .seconds(offer.drainSeconds) + Self.patienceForStores
        for folder in TakeOver.stores(role, configuration) {
            while StoreFolder.isOpen(folder) {
                guard ContinuousClock.now < deadline else {
                    throw TakeOverFailure(
                        "the process before this one (\(offer.process)) broke off and still has the store '\(folder)'; it "
                            + "may serve on: look at its log, or stop it and start again")
                }
                _ = poll(nil, 0, 20)
            }
        }
    }
}

/// How a start by taking over went.
struct TakeOverFigures: Sendable {
    /// Since when there was no way back, until the stores were free.
    var waited: Duration
}

/// Where each service of a role is to listen.
struct ServiceListening {
    var name: String
    var addresses: [EndpointAddress]
    var http: HTTPListening

    static func of(_ role: HerdRole, _ configuration: HerdConfiguration) -> [ServiceListening] {
        let all: [(HerdRole, [String], HTTPListening)] = [
            (.router, configuration.router.listen, configuration.router.http),
            (.scorer, configuration.scorer.listen, configuration.scorer.http),
            (.refiner, configuration.refiner.listen, configuration.refiner.http),
        ]
        return all.filter { role == .all || role == $0.0 }.map { service, addresses, http in
            ServiceListening(
                name: service.rawValue, addresses: addresses.compactMap { EndpointAddress($0) }, http: http)
        }
    }
}
