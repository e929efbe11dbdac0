import ArgumentParser
import HerdServices

struct TokenCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token", abstract: "Tokens in the store of a router that does not run.",
        discussion: "A running router's tokens are made with herdctl token create.", subcommands: [TokenCreate.self])
}

struct TokenCreate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create", abstract: "Make a token, most of all the first one.",
        discussion: """
            From the first token on nobody may call the router without one, and it may listen on other addresses than this
            machine's. The secret is printed on standard output, once: only a hash of it is kept.

            EXAMPLES
              herdd token create --role admin --data data > admin.token && chmod 600 admin.token
              herdd all --data data --listen 0.0.0.0:7601 &
              HERD_TOKEN_FILE=admin.token herdctl status
              herdd token create --role client --tenant acme --usd-per-day 25 --calls-at-once 16 --data data

            EXIT CODES
              0 made; 64 wrong usage; 73 the store can't be opened or written; 75 its router runs (herdctl token create)
            """)

    @Option(help: "The folder of the stores, as for herdd all, or the router's own.")
    var data: String
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
    @Option(help: "How many calls may begin in a second; 0 = no limit.")
    var callsPerSecond = 0.0
    @Option(help: "How many calls may be open at a time, streams included; 0 = no limit.")
    var callsAtOnce: UInt32 = 0
    @Option(help: "US dollars that its calls may spend on models in a day (UTC); 0 = no limit.")
    var usdPerDay = 0.0
    @Flag(help: "Print JSON: the token and its secret.")
    var json = false

    func validate() throws {
        guard !data.isEmpty else { throw ValidationError("--data is empty; name the folder of the stores") }
        guard !role.isEmpty else { throw ValidationError("--role is missing; name client, admin or service") }
        guard days.map({ $0 > 0 && $0 <= 3_650 }) ?? true else {
            throw ValidationError("--days must be over 0 and at most 3650, not \(days ?? 0)")
        }
    }

    func run() async throws {
        let valid = days.map { max(1, UInt64($0 * 86_400_000)) } ?? 0
        let status = await OfflineTokens(data: data).printNew(
            name: name, roles: role, tenant: tenant, validMilliseconds: valid,
            limits: TokenLimits(
                callsPerSecond: callsPerSecond, callsAtOnce: callsAtOnce, usdPerDay: usdPerDay), json: json)
        if status != 0 { throw ExitCode(status) }
    }
}
