/// Whether servers keep a connection after an answer or close it, as calls to them show.
///
/// llama.cpp closes it, without a word in its header. libcurl would keep its end, and the next call would find out that it
/// is dead before it makes a new one. Where that has happened twice in a row, connections are closed after an answer, and
/// every 64th call sees whether that still holds. Pure: it knows no socket.
package struct ConnectionHabits {
    /// What a call is to do.
    package struct Use: Sendable, Equatable {
        /// Whether its connection is kept for the next one.
        package var keeps: Bool
        /// One that was kept a moment ago is there for it, unless the server has closed that.
        package var expectsKept: Bool
    }

    private struct Habit {
        var closed = 0
        var calls = 0
        /// When a connection was kept that no call has taken since.
        var keptAt: MonotonicInstant?
    }

    private var habits: [String: Habit] = [:]

    /// Connections found closed, one after another, that make a habit.
    private static let closedInRow = 2
    private static let callsPerTrial = 64
    /// What was kept for longer may have been closed because nobody used it.
    private static let freshness = Duration.seconds(1)
    /// More are forgotten, all at once.
    private static let mostEndpoints = 4096

    package init() {}

    /// A call begins.
    package mutating func began(_ endpoint: String, at now: MonotonicInstant) -> Use {
        var habit = habits[endpoint] ?? Habit()
        habit.calls += 1
        let isFresh = habit.keptAt.map { $0.duration(to: now) < Self.freshness } ?? false
        habit.keptAt = nil
        if habits.count >= Self.mostEndpoints { habits.removeAll() }
        habits[endpoint] = habit
        let closes = habit.closed >= Self.closedInRow
        return Use(keeps: !closes || habit.calls.isMultiple(of: Self.callsPerTrial), expectsKept: isFresh)
    }

    /// A call's answer was whole, and the end of its body came in good order.
    ///
    /// - Parameter madeConnection: Whether it had to make one.
    package mutating func ended(_ endpoint: String, _ use: Use, madeConnection: Bool, at now: MonotonicInstant) {
        var habit = habits[endpoint] ?? Habit()
        if use.expectsKept { habit.closed = madeConnection ? habit.closed + 1 : 0 }
        habit.keptAt = use.keeps ? now : nil
        habits[endpoint] = habit
    }

    /// Something else was done with the endpoint's connections: what is kept of them is not known any more.
    package mutating func disturbed(_ endpoint: String) {
        habits[endpoint]?.keptAt = nil
    }
}
