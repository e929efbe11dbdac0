package import Logging
import Synchronization

/// What all loggers of the process write, and how; it may change while they do.
package final class LogSettings: Sendable {
    package static let shared = LogSettings()

    private let level = Atomic<Int>(2)
    private let isText = Atomic<Bool>(false)

    /// - Parameter configuration: checked.
    package func use(_ configuration: LogConfiguration) {
        let level = Logger.Level(rawValue: configuration.level) ?? .info
        self.level.store(Logger.Level.allCases.firstIndex(of: level) ?? 2, ordering: .relaxed)
        isText.store(configuration.format == "text", ordering: .relaxed)
    }

    package var logLevel: Logger.Level { Logger.Level.allCases[level.load(ordering: .relaxed)] }

    package var format: LineLogHandler.Format { isText.load(ordering: .relaxed) ? .text : .json }
}
