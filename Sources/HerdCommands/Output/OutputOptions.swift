import ArgumentParser
import HerdMessages
import HerdReflection

/// How a command prints what it got.
package struct OutputOptions: ParsableArguments {
    @Flag(help: "Print JSON instead of a table; keys are the message's field names.")
    package var json = false

    package init() {}

    /// Prints the message as JSON, or what `table` makes of it.
    func print(_ message: some Message, table: () -> String) throws(CommandFailure) {
        try StandardOutput.write(json ? MessageJSON.text(of: message) + "\n" : table())
    }
}
