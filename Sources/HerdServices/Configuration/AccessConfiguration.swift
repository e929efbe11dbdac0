import Configuration

/// Who is let in, besides by the tokens in the router's store.
package struct AccessConfiguration: Sendable, Equatable {
    /// `access.service_credential_file`: the secret that router, scorer and refiner know each other by; empty = none.
    package var serviceCredentialFile = ""
    /// `access.client_certificates`: what owners of client certificates may do, `NAME=ROLE` each.
    package var clientCertificates: [String] = []

    package init() {}

    mutating func read(from reader: ConfigReader) throws(ConfigurationError) {
        serviceCredentialFile = reader.string(
            forKey: "access.service_credential_file", default: serviceCredentialFile)
        clientCertificates = reader.stringArray(forKey: "access.client_certificates", default: clientCertificates)
        _ = try CertificateRules(clientCertificates)
    }
}
