import ArgumentParser
import HerdLoad

struct CompareCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compare", abstract: "Compare two reports, figure by figure.",
        discussion: """
            Both are files that `herd-load --json` wrote. The ratio is of the second to the first.

            EXAMPLES
              herd-load --json > before.json; (change something); herd-load --json > after.json
              herd-load compare before.json after.json
            """)

    @Argument(help: "The first report.")
    var first: String
    @Argument(help: "The second report.")
    var second: String
    @Flag(help: "Print JSON instead of a table.")
    var json = false

    func run() throws {
        do throws(LoadFailure) {
            let comparison = try ReportComparison(
                (first, try Prompts.contents(of: first)), (second, try Prompts.contents(of: second)))
            for difference in comparison.differences {
                Terminal.tell("herd-load: the runs differ in \(difference)\n")
            }
            try OutputFile.standard.write(json ? comparison.json : comparison.table)
        } catch {
            Terminal.tell("herd-load: \(error.message)\n")
            throw ExitCode(error.exitCode)
        }
    }
}
