import HerdTransport
import NIOConcurrencyHelpers
import NIOCore

/// Whether a server's event loops keep up, and how long calls wait for them.
final class LoopPressures: Sendable {
    /// For how long calls wait until a loop begins them, as it measures once a pass, a turn that was too short, or a round.
    let delay: DurationHistogram
    private let loops = NIOLockedValueBox([ObjectIdentifier: LoopPressure]())

    /// An estimate from a short turn may be any number.
    private static let longestDelay = TimeAmount.minutes(10)

    init(loops: Int) {
        delay = DurationHistogram(shards: loops)
    }

    /// What is known of an event loop.
    ///
    /// - Parameters:
    ///   - shard: where what happens on it is counted.
    ///   - limit: how long calls may wait, for a loop of which nothing is known yet.
    func pressure(on eventLoop: any EventLoop, shard: Int, limit: TimeAmount) -> LoopPressure {
        let id = ObjectIdentifier(eventLoop)
        return loops.withLockedValue { loops in
            if let pressure = loops[id] { return pressure }
            let pressure = LoopPressure(limit: limit) { [delay] measured in
                let nanoseconds = min(measured, Self.longestDelay).nanoseconds
                delay.record(nanoseconds: UInt64(clamping: nanoseconds), shard: shard)
            }
            loops[id] = pressure
            return pressure
        }
    }

    /// Loops that turn calls away now.
    var sheddingCount: Int {
        let now = NIODeadline.now()
        return loops.withLockedValue { loops in loops.values.count { $0.sheds(at: now) } }
    }
}
