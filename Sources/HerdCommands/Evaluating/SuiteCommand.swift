package import ArgumentParser
import HerdClient
package import HerdMessages
import HerdReflection

package struct SuiteCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "suite", abstract: "Suites of questions that were put for evaluation.",
        discussion: """
            EXAMPLES
              herdctl suite list
              herdctl suite remove math --id sum-1 --id sum-2
            """,
        subcommands: [SuiteList.self, SuiteRemove.self])

    package init() {}
}

struct SuiteList: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List suites by name, with what is stored of each.",
        discussion: "EXAMPLES\n  herdctl suite list\n  herdctl suite list --json")

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func run(with client: HerdClient) async throws {
        var all = ListSuitesResponse()
        repeat {
            let page = try await client.call(
                HerdMessages.Scorer.listSuites, ListSuitesRequest(page: Page(size: 1_000, token: all.next)))
            all.suites += page.suites
            all.next = page.next
        } while !all.next.isEmpty
        try output.print(all) { SuiteText.table(all.suites) }
    }
}

struct SuiteRemove: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove", abstract: "Remove a suite, or some of its questions, with the answers.",
        discussion: """
            The scores that the answers gave are taken out of the evaluations; one goes with its last score, and with it
            the prompt. --keep-evaluations leaves them to train and perfics. While the suite is evaluated nothing is
            removed (exit code 75).

            EXAMPLES
              herdctl suite remove math
              herdctl suite remove math --id sum-1 --id sum-2
              herdctl suite remove math --keep-evaluations --json
            """)

    @Argument(help: "The suite's name, as `herdctl suite list` shows it.")
    var suite: String
    @Option(name: .customLong("id"), help: "Only this question; may be repeated. All if not given.")
    var ids: [String] = []
    @Flag(help: "Leave the evaluations that came of it, with their prompts.")
    var keepEvaluations = false
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func run(with client: HerdClient) async throws {
        let reply = try await client.call(
            HerdMessages.Scorer.removeSuite,
            RemoveSuiteRequest(suite: suite, ids: ids, keepEvaluations: keepEvaluations))
        try output.print(reply) { SuiteText.removed(reply, suite: suite) }
    }
}

/// Suites as people read them.
package enum SuiteText {
    package static func table(_ suites: [SuiteSummary]) -> String {
        guard !suites.isEmpty else { return "No suites yet; herdctl evaluate FILE puts one and runs it.\n" }
        var table = TextTable([
            ("SUITE", .left), ("QUESTIONS", .right), ("ANSWERS", .right), ("COST US$", .right), ("MODELS", .left),
        ])
        for suite in suites {
            let more = suite.models.count > 5 ? " and \(suite.models.count - 5) more" : ""
            table.add([
                suite.suite, "\(suite.questions)", "\(suite.answers)", NumberFormat.dollars(suite.costUsd),
                suite.models.prefix(5).joined(separator: ", ") + more,
            ])
        }
        return table.text
    }

    package static func removed(_ reply: RemoveSuiteResponse, suite: String) -> String {
        "removed \(reply.questions) questions and \(reply.answers) answers of suite \(PrintableText.escaped(suite)), "
            + "\(reply.left) questions are left; \(reply.evaluations) evaluations changed\n"
    }
}
