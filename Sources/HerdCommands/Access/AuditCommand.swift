package import ArgumentParser
package import HerdClient
import HerdFrames
import HerdMessages

package struct AuditCommand: ServiceCommand {
    package static let configuration = CommandConfiguration(
        commandName: "audit", abstract: "What operators did to the herd, the newest first.",
        discussion: """
            Each entry was on disk before its call was begun. One whose call has no code was going on when it was read, or
            the router was killed meanwhile.

            EXAMPLES
              herdctl audit --limit 20
              herdctl audit --json
            """)

    @Option(help: "The most entries.")
    var limit = 100
    @OptionGroup package var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    package init() {}

    package func validate() throws {
        guard (1...1_000_000).contains(limit) else {
            throw ValidationError("--limit must be 1 to 1000000, not \(limit)")
        }
    }

    package func run(with client: HerdClient) async throws {
        var all = ListAuditResponse()
        repeat {
            let page = Page(size: UInt32(min(1_000, limit - all.entries.count)), token: all.next)
            let reply = try await client.call(HerdMessages.Access.listAudit, ListAuditRequest(page: page))
            all.entries += reply.entries
            all.next = reply.next
        } while !all.next.isEmpty && all.entries.count < limit
        let entries = all
        try output.print(entries) {
            if entries.entries.isEmpty { return "Nothing was done yet.\n" }
            var table = TextTable([
                ("TIME", .left), ("WHO", .left), ("NAME", .left), ("FROM", .left), ("METHOD", .left),
                ("SUBJECT", .left), ("ENDED", .left),
            ])
            for entry in entries.entries {
                let code = StatusCode(rawValue: entry.code)
                table.add([
                    UTCTime.text(entry.timeUnixMs), entry.actor.isEmpty ? "anybody" : entry.actor,
                    entry.actorName.isEmpty ? "-" : entry.actorName, entry.peer.isEmpty ? "-" : entry.peer,
                    entry.method.hasPrefix("herd.v1.") ? String(entry.method.dropFirst(8)) : entry.method,
                    entry.subject.isEmpty ? "-" : entry.subject, entry.ended ? "\(code)" : "not known",
                ])
            }
            return table.text
        }
    }
}
