import HerdStore
import Testing

@Suite struct DrainRequestTests {
    @Test func oneWriteIsAskedForUntilItHasEnded() {
        var request = DrainRequest()
        #expect(request.added(isHalfFull: false) == .drain)
        #expect(request.added(isHalfFull: false) == .nothing)
        #expect(request.added(isHalfFull: true) == .hurry)
        #expect(request.added(isHalfFull: true) == .nothing)
        request.ended()
        #expect(request.added(isHalfFull: true) == .drain)
        #expect(request.added(isHalfFull: true) == .hurry)
    }
}
