import ArgumentParser
import HerdClient
import HerdMessages

/// How much the holder of a token may do.
struct TokenLimitOptions: ParsableArguments {
    @Option(help: "How many calls may begin in a second; 0 = no limit.")
    var callsPerSecond: Double?
    @Option(help: "How many calls may be open at a time, streams included; 0 = no limit.")
    var callsAtOnce: UInt32?
    @Option(help: "US dollars that its calls may spend on models in a day (UTC); 0 = no limit.")
    var usdPerDay: Double?

    var areGiven: Bool { callsPerSecond != nil || callsAtOnce != nil || usdPerDay != nil }

    func validate() throws {
        for (flag, value) in [("--calls-per-second", callsPerSecond), ("--usd-per-day", usdPerDay)] {
            guard let value else { continue }
            guard value.isFinite, value >= 0 else {
                throw ValidationError("\(flag) must be 0 (no limit) or more, not \(value)")
            }
        }
    }

    /// A limit for people: nothing where there is none.
    static func text(_ token: AccessToken) -> String {
        var parts: [String] = []
        if token.callsPerSecond > 0 { parts.append("\(NumberFormat.short(token.callsPerSecond))/s") }
        if token.callsAtOnce > 0 { parts.append("\(token.callsAtOnce) at once") }
        if token.usdPerDay > 0 { parts.append("$\(NumberFormat.short(token.usdPerDay))/day") }
        return parts.isEmpty ? "-" : parts.joined(separator: ", ")
    }
}

struct TokenLimit: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "limit", abstract: "Set how much a token's holder may do.",
        discussion: """
            What is not named stays as it was; 0 takes a limit away. It holds at once, for open connections as well, and what was
            spent of the day counts.

            EXAMPLES
              herdctl token limit kx4mzq7fab --usd-per-day 25
              herdctl token limit kx4mzq7fab --calls-per-second 0 --calls-at-once 64
            """)

    @Argument(help: "The token's id: what stands between the two underscores of herd_ID_SECRET.")
    var id: String
    @OptionGroup var limits: TokenLimitOptions
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard limits.areGiven else {
            throw ValidationError("name at least one of --calls-per-second, --calls-at-once and --usd-per-day")
        }
    }

    func run(with client: HerdClient) async throws {
        var request = SetTokenLimitsRequest(id: id)
        request.rate = limits.callsPerSecond.map { .callsPerSecond($0) }
        request.crowd = limits.callsAtOnce.map { .callsAtOnce($0) }
        request.money = limits.usdPerDay.map { .usdPerDay($0) }
        let reply = try await client.call(HerdMessages.Access.setTokenLimits, request)
        try output.print(reply) {
            let text = TokenLimitOptions.text(reply.token ?? AccessToken())
            return text == "-" ? "\(id): no limits\n" : "\(id): \(text)\n"
        }
    }
}
