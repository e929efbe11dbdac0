import Glibc
import HerdJSON
package import Logging

/// Structured logs on standard error: one JSON object a line for programs, or text for people.
package struct LineLogHandler: LogHandler {
    package enum Format: Sendable { case json, text }

    package var metadata: Logger.Metadata = [:]
    private let label: String
    /// Of this logger alone; nil for what holds for all.
    private var ownLevel: Logger.Level?
    private let ownFormat: Format?

    /// - Parameters:
    ///   - level: Nil for what `LogSettings` says at the time.
    ///   - format: The same.
    package init(label: String, level: Logger.Level? = nil, format: Format? = nil) {
        self.label = label
        ownLevel = level
        ownFormat = format
    }

    package var logLevel: Logger.Level {
        get { ownLevel ?? LogSettings.shared.logLevel }
        set { ownLevel = newValue }
    }

    /// Sets up every logger of this process.
    package static func bootstrap(_ configuration: LogConfiguration) {
        LogSettings.shared.use(configuration)
        LoggingSystem.bootstrap { LineLogHandler(label: $0) }
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        let all = metadata.merging(event.metadata ?? [:]) { _, new in new }
        let line = Self.line(
            event.level, label, "\(event.message)", all, format: ownFormat ?? LogSettings.shared.format)
        LineOutput.standardError.add(line)
    }

    /// Says that so many lines were not written.
    static func line(ofDropped lines: Int) -> String {
        line(
            .warning, "log", "lines were dropped, because whatever reads them was too slow", ["lines": "\(lines)"],
            format: LogSettings.shared.format)
    }

    private static func line(
        _ level: Logger.Level, _ label: String, _ message: String, _ metadata: Logger.Metadata, format: Format
    ) -> String {
        let all = metadata.sorted { $0.key < $1.key }
        switch format {
        case .json:
            var members: [(key: String, value: JSONNode)] = [
                ("time", .string(timestamp())), ("level", .string(level.rawValue)), ("logger", .string(label)),
                ("message", .string(message)),
            ]
            members += all.map { ($0.key, .string("\($0.value)")) }
            return JSONNode.object(members).text(onOneLine: true) + "\n"
        case .text:
            let fields = all.map { " \($0.key)=\($0.value)" }.joined()
            return printable("\(timestamp()) \(level.rawValue) \(label): \(message)\(fields)") + "\n"
        }
    }

    /// Without line ends and terminal codes, which somebody else's text may have.
    private static func printable(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) else { return text }
        return text.unicodeScalars.reduce(into: "") { printable, scalar in
            if scalar.properties.generalCategory == .control {
                printable += "\\u{\(String(scalar.value, radix: 16))}"
            } else {
                printable.unicodeScalars.append(scalar)
            }
        }
    }

    /// RFC 3339, UTC, milliseconds.
    private static func timestamp() -> String {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        var parts = tm()
        gmtime_r(&time.tv_sec, &parts)
        func digits(_ value: some BinaryInteger, _ count: Int) -> String {
            let text = String(value)
            return String(repeating: "0", count: max(0, count - text.count)) + text
        }
        return "\(digits(parts.tm_year + 1900, 4))-\(digits(parts.tm_mon + 1, 2))-\(digits(parts.tm_mday, 2))"
            + "T\(digits(parts.tm_hour, 2)):\(digits(parts.tm_min, 2)):\(digits(parts.tm_sec, 2))"
            + ".\(digits(time.tv_nsec / 1_000_000, 3))Z"
    }
}
