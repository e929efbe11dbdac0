package import ArgumentParser
import HerdClient

/// Who calls, and how the connection is encrypted. Secrets come from files or the environment: what is on a command line is
/// for everybody on the machine to see.
package struct CredentialOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "A file whose first line is the token to show.",
            discussion: "Or the environment variable HERD_TOKEN_FILE, or the token itself in HERD_TOKEN.",
            valueName: "file"))
    package var tokenFile: String?

    @Flag(help: "Encrypt the connection (TLS); any of the options below does, too. Or HERD_TLS=1.")
    package var tls = false

    @Option(
        help: ArgumentHelp(
            "The authorities that servers' certificates are trusted by, PEM; else the system's. Or HERD_CA_FILE.",
            valueName: "file"))
    package var caFile: String?

    @Option(
        help: ArgumentHelp(
            "The certificate to show, PEM, with --key-file. Or HERD_CERTIFICATE_FILE.", valueName: "file"))
    package var certificateFile: String?

    @Option(help: ArgumentHelp("That certificate's key, PEM. Or HERD_KEY_FILE.", valueName: "file"))
    package var keyFile: String?

    @Option(
        help: ArgumentHelp(
            "The name that the server's certificate is for, where it is another than in the address. Or "
                + "HERD_SERVER_NAME.", valueName: "name"))
    package var serverName: String?

    package init() {}

    package func validate() throws {
        let certificate = Self.value(certificateFile, "HERD_CERTIFICATE_FILE")
        let key = Self.value(keyFile, "HERD_KEY_FILE")
        guard certificate.isEmpty == key.isEmpty else {
            throw ValidationError("--certificate-file and --key-file go together; give both or none")
        }
    }

    func apply(to configuration: inout ClientConfiguration) {
        if let token = ProcessEnvironment.value("HERD_TOKEN") { configuration.authorization = "Bearer \(token)" }
        configuration.tokenFile = tokenFile ?? ""
        // What is given on the command line goes before the environment, and there a token before a file.
        if tokenFile == nil, configuration.authorization.isEmpty {
            configuration.tokenFile = ProcessEnvironment.value("HERD_TOKEN_FILE") ?? ""
        }
        var security = TransportSecurity()
        security.authorityFile = Self.value(caFile, "HERD_CA_FILE")
        security.certificateFile = Self.value(certificateFile, "HERD_CERTIFICATE_FILE")
        security.keyFile = Self.value(keyFile, "HERD_KEY_FILE")
        security.serverName = Self.value(serverName, "HERD_SERVER_NAME")
        let isWanted = tls || !["", "0"].contains(ProcessEnvironment.value("HERD_TLS") ?? "")
        if isWanted || security != TransportSecurity() { configuration.transportSecurity = security }
    }

    private static func value(_ option: String?, _ variable: String) -> String {
        option ?? ProcessEnvironment.value(variable) ?? ""
    }
}
