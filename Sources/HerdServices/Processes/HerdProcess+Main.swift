import Glibc
import HerdFrames
import HerdPrediction
import HerdStore
import Logging

/// What `herdd --version` says.
package enum HerdServicesVersion {
    package static let text = HerdVersion.text
}

extension HerdProcess {
    /// Reads the configuration, serves, and gives the exit status (sysexits.h): 0 after a clean end, 78 for a wrong
    /// configuration, 66 for a table that can't be read, 73 for a store that can't be opened or taken over, 70 where
    /// something in it fails, 69 for an address that can't be bound and anything else. Why is on standard error, in a
    /// sentence.
    package static func main(
        _ role: HerdRole, file: String?, flags: ConfigurationFlags, readyFile: String?
    ) async -> Int32 {
        do {
            let configuration = try await HerdConfiguration.load(file: file, flags: flags)
            LineLogHandler.bootstrap(configuration.log)
            for variable in configuration.strayVariables {
                Logger(label: "herdd").warning(
                    "a variable of the environment looks like a setting, and there is none of that name",
                    metadata: ["variable": "\(variable)", "remedy": "Config/herdd.yaml has every key"])
            }
            try await run(role, configuration: configuration, readyFile: readyFile) {
                try await HerdConfiguration.load(file: file, flags: flags)
            }
            LineOutput.standardError.flush()
            return 0
        } catch let error as ConfigurationError {
            return fail(error.description, EX_CONFIG)
        } catch let error as EmbeddingTableError {
            return fail("\(error)", EX_NOINPUT)
        } catch let error as StoreError where error.code == .alreadyOpen {
            return fail(
                error.message + "; or take over from it, without a refused connection, by --take-over", EX_CANTCREAT)
        } catch let error as StoreError {
            return fail(error.message, EX_CANTCREAT)
        } catch let error as TakeOverFailure {
            return fail(error.description, EX_CANTCREAT)
        } catch let error as CallError {
            return fail(error.description, EX_SOFTWARE)
        } catch {
            return fail("\(error)", EX_UNAVAILABLE)
        }
    }

    /// Reads the configuration and what it names, as a start would, and says on standard output that it is right; else as
    /// `main`.
    ///
    /// - Parameter role: whose keys are looked at more closely: files that the others name are not read.
    package static func checkConfiguration(
        _ role: HerdRole, file: String?, flags: ConfigurationFlags
    ) async -> Int32 {
        do {
            let configuration = try await HerdConfiguration.load(file: file, flags: flags)
            try ConfigurationFiles.check(role, configuration)
            print("the configuration is right\(file.map { ": '\($0)'" } ?? "")")
            return 0
        } catch let error as ConfigurationError {
            return fail(error.description, EX_CONFIG)
        } catch {
            return fail("\(error)", EX_CONFIG)
        }
    }

    private static func fail(_ message: String, _ status: Int32) -> Int32 {
        // Behind the lines that are logged.
        LineOutput.standardError.add("herdd: \(message)\n", isLast: true)
        LineOutput.standardError.flush()
        return status
    }
}
