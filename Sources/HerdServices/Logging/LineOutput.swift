import Glibc
import NIOConcurrencyHelpers

/// Writes lines to a descriptor; whoever has one written does not wait for whoever reads.
///
/// A file is written to at once. The reader of a pipe, a socket or a terminal may be stuck: there a thread writes, for
/// which lines wait up to a bound; those beyond are dropped, and a line tells how many when there is room again. Lines
/// that wait are lost where the process is killed; whoever ends it calls `flush`.
package final class LineOutput: @unchecked Sendable {
    package static let standardError = LineOutput(descriptor: STDERR_FILENO) { LineLogHandler.line(ofDropped: $0) }

    private enum Work {
        case none
        case queued
        case underWay
    }

    private enum Writer {
        /// Begins with the first line.
        case none
        case thread
        /// Whoever has a line writes it: to a file, or because there are no more threads.
        case caller
    }

    private let descriptor: Int32
    private let capacity: Int
    private let lineOfDropped: @Sendable (Int) -> String
    private let lock = ConditionLock(value: Work.none)

    // Everything below is touched with the lock only; that is what makes the class Sendable.
    private var writer: Writer
    private var lines: [String] = []
    /// Of lines that are not written, with those that the thread has taken.
    private var byteCount = 0
    private var dropped = 0

    /// - Parameters:
    ///   - capacity: bytes that may wait for the reader.
    ///   - lineOfDropped: tells how many lines were dropped.
    package init(
        descriptor: Int32, capacity: Int = 1 << 20, lineOfDropped: @escaping @Sendable (_ lines: Int) -> String
    ) {
        self.descriptor = descriptor
        self.capacity = capacity
        self.lineOfDropped = lineOfDropped
        var status = stat()
        let isFile = fstat(descriptor, &status) != 0 || status.st_mode & S_IFMT == S_IFREG
        writer = isFile ? .caller : .none
    }

    /// Writes a line, with its end, or has it written soon.
    ///
    /// - Parameter isLast: whether it is what the process ends with, for which there is always room.
    package func add(_ line: String, isLast: Bool = false) {
        lock.lock()
        if writer == .none { writer = DetachedThread.start { self.writeQueued() } ? .thread : .caller }
        guard writer == .thread else {
            lock.unlock()
            return write(line)
        }
        // Not every line that finds room is to be followed by one that was dropped.
        let room = dropped > 0 ? capacity / 2 : capacity
        guard isLast || byteCount == 0 || byteCount + line.utf8.count <= room else {
            dropped += 1
            return lock.unlock()
        }
        tellOfDropped()
        append(line)
        lock.unlock(withValue: .queued)
    }

    /// Waits until all lines are written.
    ///
    /// - Parameter time: for how long at most: whoever reads may be stuck for ever.
    /// - Returns: whether they are.
    @discardableResult
    package func flush(for time: Duration = .seconds(1)) -> Bool {
        let end = ContinuousClock.now + time
        while lock.value != .none {
            guard ContinuousClock.now < end else { return false }
            usleep(1_000)
        }
        return true
    }

    private func append(_ line: String) {
        lines.append(line)
        byteCount += line.utf8.count
    }

    private func tellOfDropped() {
        guard dropped > 0 else { return }
        append(lineOfDropped(dropped))
        dropped = 0
    }

    // MARK: - Writing

    /// What the thread does, as long as the process lives.
    private func writeQueued() {
        while true {
            lock.lock(whenValue: .queued)
            let taken = lines
            lines = []
            lock.unlock(withValue: .underWay)
            for line in taken {
                write(line)
                lock.lock()
                byteCount -= line.utf8.count
                lock.unlock()
            }
            lock.lock()
            if lines.isEmpty { tellOfDropped() }
            lock.unlock(withValue: lines.isEmpty ? .none : .queued)
        }
    }

    /// Writes a line in one go if the system can, so that lines of several processes do not mix.
    private func write(_ line: String) {
        var line = line
        line.withUTF8 { bytes in
            guard let start = bytes.baseAddress else { return }
            var done = 0
            while done < bytes.count {
                let count = Glibc.write(descriptor, start + done, bytes.count - done)
                if count > 0 {
                    done += count
                } else if count < 0, errno == EAGAIN {
                    // Somebody who has the same descriptor does not want to wait.
                    var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                    _ = poll(&entry, 1, -1)
                } else if count == 0 || errno != EINTR {
                    // Nobody reads any more, and there is nowhere to say so.
                    return
                }
            }
        }
    }
}
