package import ArgumentParser
import HerdClient
import HerdMessages

package struct TokenCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "token", abstract: "Who may call the herd, and how much: tokens, made, listed, limited, revoked.",
        discussion: """
            The first token of a herd is best made while its router does not run: herdd token create --role admin --data DIR.
            From the first one on nobody gets in without a token.

            EXAMPLE
              HERD_TOKEN_FILE=admin.token herdctl token create --role client --tenant acme --days 90
            """,
        subcommands: [TokenCreate.self, TokenList.self, TokenLimit.self, TokenRevoke.self])

    package init() {}
}

struct TokenCreate: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "create", abstract: "Make a token; its secret is printed once.",
        discussion: """
            The secret goes to standard output, alone; only a hash of it is kept.

            EXAMPLES
              herdctl token create --role client --tenant acme --name "billing service" > acme.token
              herdctl token create --role admin --days 30 --json
              herdctl token create --role client --tenant acme --usd-per-day 25 --calls-per-second 100 --calls-at-once 16

            Over a limit calls end with RESOURCE_EXHAUSTED; herdctl usage shows what was spent.
            """)

    @Option(
        parsing: .singleValue,
        help: "client (route, complete, refine, feedback), admin (everything) or service; may be repeated.")
    var role: [String] = []
    @Option(help: "What it is for.")
    var name = ""
    @Option(help: "On whose behalf all its calls are made.")
    var tenant = ""
    @Option(help: "Days until it expires, at most 3650; never if not given.")
    var days: Double?
    @OptionGroup var limits: TokenLimitOptions
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard !role.isEmpty else { throw ValidationError("--role is missing; name client, admin or service") }
        guard days.map({ $0 > 0 && $0 <= 3_650 }) ?? true else {
            throw ValidationError("--days must be over 0 and at most 3650, not \(days ?? 0)")
        }
    }

    func run(with client: HerdClient) async throws {
        let reply = try await client.call(
            HerdMessages.Access.createToken,
            CreateTokenRequest(
                name: name, roles: role, tenant: tenant, validMs: days.map { max(1, UInt64($0 * 86_400_000)) } ?? 0,
                requestId: RequestID.make(), callsPerSecond: limits.callsPerSecond ?? 0,
                callsAtOnce: limits.callsAtOnce ?? 0, usdPerDay: limits.usdPerDay ?? 0))
        try output.print(reply) { reply.secret + "\n" }
        if !output.json {
            StandardError.print("herdctl: token \(reply.token?.id ?? ""); its secret, above, is told this once")
        }
    }
}

struct TokenList: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the tokens, revoked and expired ones too.",
        discussion: "EXAMPLE\n  herdctl token list --json")

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func run(with client: HerdClient) async throws {
        var all = ListTokensResponse()
        var next = ""
        repeat {
            let page = try await client.call(
                HerdMessages.Access.listTokens, ListTokensRequest(page: Page(size: 1_000, token: next)))
            all.tokens += page.tokens
            next = page.next
        } while !next.isEmpty
        try output.print(all) {
            if all.tokens.isEmpty {
                return "No token: without client certificates or a service credential everybody on this machine may "
                    + "call the herd.\n"
            }
            var table = TextTable([
                ("ID", .left), ("ROLES", .left), ("TENANT", .left), ("NAME", .left), ("MADE", .left), ("BY", .left),
                ("EXPIRES", .left), ("REVOKED", .left), ("LIMITS", .left),
            ])
            for token in all.tokens {
                table.add([
                    token.id, token.roles.joined(separator: ","), token.tenant.isEmpty ? "-" : token.tenant,
                    token.name.isEmpty ? "-" : token.name, Self.time(token.createdUnixMs),
                    token.createdBy.isEmpty ? "-" : token.createdBy,
                    token.expiresUnixMs == 0 ? "never" : Self.time(token.expiresUnixMs),
                    Self.time(token.revokedUnixMs), TokenLimitOptions.text(token),
                ])
            }
            return table.text
        }
    }

    private static func time(_ milliseconds: UInt64) -> String {
        milliseconds == 0 ? "-" : UTCTime.text(milliseconds)
    }
}

struct TokenRevoke: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "revoke", abstract: "Take a token out of force, for good.",
        discussion: """
            Connections that came with it end at once.

            EXAMPLE
              herdctl token revoke kx4mzq7fab
            """)

    @Argument(help: "The token's id: what stands between the two underscores of herd_ID_SECRET.")
    var id: String
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func run(with client: HerdClient) async throws {
        let reply = try await client.call(HerdMessages.Access.revokeToken, RevokeTokenRequest(id: id))
        try output.print(reply) { "revoked \(id)\n" }
    }
}
