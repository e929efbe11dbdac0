import ArgumentParser
import HerdServices

@main
struct Herdd: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "herdd",
        abstract: "The services of a herd.",
        discussion: """
            Configuration comes from flags, the environment (HERD_ROUTER_LISTEN=...) and a YAML file, in this order of
            precedence; Config/herdd.yaml shows every key with its default. SIGHUP has it read again: what can change while
            the process runs does, the log names what needs a restart, and a configuration that is wrong changes nothing.

            EXAMPLES
              herdd all --data data
              herdd scorer --data data/scorer --listen 127.0.0.1:7602
              herdd refiner --data data/refiner --listen 127.0.0.1:7603
              herdd router --data data/router --scorer 127.0.0.1:7602 --refiner 127.0.0.1:7603
              herdd check-config --config herdd.yaml && kill -HUP PID

            A new version, or a configuration that needs a restart, goes into service without a refused connection: started
            with --take-over it is given the sockets of the process on its data folder, which then ends as on SIGTERM.

              herdd router --data data/router --scorer 127.0.0.1:7602 --take-over
            """,
        version: HerdServicesVersion.text,
        subcommands: [
            All.self, RouterCommand.self, ScorerCommand.self, RefinerCommand.self, VerifyCommand.self,
            RestoreCommand.self, TokenCommand.self, CheckConfigCommand.self,
        ])

    struct All: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "all", abstract: "Router, scorer and refiner in one process.",
            discussion: "EXAMPLE\n  herdd all --data data --log-format text\n\n" + exitCodes)

        @Option(help: "Folder of the stores: DIR/router, DIR/scorer and DIR/refiner.")
        var data: String?
        @Option(help: "The router's address, host:port or unix:PATH; may be repeated.")
        var listen: [String] = []
        @Option(help: "The scorer's address, host:port or unix:PATH; may be repeated.")
        var scorerListen: [String] = []
        @Option(help: "The refiner's address, host:port or unix:PATH; may be repeated.")
        var refinerListen: [String] = []
        @Option(help: "Where the router serves /metrics, /healthz and /readyz (127.0.0.1:7611); 'none' for nowhere.")
        var httpListen: [String] = []
        @Option(help: "The same of the scorer (127.0.0.1:7612).")
        var scorerHttpListen: [String] = []
        @Option(help: "The same of the refiner (127.0.0.1:7613).")
        var refinerHttpListen: [String] = []
        @OptionGroup var common: CommonOptions

        func validate() throws {
            // The stores would be those of the root of the file system.
            guard data?.isEmpty != true else { throw ValidationError("--data is empty; name the folder of the stores") }
        }

        func run() async throws {
            var flags = common.flags
            flags.set("router.listen", listen)
            flags.set("scorer.listen", scorerListen)
            flags.set("refiner.listen", refinerListen)
            flags.set("router.http_listen", httpListen)
            flags.set("scorer.http_listen", scorerHttpListen)
            flags.set("refiner.http_listen", refinerHttpListen)
            flags.set("router.data", data.map { $0 + "/router" })
            flags.set("scorer.data", data.map { $0 + "/scorer" })
            flags.set("refiner.data", data.map { $0 + "/refiner" })
            try await common.run(.all, flags)
        }
    }

    struct RouterCommand: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "router", abstract: "Decides which model answers.",
            discussion: "EXAMPLE\n  herdd router --data data/router --scorer 127.0.0.1:7602\n\n" + exitCodes)

        @Option(help: "Folder of the store.")
        var data: String?
        @Option(help: "An address, host:port or unix:PATH; may be repeated.")
        var listen: [String] = []
        @Option(help: "Where /metrics, /healthz and /readyz are served (127.0.0.1:7611); 'none' for nowhere.")
        var httpListen: [String] = []
        @Option(help: "The scorer's address, host:port or unix:PATH.")
        var scorer: String?
        @Option(help: "The refiner's address, host:port or unix:PATH.")
        var refiner: String?
        @OptionGroup var common: CommonOptions

        func run() async throws {
            var flags = common.flags
            flags.set("router.listen", listen)
            flags.set("router.http_listen", httpListen)
            flags.set("router.data", data)
            flags.set("router.scorer_address", scorer)
            flags.set("router.refiner_address", refiner)
            try await common.run(.router, flags)
        }
    }

    struct ScorerCommand: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "scorer", abstract: "Keeps evaluations, trains predictors and predicts.",
            discussion: "EXAMPLE\n  herdd scorer --data data/scorer\n\n" + exitCodes)

        @Option(help: "Folder of the store.")
        var data: String?
        @Option(help: "An address, host:port or unix:PATH; may be repeated.")
        var listen: [String] = []
        @Option(help: "Where /metrics, /healthz and /readyz are served (127.0.0.1:7612); 'none' for nowhere.")
        var httpListen: [String] = []
        @Option(help: "The router's address, host:port or unix:PATH; it runs the models that are evaluated.")
        var router: String?
        @OptionGroup var common: CommonOptions

        func run() async throws {
            var flags = common.flags
            flags.set("scorer.listen", listen)
            flags.set("scorer.http_listen", httpListen)
            flags.set("scorer.data", data)
            flags.set("scorer.router_address", router)
            try await common.run(.scorer, flags)
        }
    }

    struct RefinerCommand: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "refiner", abstract: "Has answers criticised and rewritten, and keeps transcripts.",
            discussion: "EXAMPLE\n  herdd refiner --data data/refiner --router 127.0.0.1:7601\n\n" + exitCodes)

        @Option(help: "Folder of the store.")
        var data: String?
        @Option(help: "An address, host:port or unix:PATH; may be repeated.")
        var listen: [String] = []
        @Option(help: "Where /metrics, /healthz and /readyz are served (127.0.0.1:7613); 'none' for nowhere.")
        var httpListen: [String] = []
        @Option(help: "The router's address, host:port or unix:PATH; it runs the models.")
        var router: String?
        @Option(help: "Folder of critique.txt and rewrite.txt.")
        var prompts: String?
        @OptionGroup var common: CommonOptions

        func run() async throws {
            var flags = common.flags
            flags.set("refiner.listen", listen)
            flags.set("refiner.http_listen", httpListen)
            flags.set("refiner.data", data)
            flags.set("refiner.router_address", router)
            flags.set("refiner.prompts_dir", prompts)
            try await common.run(.refiner, flags)
        }
    }
}

/// Of every role, for `--help`.
private let exitCodes = """
    EXIT CODES
      0 a clean end; 64 wrong usage; 66 the embedding table can't be read; 69 an address can't be bound, or a service is not
      available; 70 internal error; 73 a store can't be opened, or not be taken over; 78 wrong configuration
    """

/// Flags that every role takes.
struct CommonOptions: ParsableArguments {
    @Option(help: "A configuration file (YAML).")
    var config: String?
    @Option(help: "trace, debug, info, notice, warning, error or critical.")
    var logLevel: String?
    @Option(help: "json or text.")
    var logFormat: String?
    @Option(help: "Path of the embedding table.")
    var embeddingTable: String?
    @Flag(help: "Take over from the process on the data folder: it hands over its sockets, drains, ends.")
    var takeOver = false
    @Option(help: "Write the addresses, as JSON, to this file once everything listens.")
    var readyFile: String?

    var flags: ConfigurationFlags {
        var flags = ConfigurationFlags()
        flags.set("log.level", logLevel)
        flags.set("log.format", logFormat)
        flags.set("embedding.table", embeddingTable)
        flags.set("server.take_over", takeOver)
        return flags
    }

    /// Configures, serves, and ends with an exit code that scripts can trust.
    func run(_ role: HerdRole, _ flags: ConfigurationFlags) async throws {
        let status = await HerdProcess.main(role, file: config, flags: flags, readyFile: readyFile)
        if status != 0 { throw ExitCode(status) }
    }
}

struct CheckConfigCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check-config",
        abstract: "Read a configuration, the files it names included, and say what is wrong.",
        discussion: """
            Reads what a start would read: the file, the environment, certificates, credentials and prompts. Nothing is
            opened for writing, and nothing listens.

            EXAMPLE
              herdd check-config --config /etc/herd/herdd.yaml && systemctl reload herd

            EXIT CODES
              0 right; 64 wrong usage; 78 wrong, with the key and the remedy on standard error
            """)

    @Option(help: "A configuration file (YAML).")
    var config: String?
    @Option(help: "Whose files are looked at: all, router, scorer or refiner.")
    var role = "all"

    func validate() throws {
        guard HerdRole(rawValue: role) != nil else {
            throw ValidationError("--role '\(role)' is none; use all, router, scorer or refiner")
        }
    }

    func run() async throws {
        let status = await HerdProcess.checkConfiguration(
            HerdRole(rawValue: role) ?? .all, file: config, flags: ConfigurationFlags())
        if status != 0 { throw ExitCode(status) }
    }
}
