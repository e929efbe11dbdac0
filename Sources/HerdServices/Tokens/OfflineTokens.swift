import Glibc
import HerdFrames
import HerdJSON
package import HerdMessages
import HerdServer
import HerdStore
import Logging

/// `herdd token create`: makes a token in the store of a router that does not run, most of all the first one, without which
/// nobody may make one over the wire. The audit log has it as done by `herdd`.
package struct OfflineTokens: Sendable {
    /// The router's store, or a folder with the folder `router` of it.
    package let data: String

    package init(data: String) {
        self.data = data
    }

    /// Makes a token and gives it with its secret; it is on disk then.
    ///
    /// - Parameters:
    ///   - roles: names of roles.
    ///   - validMilliseconds: 0 = it never expires.
    /// - Throws: `CallError` for a wrong argument, `StoreError` for a store that can't be written or is in use.
    package func create(
        name: String, roles: [String], tenant: String, validMilliseconds: UInt64, limits: TokenLimits = TokenLimits()
    ) async throws -> CreateTokenResponse {
        var plan = TokenPlan()
        plan.name = name
        plan.roles = try TokenPlan.roles(roles)
        plan.tenant = tenant
        plan.validMilliseconds = validMilliseconds
        plan.createdBy = "offline"
        plan.limits = limits
        try plan.check()
        let store = try ServiceStore.open(
            "router", path: storePath, tables: RouterService.tables(RouterConfiguration()),
            maxBytes: RouterConfiguration().storeMaxBytes, logger: Logger(label: "herdd"))
        do {
            let subject = AuditSubject.plan(CreateTokenRequest(name: name, roles: plan.roles.names, tenant: tenant))
            let (record, secret) = try await TokenTable(store: store).create(
                plan, nowMs: WallClock.milliseconds(),
                entry: AuditRecord(byProcess: Access.createToken.path, subject: subject))
            await store.close()
            return CreateTokenResponse(token: AccessToken(record), secret: secret.text)
        } catch {
            await store.close()
            throw error
        }
    }

    /// Where the store is, or is made.
    package var storePath: String { RouterFolder.ofToken(data) }

    /// The same as a program: prints the secret, and only it, on standard output, what else there is to know on standard
    /// error; or all of it as JSON.
    ///
    /// - Returns: the exit status: 0; 64 wrong argument; 73 the store can't be opened; 75 its router runs.
    package func printNew(
        name: String, roles: [String], tenant: String, validMilliseconds: UInt64, limits: TokenLimits, json: Bool
    ) async -> Int32 {
        do {
            let made = try await create(
                name: name, roles: roles, tenant: tenant, validMilliseconds: validMilliseconds, limits: limits)
            if json {
                Self.write(Self.json(of: made) + "\n", to: STDOUT_FILENO)
            } else {
                Self.write(made.secret + "\n", to: STDOUT_FILENO)
                Self.write(
                    "herdd: token \(made.token?.id ?? "") (\(roles.joined(separator: ", "))) is in \(storePath); its "
                        + "secret, above, is told this once\n", to: STDERR_FILENO)
            }
            return 0
        } catch let error as StoreError {
            guard error.code == .alreadyOpen else { return Self.fail(error.message, EX_CANTCREAT) }
            return Self.fail("the router of '\(data)' runs; make the token with herdctl token create", EX_TEMPFAIL)
        } catch let error as CallError {
            return Self.fail(error.message, error.code == .invalidArgument ? EX_USAGE : EX_CANTCREAT)
        } catch {
            return Self.fail("\(error)", EX_SOFTWARE)
        }
    }

    private static func json(of made: CreateTokenResponse) -> String {
        let token = made.token ?? AccessToken()
        return JSONNode.object([
            (
                "token",
                .object([
                    ("id", .string(token.id)), ("name", .string(token.name)),
                    ("roles", .array(token.roles.map { .string($0) })), ("tenant", .string(token.tenant)),
                    ("created_unix_ms", .number(token.createdUnixMs)),
                    ("expires_unix_ms", .number(token.expiresUnixMs)), ("created_by", .string(token.createdBy)),
                    ("calls_per_second", .number(token.callsPerSecond)),
                    ("calls_at_once", .number(token.callsAtOnce)), ("usd_per_day", .number(token.usdPerDay)),
                ])
            ), ("secret", .string(made.secret)),
        ]).text()
    }

    private static func fail(_ message: String, _ status: Int32) -> Int32 {
        write("herdd: \(message)\n", to: STDERR_FILENO)
        return status
    }

    private static func write(_ text: String, to descriptor: Int32) {
        var text = text
        text.withUTF8 { bytes in _ = Glibc.write(descriptor, bytes.baseAddress, bytes.count) }
    }
}
