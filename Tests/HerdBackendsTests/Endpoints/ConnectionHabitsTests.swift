import HerdBackends
import Testing

@Suite("Connections that servers keep or close")
struct ConnectionHabitsTests {
    private var habits = ConnectionHabits()
    private var now = MonotonicInstant(nanoseconds: 1_000_000_000)

    /// One call after another.
    ///
    /// - Parameter serverCloses: What the server does after it.
    private mutating func call(_ endpoint: String = "a", serverCloses: Bool, hasKept: inout Bool) -> Bool {
        let use = habits.began(endpoint, at: now)
        now = now.advanced(by: .milliseconds(5))
        habits.ended(endpoint, use, madeConnection: !hasKept, at: now)
        hasKept = use.keeps && !serverCloses
        return use.keeps
    }

    @Test("One that closes them is found out after two, and looked at again after 64 calls")
    mutating func closing() {
        var hasKept = false
        let kept = (1...200).filter { _ in call(serverCloses: true, hasKept: &hasKept) }
        #expect(kept == [1, 2, 3, 64, 128, 192])
        // It has been replaced by one that keeps them.
        let later = (201...400).filter { _ in call(serverCloses: false, hasKept: &hasKept) }
        #expect(later.first == 256 && later.dropFirst() == Array(258...400)[...])
    }

    @Test("One that keeps them, or closes them when they are old, is left alone")
    mutating func keeping() {
        var hasKept = false
        for number in 1...200 {
            if number.isMultiple(of: 10) {
                now = now.advanced(by: .seconds(5))
                hasKept = false
            }
            #expect(call(serverCloses: number.isMultiple(of: 7), hasKept: &hasKept))
        }
    }

    @Test("What a failed call or a check did to them is not held against it")
    mutating func disturbed() {
        for _ in 1...20 {
            let use = habits.began("a", at: now)
            #expect(use.keeps && !use.expectsKept)
            habits.ended("a", use, madeConnection: true, at: now)
            habits.disturbed("a")
        }
    }
}
