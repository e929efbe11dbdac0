import HerdLoad
import Testing

@Suite("Whether the load generator is the limit")
struct ProcessorSharesTests {
    private func isLimit(_ own: Double, _ thread: Double, _ servers: Double?, of all: Int) -> Bool {
        ProcessorShares(own: own, busiestThread: thread, servers: servers, all: all).generatorIsTheLimit
    }

    @Test func itIsWhereItHasWhatTheServersLeave() {
        // One connection x 512 against a local server.
        #expect(isLimit(1.39, 0.7, 0.31, of: 2))
        #expect(isLimit(1.0, 0.5, 0.95, of: 2))
        #expect(isLimit(1.9, 0.8, nil, of: 2))
        // One event loop of a large machine.
        #expect(isLimit(1.1, 0.95, 0.4, of: 32))
    }

    @Test func itIsNotWhereTheServersAreOrNobodyIsBusy() {
        #expect(!isLimit(0.6, 0.4, 1.2, of: 2))
        #expect(!isLimit(0.2, 0.1, 0.1, of: 2))
        #expect(!isLimit(1.0, 0.6, nil, of: 2))
    }
}
