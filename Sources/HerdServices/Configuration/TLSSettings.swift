import Configuration
import HerdClient
import HerdTransport

/// How connections of servers are encrypted; files are PEM.
package struct TLSSettings: Sendable, Equatable {
    /// `tls.certificate_file`: the servers' certificate, and those that lead from it to an authority; empty = no TLS.
    package var certificateFile = ""
    /// `tls.key_file`: the certificate's private key.
    package var keyFile = ""
    /// `tls.client_ca_file`: the authorities whose certificates clients may show; empty = none.
    package var clientCAFile = ""

    package init() {}

    mutating func read(from reader: ConfigReader) throws(ConfigurationError) {
        certificateFile = reader.string(forKey: "tls.certificate_file", default: certificateFile)
        keyFile = reader.string(forKey: "tls.key_file", default: keyFile)
        clientCAFile = reader.string(forKey: "tls.client_ca_file", default: clientCAFile)
        guard certificateFile.isEmpty == keyFile.isEmpty else {
            throw ConfigurationError("tls.certificate_file and tls.key_file go together; set both or none")
        }
        guard clientCAFile.isEmpty || !certificateFile.isEmpty else {
            throw ConfigurationError("tls.client_ca_file is of use only with tls.certificate_file and tls.key_file")
        }
    }

    /// Reads the files; nil where none are set.
    func server() throws(ConfigurationError) -> ServerTLS? {
        guard !certificateFile.isEmpty else { return nil }
        do throws(TLSFileError) {
            return try ServerTLS(
                ServerTLSFiles(certificate: certificateFile, key: keyFile, clientAuthorities: clientCAFile))
        } catch {
            throw ConfigurationError("tls: \(error)")
        }
    }
}

/// How router, scorer and refiner dial each other.
package struct LinkSettings: Sendable, Equatable {
    /// `links.ca_file`: the authorities of the others' certificates; empty = they are dialled without TLS.
    package var caFile = ""
    /// `links.certificate_file`: the certificate to show them; empty = none.
    package var certificateFile = ""
    /// `links.key_file`: that certificate's private key.
    package var keyFile = ""
    /// `links.server_name`: the name that their certificates are for; empty = the one they are dialled by.
    package var serverName = ""

    package init() {}

    mutating func read(from reader: ConfigReader) throws(ConfigurationError) {
        caFile = reader.string(forKey: "links.ca_file", default: caFile)
        certificateFile = reader.string(forKey: "links.certificate_file", default: certificateFile)
        keyFile = reader.string(forKey: "links.key_file", default: keyFile)
        serverName = reader.string(forKey: "links.server_name", default: serverName)
        guard certificateFile.isEmpty == keyFile.isEmpty else {
            throw ConfigurationError("links.certificate_file and links.key_file go together; set both or none")
        }
        guard !caFile.isEmpty || certificateFile.isEmpty && serverName.isEmpty else {
            throw ConfigurationError("links.ca_file is missing; without it the services dial each other without TLS")
        }
    }

    /// Reads the files, to see whether they are right; nothing is kept of them.
    func check() throws(ConfigurationError) {
        guard !caFile.isEmpty else { return }
        do throws(TLSFileError) {
            try ClientTLS(ClientTLSFiles(authorities: caFile, certificate: certificateFile, key: keyFile)).prepare()
        } catch {
            throw ConfigurationError("links: \(error)")
        }
    }

    var security: TransportSecurity? {
        guard !caFile.isEmpty else { return nil }
        var security = TransportSecurity()
        security.authorityFile = caFile
        security.certificateFile = certificateFile
        security.keyFile = keyFile
        security.serverName = serverName
        return security
    }
}
