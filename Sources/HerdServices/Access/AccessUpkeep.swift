import HerdServer
import HerdTransport
import Logging

/// Looks, once a second, whether somebody's time is up, or a file with a credential or certificate has changed.
struct AccessUpkeep: Sendable {
    let access: HerdAccess
    /// Of the server; nil without.
    let tls: ServerTLS?
    let logger: Logger

    private static let interval = Duration.seconds(1)
    /// Of all connections, whatever is known of their credentials: certificates expire, clocks are set.
    private static let sweeps = 30

    /// Until the task is cancelled.
    func run() async {
        var round = 0
        var credentialVersion = access.credential?.version
        var authorityVersion = tls?.authorityVersion
        var checked = WallClock.milliseconds()
        while (try? await Task.sleep(for: Self.interval)) != nil {
            reloadCredential()
            if let version = access.credential?.version, version != credentialVersion {
                credentialVersion = version
                access.changed()
            }
            reloadCertificate()
            // Whichever of the services of a process has read it.
            if let version = tls?.authorityVersion, version != authorityVersion {
                authorityVersion = version
                access.changed()
            }
            let now = WallClock.milliseconds()
            round += 1
            let hasExpired = access.tokens?.hasExpiry(after: min(checked, now), upTo: max(checked, now)) ?? false
            if hasExpired || round % Self.sweeps == 0 { access.recheckConnections() }
            checked = now
        }
    }

    private func reloadCredential() {
        guard let credential = access.credential else { return }
        do throws(ConfigurationError) {
            guard try credential.reload() else { return }
            logger.notice("the service credential was replaced", metadata: ["file": "\(credential.path)"])
        } catch {
            logger.error(
                "the service credential stays as it was, because its file can't be used",
                metadata: ["error": "\(error)"])
        }
    }

    private func reloadCertificate() {
        guard let tls else { return }
        do throws(TLSFileError) {
            guard try tls.reload() else { return }
            logger.notice(
                "new connections have the new certificate",
                metadata: [
                    "file": "\(tls.files.certificate)",
                    "expires": "\(WallClock.text(milliseconds: UInt64(max(0, tls.expiry)) * 1_000))",
                ])
        } catch {
            logger.error(
                "the certificate stays as it was, because the new files can't be used", metadata: ["error": "\(error)"])
        }
    }

    /// Writes how many tokens there are, and when the certificate expires.
    func writeMetrics(to writer: inout MetricsWriter) {
        if let tokens = access.tokens { writer.gauge("herd_tokens", "Tokens stored.", Double(tokens.count)) }
        if let tls {
            writer.gauge(
                "herd_tls_certificate_expiry_timestamp_seconds", "When the certificate expires, since 1970.",
                Double(tls.expiry))
        }
    }

    /// For Status: `tokens`, those that are stored; `tls_certificate_expires_unix_seconds`.
    var figures: [String: Double] {
        var figures: [String: Double] = [:]
        if let tokens = access.tokens { figures["tokens"] = Double(tokens.count) }
        if let tls { figures["tls_certificate_expires_unix_seconds"] = Double(tls.expiry) }
        return figures
    }
}
