package import ArgumentParser
import Glibc

package struct VerifyCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Check every page and record of a backup, or of a stopped herd's data.",
        discussion: """
            DIR is one store, or a folder of stores as herdd all --data DIR makes it. Each damaged record is reported by
            table and key. A store that a service has open is refused: verify a backup of it.

            EXAMPLES
              herdctl verify /backups/monday
              herdctl verify data --json

            EXIT CODES
              0 sound; 65 damaged; 66 no store there; 74 or 77 it can't be read; 75 a service has it open
            """)

    @Argument(
        help: ArgumentHelp("A store's folder, or one that holds router/, scorer/ and refiner/.", valueName: "dir"))
    var folder: String
    @Flag(help: "Print JSON instead of lines for people.")
    var json = false

    package init() {}

    package func run() throws {
        try StoreCheck.run(["verify"] + (json ? ["--json"] : []) + ["--", folder], folder: folder, json: json)
    }
}

package struct RestoreCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "restore", abstract: "Check a backup and copy it to a new data folder.",
        discussion: """
            Nothing appears under DATA before everything is checked and on the disk. DATA must be missing or empty: stop
            the herd and move its old data away first.

            EXAMPLE
              herdctl restore /backups/monday data && herdd all --data data

            EXIT CODES
              0 restored; 64 wrong usage; 65 the backup is damaged; 66 no backup there; 73 DATA holds something;
              74 or 77 the disk; 75 a service has the backup open
            """)

    @Argument(help: "A backup: a store's folder, or one that holds router/, scorer/ and refiner/.")
    var backup: String
    @Argument(help: "The data folder to be.")
    var data: String
    @Flag(help: "Restore although some records are damaged; they are reported and stay unreadable.")
    var keepDamaged = false
    @Flag(help: "Print JSON instead of a line for people.")
    var json = false

    package init() {}

    package func run() throws {
        let flags = (keepDamaged ? ["--keep-damaged"] : []) + (json ? ["--json"] : [])
        try StoreCheck.run(["restore"] + flags + ["--", backup, data], folder: backup, json: json)
    }
}

private enum StoreCheck {
    static func run(_ arguments: [String], folder: String, json: Bool) throws {
        do {
            let end = try DaemonProgram(arguments: arguments).run()
            switch end {
            case .exited(0): return
            // It has said why.
            case .exited(let status): throw ExitCode(status)
            case .signalled(let signal):
                let name = String(cString: strsignal(signal))
                guard end.isCrash else {
                    throw CommandFailure("the check of '\(folder)' was stopped by a signal: \(name)", exitCode: 75)
                }
                if json { try StandardOutput.write("{\"sound\": false, \"stores\": []}\n") }
                throw CommandFailure(
                    "'\(folder)' is damaged: reading it ended the check with a signal (\(name)); restore another backup",
                    exitCode: 65)
            }
        } catch let error as CommandFailure {
            throw error.report()
        }
    }
}
