import HerdLoad
import Testing

@Suite("Schedules of arrivals")
struct ArrivalScheduleTests {
    private func times(_ pattern: ArrivalSchedule.Pattern, rate: Double, count: Int, seed: UInt64) -> [Int64] {
        var schedule = ArrivalSchedule(pattern, rate: rate, seed: seed)
        return (0..<count).map { _ in schedule.next() }
    }

    @Test func constantOnesDoNotDrift() {
        let times = times(.constant, rate: 3, count: 3_000_001, seed: 1)
        #expect(Array(times.prefix(4)) == [0, 333_333_333, 666_666_666, 1_000_000_000])
        #expect(times.last == 1_000_000_000_000_000)
        var later = ArrivalSchedule(.constant, rate: 100, offset: 0.5, seed: 1)
        #expect([later.next(), later.next()] == [5_000_000, 15_000_000])
    }

    @Test func poissonOnesHaveTheRateAndTheSpreadOfAPoissonProcess() {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("arrivals of seed \(seed)")
        let count = 200_000
        let times = times(.poisson, rate: 1_000, count: count, seed: seed)
        #expect(times == self.times(.poisson, rate: 1_000, count: count, seed: seed))
        #expect(zip(times, times.dropFirst()).allSatisfy { $0 <= $1 })
        let pauses = zip(times, [0] + times).map { Double($0 - $1) / 1e6 }
        let mean = pauses.reduce(0, +) / Double(count)
        let variance = pauses.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(count)
        // In milliseconds an exponential distribution with mean and variance 1; these are over 6 standard errors wide.
        #expect(abs(mean - 1) < 0.015, "\(mean)")
        #expect(abs(variance - 1) < 0.05, "\(variance)")
        #expect(times != self.times(.poisson, rate: 1_000, count: count, seed: seed &+ 1))
    }
}
