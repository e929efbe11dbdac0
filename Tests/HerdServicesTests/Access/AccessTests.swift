import Foundation
import HerdClient
import HerdFrames
import HerdMessages
import HerdServer
import HerdServices
import HerdTransport
import Testing

/// Nobody gets in anywhere without a credential that is right, in force and of the right role.
@Suite struct AccessTests {
    /// What a client may call, as the product says it.
    private static let clientMethods: Set<String> = [
        Router.route.path, Router.complete.path, Router.refine.path, Router.feedback.path, Access.getUsage.path,
        Admin.health.path, Admin.describe.path,
    ]
    private static let serviceMethods: Set<String> = [
        Router.generate.path, Registry.watchModels.path, Registry.getModel.path, Registry.listModels.path,
        Refiner.refine.path, Scorer.predict.path, Admin.health.path, Admin.describe.path, Admin.status.path,
    ]
    private static var methods: [String] { MethodDescription.all.map(\.path) + ["herd.v1.Scorer/Nothing", "no/thing"] }

    /// What a service serves or passes on, as it says itself, and what it does not.
    private static func methods(of service: String, _ herd: GuardedHerd) async throws -> [String] {
        let client = try herd.client(herd.serviceSecret, of: service)
        defer { client.close() }
        let registered = try await client.call(Admin.status, StatusRequest()).methods.map(\.method)
        try #require(registered.contains(Admin.status.path) && registered.count > 5, "\(service): \(registered)")
        return Set(registered + methods).sorted()
    }

    /// What comes back first for a call behind a HELLO, and for one without.
    private static func answer(
        to method: String, with secret: String, at address: EndpointAddress
    ) throws -> [Frame.Kind?] {
        let metadata = secret.isEmpty ? [:] : ["authorization": "Bearer \(secret)"]
        let hello = Frame(.hello, metadata: metadata, version: Frame.protocolVersion).wireBytes()
        let request = Frame(.request, call: 1, method: method).wireBytes()
        return try [hello + request, request].map {
            try RawHello.firstKind(at: address, sending: $0, isByteByByte: false)
        }
    }

    @Test func badCredentialsGetInNowhere() async throws {
        try await withGuardedHerd { herd in
            let expiring = try await herd.token(["admin", "client", "service"], validMs: 1)
            let revoked = try await herd.token(["admin", "client", "service"])
            try await herd.revoke(revoked.id)
            let good = try await herd.token(["admin"])
            // The id of one, the secret of another.
            let parts = good.secret.split(separator: "_")
            let others = revoked.secret.split(separator: "_")
            let bad = [
                "nothing": "", "no token": "let-me-in", "unknown id": "herd_aaaaaaaaaa_\(parts[2])",
                "another's secret": "herd_\(parts[1])_\(others[2])", "secret cut short": String(good.secret.dropLast()),
                "secret in capitals": "herd_\(parts[1])_\(parts[2].uppercased())", "expired": expiring.secret,
                "revoked": revoked.secret, "id alone": "herd_\(parts[1])_",
                "service secret cut short":
                    String(herd.serviceSecret.dropLast()),
            ]
            for service in ["router", "scorer", "refiner"] {
                let methods = try await Self.methods(of: service, herd)
                for (name, secret) in bad {
                    let client = try herd.client(secret, of: service)
                    defer { client.close() }
                    for method in methods {
                        let code = await code(of: method, with: client)
                        #expect(code == .unauthenticated, "\(service) \(method) with \(name)")
                    }
                    // A client does not dial again and again where it was refused, nor call before it is let in: so each
                    // call once more as bytes, right behind its HELLO, and without one.
                    let address = try #require(herd.addresses[service])
                    let answers = try await onThread {
                        try methods.map { try Self.answer(to: $0, with: secret, at: address) }
                    }
                    for (method, kinds) in zip(methods, answers) {
                        #expect(kinds == [.goAway, .goAway], "\(service) \(method) with \(name)")
                    }
                }
            }
            // Tokens are the router's affair: the services behind it take none, whatever its role.
            let token = try await herd.token(["admin", "client", "service"])
            for service in ["scorer", "refiner"] {
                let client = try herd.client(token.secret, of: service)
                defer { client.close() }
                for method in try await Self.methods(of: service, herd) {
                    let code = await code(of: method, with: client)
                    #expect(code == .unauthenticated, "\(service) \(method) with a token")
                }
            }
            let status = try await herd.client(herd.admin).call(Admin.status, StatusRequest())
            #expect((status.figures["unauthenticated"] ?? 0) > 0)
        }
    }

    @Test func rolesAllowWhatTheyAreFor() async throws {
        try await withGuardedHerd { herd in
            for (role, allowed) in [("client", Self.clientMethods), ("service", Self.serviceMethods)] {
                let client = try herd.client(try await herd.token([role]).secret)
                defer { client.close() }
                for method in Self.methods {
                    // A stream without an end ends by itself; that it was begun is what counts.
                    let code = await code(
                        of: method, with: client, timeout: allowed.contains(method) ? .milliseconds(200) : .seconds(20))
                    if allowed.contains(method) {
                        #expect(code != .permissionDenied && code != .unauthenticated, "\(role): \(method) \(code)")
                    } else if method == "no/thing" {
                        #expect(code == .unimplemented)
                    } else {
                        #expect(code == .permissionDenied, "\(role): \(method) \(code)")
                    }
                }
            }
            let operate = try herd.client(herd.admin)
            defer { operate.close() }
            for method in Self.methods where method != Admin.drain.path && method != "no/thing" {
                let code = await code(of: method, with: operate, timeout: .milliseconds(200))
                #expect(code != .permissionDenied && code != .unauthenticated, "admin: \(method) \(code)")
            }
            let status = try await operate.call(Admin.status, StatusRequest())
            #expect((status.figures["permission_denied"] ?? 0) >= 40)
        }
    }

    @Test func servicesTakeTheCredentialOfTheHerd() async throws {
        try await withGuardedHerd { herd in
            for service in ["router", "scorer", "refiner"] {
                let client = try herd.client(herd.serviceSecret, of: service)
                defer { client.close() }
                #expect(try await client.call(Admin.health, HealthRequest()).service == service)
            }
            // They use it themselves: the router passes on what an operator asks of the scorer.
            let operate = try herd.client(herd.admin)
            defer { operate.close() }
            let predictors = try await operate.call(Scorer.listPredictors, ListPredictorsRequest())
            #expect(predictors.predictors.isEmpty)
            _ = try await operate.call(Refiner.listTranscripts, ListTranscriptsRequest())
        }
    }

    @Test func theCredentialOfTheHerdIsReplacedWithoutARestart() async throws {
        try await withGuardedHerd { herd in
            let old = try herd.client(herd.serviceSecret, of: "scorer")
            let operate = try herd.client(herd.admin)
            defer {
                old.close()
                operate.close()
            }
            _ = try await old.call(Admin.health, HealthRequest())
            let file = herd.folder.appending(path: "service.secret")
            // What can't be used changes nothing.
            try Data("short\n".utf8).write(to: file)
            let looked = ContinuousClock.now + .milliseconds(1_500)
            while ContinuousClock.now < looked { _ = try await old.call(Admin.health, HealthRequest()) }
            let fresh = String(herd.serviceSecret.reversed())
            try Data("\(fresh)\n".utf8).write(to: file)
            let deadline = ContinuousClock.now + .seconds(20)
            var last = StatusCode.ok
            while last != .unauthenticated, ContinuousClock.now < deadline {
                last = await code(of: Admin.health.path, with: old)
            }
            #expect(last == .unauthenticated)
            let new = try herd.client(fresh, of: "scorer")
            defer { new.close() }
            _ = try await new.call(Admin.health, HealthRequest())
            // The services find each other again.
            var isBack = false
            while !isBack, ContinuousClock.now < deadline {
                isBack = (try? await operate.call(Scorer.listPredictors, ListPredictorsRequest())) != nil
            }
            #expect(isBack)
        }
    }

    @Test func whatIsTakenAwayIsGoneFromOpenConnections() async throws {
        try await withGuardedHerd { herd in
            let (id, secret) = try await herd.token(["admin"])
            let client = try herd.client(secret)
            defer { client.close() }
            var events = client.stream(Registry.watchModels, WatchModelsRequest()).makeAsyncIterator()
            _ = try await events.next()
            let requested = try await client.call(Registry.listModels, ListModelsRequest())
            #expect(requested.models.isEmpty)
            try await herd.revoke(id)
            // The stream that was open ends, and the next call gets nowhere.
            await expectFailure(.unauthenticated) { while try await events.next() != nil {} }
            await expectFailure(.unauthenticated) {
                _ = try await client.call(Registry.listModels, ListModelsRequest())
            }
        }
    }

    @Test func expiryEndsOpenConnections() async throws {
        try await withGuardedHerd { herd in
            let (_, secret) = try await herd.token(["admin"], validMs: 4_000)
            let client = try herd.client(secret)
            defer { client.close() }
            var events = client.stream(Registry.watchModels, WatchModelsRequest()).makeAsyncIterator()
            _ = try await events.next()
            await expectFailure(.unauthenticated) { while try await events.next() != nil {} }
            await expectFailure(.unauthenticated) {
                _ = try await client.call(Registry.listModels, ListModelsRequest())
            }
        }
    }

    @Test func aRequestAfterTheExpiryIsNotRun() async throws {
        try await withGuardedHerd { herd in
            let (_, secret) = try await herd.token(["admin"], validMs: 300)
            let client = try herd.client(secret)
            defer { client.close() }
            // The sweep comes once a second; each request looks by itself.
            let deadline = ContinuousClock.now + .milliseconds(700)
            var last = StatusCode.ok
            while ContinuousClock.now < deadline { last = await code(of: Registry.listModels.path, with: client) }
            #expect(last == .unauthenticated)
        }
    }

    @Test func theTenantIsTheTokens() async throws {
        try await withGuardedHerd { herd in
            let operate = try herd.client(herd.admin)
            defer { operate.close() }
            _ = try await operate.call(Registry.putModel, PutModelRequest(model: Model(name: "one", free: true)))
            _ = try await operate.call(
                Registry.putPolicy, PutPolicyRequest(policy: Policy(name: "default", defaultModel: "one")))
            let acme = try herd.client(try await herd.token(["client"], tenant: "acme").secret)
            let nobody = try herd.client(try await herd.token(["client"]).secret)
            defer {
                acme.close()
                nobody.close()
            }
            var decisions: [String: String] = [:]
            // Asked twice: the second time the answer may come from the bytes of the request.
            for _ in 0..<2 {
                for (client, tenant) in [(acme, "acme"), (nobody, ""), (operate, "other")] {
                    let reply = try await client.call(
                        Router.route, RouteRequest(prompt: "hello"), metadata: ["tenant": "other"])
                    decisions[tenant] = reply.decisionId
                    let kept = try await operate.call(
                        Router.getDecision, GetDecisionRequest(decisionId: reply.decisionId))
                    #expect(kept.decision?.tenant == tenant)
                }
            }
            // Feedback is for one's own decisions.
            let own = FeedbackRequest(decisionId: try #require(decisions["acme"]), outcome: 1)
            _ = try await acme.call(Router.feedback, own)
            await expectFailure(.notFound) { _ = try await nobody.call(Router.feedback, own) }
        }
    }

    @Test func theFirstTokenGuardsTheHerd() async throws {
        try await withTestHerd { herd in
            await expectFailure(.failedPrecondition) {
                _ = try await herd.call(Access.createToken, CreateTokenRequest(roles: ["client"]))
            }
            let made = try await herd.call(Access.createToken, CreateTokenRequest(roles: ["admin"]))
            #expect(made.secret.hasPrefix("herd_\(made.token?.id ?? "")_"))
            // Also for those who were let in before.
            await expectFailure(.unauthenticated) {
                _ = try await herd.call(Registry.listModels, ListModelsRequest())
            }
        }
    }

    @Test func wrongPlansAreRefused() async throws {
        try await withGuardedHerd { herd in
            let operate = try herd.client(herd.admin)
            defer { operate.close() }
            for request in [
                CreateTokenRequest(), CreateTokenRequest(roles: ["king"]), CreateTokenRequest(roles: [""]),
                CreateTokenRequest(roles: ["admin"], tenant: "a\nb"),
                CreateTokenRequest(roles: ["admin"], validMs: .max),
                CreateTokenRequest(name: String(repeating: "x", count: 401), roles: ["admin"]),
            ] {
                await expectFailure(.invalidArgument) { _ = try await operate.call(Access.createToken, request) }
            }
            await expectFailure(.notFound) {
                _ = try await operate.call(Access.revokeToken, RevokeTokenRequest(id: "aaaaaaaaaa"))
            }
            let once = CreateTokenRequest(roles: ["client"], requestId: "r1")
            _ = try await operate.call(Access.createToken, once)
            await expectFailure(.alreadyExists) { _ = try await operate.call(Access.createToken, once) }
            // What is listed holds no secret.
            let list = try await operate.call(Access.listTokens, ListTokensRequest())
            #expect(list.tokens.count == 2)
            #expect(list.tokens.first { $0.name == "first" }?.createdBy == "offline")
        }
    }
}
