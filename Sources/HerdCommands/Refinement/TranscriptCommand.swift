package import ArgumentParser
import HerdClient
import HerdMessages
import HerdReflection

package struct TranscriptCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "transcript", abstract: "Transcripts of refinements: every draft, critique and rewrite.",
        discussion: "EXAMPLE\n  herdctl transcript list",
        subcommands: [TranscriptList.self, TranscriptShow.self, TranscriptDelete.self])

    package init() {}
}

/// Whose transcripts a command is about.
struct TranscriptTenant: ParsableArguments {
    @Option(help: "The tenant whose transcripts they are; every tenant's if not given.")
    var tenant: String?

    var metadata: [String: String] { tenant.map { ["tenant": $0] } ?? [:] }
}

struct TranscriptList: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List transcripts, newest first.",
        discussion: "EXAMPLES\n  herdctl transcript list --limit 20\n  herdctl transcript list --tenant acme")

    @Option(help: "How many at most; 100 if not given, 0 for all.")
    var limit = 100
    @OptionGroup var owner: TranscriptTenant
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard limit >= 0 else { throw ValidationError("--limit must be 0 (all) or more, not \(limit)") }
    }

    func run(with client: HerdClient) async throws {
        var all = ListTranscriptsResponse()
        repeat {
            let left = limit == 0 ? 1_000 : min(limit - all.transcripts.count, 1_000)
            let page = try await client.call(
                HerdMessages.Refiner.listTranscripts,
                ListTranscriptsRequest(page: Page(size: UInt32(left), token: all.next)), metadata: owner.metadata)
            all.transcripts += page.transcripts
            all.next = page.next
        } while !all.next.isEmpty && (limit == 0 || all.transcripts.count < limit)
        try output.print(all) {
            if all.transcripts.isEmpty {
                let whose = owner.tenant.map { " of tenant '\($0)'" } ?? ""
                return PrintableText.escaped("No transcripts\(whose) yet; herdctl refine makes one.") + "\n"
            }
            var table = TextTable([
                ("TRANSCRIPT", .left), ("BEGUN", .left), ("MODEL", .left), ("REFINED BY", .left), ("ROUNDS", .right),
                ("ENDED BY", .left), ("EXPIRES", .left),
            ])
            for transcript in all.transcripts {
                table.add([
                    transcript.transcriptId, UTCTime.text(transcript.timeUnixMs), transcript.model,
                    transcript.refineModel == transcript.model ? "" : transcript.refineModel, "\(transcript.rounds)",
                    transcript.stoppedBecause.isEmpty ? "(runs, or was killed)" : transcript.stoppedBecause,
                    transcript.expiresUnixMs == 0 ? "-" : UTCTime.text(transcript.expiresUnixMs),
                ])
            }
            return table.text
        }
    }
}

struct TranscriptShow: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show what was asked, drafted, criticised and rewritten.",
        discussion: "EXAMPLE\n  herdctl transcript show 0006418b4c7d2f10-5f3a9c2e")

    @Argument(help: "The transcript's id, as `herdctl refine` prints it.")
    var id: String
    @Flag(help: "Print every step as one line of JSON; keys are the message's field names.")
    var json = false
    @OptionGroup var owner: TranscriptTenant
    @OptionGroup var connection: ConnectionOptions

    func run(with client: HerdClient) async throws {
        let steps = client.stream(
            HerdMessages.Refiner.getTranscript, GetTranscriptRequest(transcriptId: id),
            timeout: connection.streamTimeout, metadata: owner.metadata)
        for try await step in steps {
            try StandardOutput.write(
                json ? MessageJSON.text(of: step, onOneLine: true) + "\n" : Self.text(of: step))
        }
    }

    private static func text(of step: TranscriptStep) -> String {
        var text = "--- \(UTCTime.text(step.timeUnixMs)) \(RefinementText.heading(step.step, step.round))\n"
        var words = step.text
        if let result = step.result {
            text += "    \(RefinementText.line(result))\n"
            words = result.text
        }
        if let finished = step.finished { text += "    \(RefinementText.line(finished))\n" }
        text += words
        if !words.isEmpty, !words.hasSuffix("\n") { text += "\n" }
        return PrintableText.escaped(text, keepsLines: true)
    }
}

struct TranscriptDelete: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete", abstract: "Delete a transcript; one that is not there is no error.",
        discussion: "EXAMPLE\n  herdctl transcript delete 0006418b4c7d2f10-5f3a9c2e")

    @Argument(help: "The transcript's id.")
    var id: String
    @OptionGroup var owner: TranscriptTenant
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func run(with client: HerdClient) async throws {
        let reply = try await client.call(
            HerdMessages.Refiner.deleteTranscript, DeleteTranscriptRequest(transcriptId: id),
            metadata: owner.metadata)
        try output.print(reply) { "deleted \(id)\n" }
    }
}
