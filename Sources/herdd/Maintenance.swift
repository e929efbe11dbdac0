import ArgumentParser
import HerdServices

struct VerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Check every page and record of stores that no service has open.",
        discussion: """
            DIR is one store or a folder of stores: a backup, or the data folder of a herd that is stopped. Use herdctl
            verify, which runs this in a process that may die of a badly damaged file.

            EXAMPLE
              herdd verify /backups/monday

            EXIT CODES
              0 sound; 65 damaged; 66 no store there; 74 or 77 it can't be read; 75 a service has it open
            """)

    @Argument(help: "A store's folder, or one that holds router/, scorer/ and refiner/.")
    var folder: String
    @OptionGroup var output: MaintenanceOptions

    func run() throws {
        try output.end(with: output.maintenance.verify(folder))
    }
}

struct RestoreCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore", abstract: "Check a backup and copy it to a new data folder.",
        discussion: """
            EXAMPLE
              herdd restore /backups/monday data && herdd all --data data

            EXIT CODES
              0 restored; 64 wrong usage; 65 the backup is damaged; 66 no backup there; 73 the data folder holds something; 74 or 77 the
              disk; 75 a service has the backup open
            """)

    @Argument(help: "A backup: a store's folder, or one that holds router/, scorer/ and refiner/.")
    var backup: String
    @Argument(help: "The data folder to be; it must be missing or empty.")
    var data: String
    @Flag(help: "Restore although some records are damaged; they stay unreadable.")
    var keepDamaged = false
    @OptionGroup var output: MaintenanceOptions

    func run() throws {
        try output.end(with: output.maintenance.restore(backup, to: data, keepsDamaged: keepDamaged))
    }
}

/// How the two print.
struct MaintenanceOptions: ParsableArguments {
    @Flag(help: "Print JSON.")
    var json = false
    @Flag(help: "Write lines 'progress DONE TOTAL LABEL' to standard error.")
    var progress = false

    var maintenance: StoreMaintenance { StoreMaintenance(json: json, showsProgress: progress) }

    func end(with status: Int32) throws {
        if status != 0 { throw ExitCode(status) }
    }
}
