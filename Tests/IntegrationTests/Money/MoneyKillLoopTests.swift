import Foundation
import HerdClient
import HerdFrames
import HerdMessages
import Synchronization
import Testing

/// kill -9 of a real herd at random moments while money is spent. `make kill-loop ROUNDS=100`.
@Suite(.serialized) struct MoneyKillLoopTests {
    @Test(.timeLimit(.minutes(30))) func killingTheHerdSpendsNothingTwice() async throws {
        let environment = ProcessInfo.processInfo.environment
        let rounds = environment["HERD_ROUNDS"].flatMap { Int($0) } ?? 5
        let seed = environment["HERD_SEED"].flatMap { UInt64($0) } ?? UInt64.random(in: 0...UInt64.max)
        print("money kill loop: seed \(seed)")
        var random = SeededMoments(state: seed)
        // Each herd has a hundred answers to give away, which the rounds use up.
        let lives = 5
        for first in stride(from: 0, to: rounds, by: lives) {
            try await spendAHundred(rounds: min(lives, rounds - first), using: &random)
        }
    }

    private func spendAHundred(rounds: Int, using random: inout SeededMoments) async throws {
        let callers = 30
        let moments = (0..<rounds).map { _ in
            (Int.random(in: 0...12, using: &random), Int.random(in: 0...9, using: &random))
        }
        try await MoneyHerd.with { money in
            let answered = Answers()
            for (enough, pause) in moments {
                let client = try money.herd.client(money.secret)
                let daemon = money.herd.daemon
                let before = answered.count
                let over = Answers()
                await withTaskGroup(of: Void.self) { group in
                    for _ in 0..<callers {
                        group.addTask {
                            if case .answered = await MoneyHerd.complete(client) { answered.add() }
                            over.add()
                        }
                    }
                    group.addTask {
                        while answered.count < before + enough, over.count < callers {
                            try? await Task.sleep(for: .milliseconds(1))
                        }
                        // Anywhere between two answers.
                        try? await Task.sleep(for: .milliseconds(pause))
                        daemon.kill()
                    }
                    await group.waitForAll()
                }
                client.close()
                try await money.herd.startAgain()
                try await verify(money, answered: answered.count)
            }
            // What is left is given away, to the last answer, and no more.
            let client = try money.herd.client(money.secret)
            defer { client.close() }
            var left = 0
            spending: while true {
                switch await MoneyHerd.complete(client) {
                case .answered: left += 1
                case .refused(let error):
                    #expect(error.message.contains("next day"), "\(error)")
                    break spending
                case .failed(let error):
                    Issue.record("\(error)")
                    break spending
                }
            }
            let total = answered.count + left
            let usage = try await verify(money, answered: total)
            #expect(usage?.chargedNanoUsd == MoneyHerd.limit && usage?.remainingNanoUsd == 0)
            let lost = Int((usage?.unsettledNanoUsd ?? 0) / MoneyHerd.price)
            print("\(total) answers, \(lost) unsettled, \(usage?.answers ?? 0) settled")
            #expect(money.herd.daemon.terminate() == 0)
            let verified = try await Programs.run(Programs.herdctl, ["verify", money.herd.data])
            #expect(verified.status == 0, "\(verified.output)\(verified.errors)")
        }
    }

    /// Holds what the herd says against the test's own count.
    @discardableResult
    private func verify(_ money: MoneyHerd, answered: Int) async throws -> UsageOfDay? {
        let usage = try await money.usage()
        let unsettled = try await money.unsettled()
        let listed = unsettled.reduce(0) { $0 + $1.nanoUsd }
        let charged = usage?.chargedNanoUsd ?? 0
        #expect(charged <= MoneyHerd.limit && charged % MoneyHerd.price == 0)
        // Nobody has had an answer that is not charged.
        #expect(charged >= UInt64(answered) * MoneyHerd.price, "\(answered) answers, \(charged) charged")
        #expect(usage?.unsettledNanoUsd ?? 0 == listed && usage?.reservedNanoUsd ?? 0 == 0)
        #expect(Int64(charged) + (usage?.remainingNanoUsd ?? Int64(MoneyHerd.limit)) == Int64(MoneyHerd.limit))
        #expect((usage?.answers ?? 0) * MoneyHerd.price + listed == charged)
        #expect(unsettled.allSatisfy { $0.nanoUsd == MoneyHerd.price && $0.tenant == "acme" && $0.model == "priced" })
        return usage
    }
}

/// Answers that callers have got, or calls that are over.
private final class Answers: Sendable {
    private let number = Mutex(0)
    var count: Int { number.withLock { $0 } }
    func add() { number.withLock { $0 += 1 } }
}
