import HerdFrames
import HerdTransport
import NIOCore
import Testing

/// The server's rules, as transcripts: what comes in, what is to be done about it.
@Suite struct ServerStateMachineTests {
    // MARK: - HELLO

    @Test func `a caller greets and calls`() {
        let server = ServerTranscript()
        #expect(server.receive(.greeting) == "authorize")
        server.accept()
        #expect(server.receive(.request(1)) == "dispatch")
        server.open(1)
        #expect(server.finish(1) == true)
        #expect(server.openCalls == 0)
    }

    @Test(arguments: [
        Frame.Kind.request, .message, .end, .cancel, .credit, .ping, .pong, .unspecified, Frame.Kind(rawValue: 99),
    ])
    func `before HELLO nothing else may come`(kind: Frame.Kind) {
        let server = ServerTranscript()
        #expect(server.receive(Frame(kind, call: 1)).hasPrefix("GOAWAY INVALID_ARGUMENT"))
    }

    @Test func `a GOAWAY may come before HELLO`() {
        let server = ServerTranscript()
        #expect(server.receive(Frame(.goAway)) == "ignore")
        #expect(server.receive(.greeting) == "authorize")
    }

    @Test(arguments: [0, 2, 99] as [UInt32])
    func `an unknown version is told the highest known`(version: UInt32) {
        let server = ServerTranscript()
        #expect(server.receive(Frame(.hello, version: version)).hasPrefix("GOAWAY FAILED_PRECONDITION version 1"))
    }

    @Test func `a second HELLO ends the connection`() {
        let server = ServerTranscript.greeted()
        #expect(server.receive(.greeting).hasPrefix("GOAWAY INVALID_ARGUMENT"))
    }

    @Test func `a HELLO that does not come ends the connection`() {
        let silent = ServerTranscript()
        #expect(silent.helloTimedOut()?.code == .deadlineExceeded)
        let greeted = ServerTranscript.greeted()
        #expect(greeted.helloTimedOut() == nil)
    }

    // MARK: - Calls

    @Test func `call 0 ends the connection`() {
        let server = ServerTranscript.greeted()
        #expect(server.receive(.request(0)).hasPrefix("GOAWAY INVALID_ARGUMENT"))
    }

    @Test func `an id that is open ends the connection`() {
        let server = ServerTranscript.greeted()
        server.open(7)
        #expect(server.receive(.request(7)).hasPrefix("GOAWAY INVALID_ARGUMENT"))
    }

    @Test func `an id may come again once its call has ended`() {
        let server = ServerTranscript.greeted()
        server.open(7)
        #expect(server.finish(7))
        #expect(server.receive(.request(7)) == "dispatch")
    }

    @Test(arguments: [Frame.Kind.message, .end, .unspecified])
    func `what only servers send ends the connection`(kind: Frame.Kind) {
        let server = ServerTranscript.greeted()
        #expect(server.receive(Frame(kind, call: 1)).hasPrefix("GOAWAY INVALID_ARGUMENT"))
    }

    @Test func `unknown kinds are ignored`() {
        let server = ServerTranscript.greeted()
        #expect(server.receive(Frame(Frame.Kind(rawValue: 10), call: 3)) == "ignore")
        #expect(server.receive(Frame(Frame.Kind(rawValue: .max))) == "ignore")
    }

    @Test func `CANCEL and CREDIT for no open call are ignored`() {
        let server = ServerTranscript.greeted()
        #expect(server.receive(Frame(.cancel, call: 3)) == "ignore")
        #expect(server.receive(Frame(.credit, call: 3, credit: 9)) == "ignore")
        #expect(server.receive(Frame(.cancel, call: 0)) == "ignore")
    }

    @Test func `CREDIT goes to its call`() {
        let server = ServerTranscript.greeted()
        server.open(3)
        #expect(server.receive(Frame(.credit, call: 3, credit: 9)) == "credit 3 +9")
    }

    @Test func `PING is answered, PONG is not`() {
        let server = ServerTranscript.greeted()
        #expect(server.receive(Frame(.ping)) == "pong")
        #expect(server.receive(Frame(.pong)) == "ignore")
    }

    @Test func `the limit of open calls holds for one call alone`() {
        let server = ServerTranscript.greeted(maximumOpenCalls: 2)
        server.open(1)
        server.open(2)
        #expect(server.receive(.request(3)) == "refuse tooManyCalls(limit: 2)")
        #expect(server.finish(1))
        #expect(server.receive(.request(3)) == "dispatch")
    }

    @Test func `a refused call is not open`() {
        let server = ServerTranscript.greeted(maximumOpenCalls: 1)
        server.open(1)
        #expect(server.receive(.request(2)) == "refuse tooManyCalls(limit: 1)")
        #expect(server.receive(.request(2)) == "refuse tooManyCalls(limit: 1)")
        #expect(server.receive(Frame(.cancel, call: 2)) == "ignore")
        #expect(server.openCalls == 1)
    }

    @Test func `the largest id and the largest numbers are as good as any`() {
        let server = ServerTranscript.greeted()
        #expect(server.receive(.request(.max)) == "dispatch")
        server.open(.max)
        #expect(server.receive(Frame(.credit, call: .max, credit: .max)) == "credit \(UInt64.max) +\(UInt32.max)")
        #expect(server.receive(Frame(.cancel, call: .max)) == "cancel \(UInt64.max)")
    }

    // MARK: - The end of a call

    @Test(arguments: ["finished", "cancelled", "expired", "abandoned", "ended"])
    func `CANCEL and CREDIT after the end are ignored, whatever the end was`(how: String) {
        let server = ServerTranscript.greeted()
        let token = server.open(5, deadline: 10)
        switch how {
        case "finished": #expect(server.finish(5))
        case "cancelled": #expect(server.receive(Frame(.cancel, call: 5)) == "cancel 5")
        case "expired": #expect(server.expire(at: 10) == ["5"])
        case "abandoned": #expect(server.abandon("5") == ["5"])
        default: #expect(server.end() == ["5"])
        }
        #expect(server.receive(Frame(.cancel, call: 5)) == "ignore")
        #expect(server.receive(Frame(.credit, call: 5, credit: 1)) == "ignore")
        // One END only.
        #expect(server.finish(token) == false)
        #expect(server.openCalls == 0)
    }

    @Test func `a cancelled call has its END at once and no second`() {
        let server = ServerTranscript.greeted()
        server.open(5)
        #expect(server.receive(Frame(.cancel, call: 5)) == "cancel 5")
        #expect(server.receive(Frame(.cancel, call: 5)) == "ignore")
        #expect(server.finish(5) == false)
    }

    @Test func `a CANCEL that crosses the END is ignored`() {
        let server = ServerTranscript.greeted()
        server.open(5)
        #expect(server.finish(5))
        #expect(server.receive(Frame(.cancel, call: 5)) == "ignore")
    }

    @Test func `the late answer to a cancelled call does not end its successor`() {
        let server = ServerTranscript.greeted()
        let first = server.open(5)
        #expect(server.receive(Frame(.cancel, call: 5)) == "cancel 5")
        #expect(server.receive(.request(5)) == "dispatch")
        let second = server.open(5)
        #expect(server.isOpen(first) == false)
        #expect(server.finish(first) == false)
        #expect(server.isOpen(second))
        #expect(server.finish(second))
    }

    @Test func `handlers of cancelled calls count until they return`() {
        let server = ServerTranscript.greeted(maximumOpenCalls: 2)
        let first = server.open(1)
        server.open(2)
        #expect(server.receive(Frame(.cancel, call: 1)) == "cancel 1")
        #expect(server.receive(Frame(.cancel, call: 2)) == "cancel 2")
        #expect(server.receive(.request(3)) == "refuse tooManyCalls(limit: 2)")
        #expect(server.finish(first) == false)
        #expect(server.receive(.request(3)) == "dispatch")
    }

    @Test func `deadlines end calls in time, and only those`() {
        let server = ServerTranscript.greeted()
        server.open(1, deadline: 300)
        server.open(2, deadline: 100)
        server.open(3, deadline: 200)
        #expect(server.earliestDeadline == .uptimeNanoseconds(100))
        #expect(server.expire(at: 99) == [])
        #expect(server.expire(at: 200) == ["2", "3"])
        #expect(server.earliestDeadline == .uptimeNanoseconds(300))
        #expect(server.finish(2) == false)
        #expect(server.finish(1))
        #expect(server.earliestDeadline == .distantFuture)
    }

    // MARK: - Drain and end

    @Test func `a draining server ends open calls and starts none`() {
        let server = ServerTranscript.greeted()
        server.open(1)
        #expect(server.drain()?.code == .ok)
        #expect(server.drain() == nil)
        #expect(server.receive(.request(2)) == "refuse draining")
        #expect(server.receive(Frame(.ping)) == "pong")
        #expect(server.finish(1))
        #expect(server.receive(.request(0)).hasPrefix("GOAWAY"))
    }

    @Test func `a drain before HELLO is told after it`() {
        let server = ServerTranscript()
        #expect(server.drain() == nil)
        #expect(server.receive(.greeting) == "authorize")
        #expect(server.acceptWhileDraining()?.code == .ok)
        #expect(server.receive(.request(1)) == "refuse draining")
    }

    @Test func `a draining server parts when its last PING is answered`() {
        let server = ServerTranscript.greeted()
        server.open(1)
        server.pinged()
        #expect(server.drain()?.code == .ok)
        #expect(server.finish(1))
        #expect(server.beginParting())
        #expect(server.beginParting() == false)
        // The PONG for the PING before the GOAWAY says nothing of it.
        #expect(server.receive(Frame(.pong)) == "ignore")
        #expect(server.receive(.request(2)) == "refuse draining")
        #expect(server.receive(Frame(.pong)) == "part")
    }

    @Test func `nobody parts without a drain, nor before HELLO`() {
        let greeted = ServerTranscript.greeted()
        #expect(greeted.beginParting() == false)
        let silent = ServerTranscript()
        _ = silent.drain()
        #expect(silent.beginParting() == false)
    }

    @Test func `a PONG that nobody asked for is ignored`() {
        let server = ServerTranscript.greeted()
        #expect(server.receive(Frame(.pong)) == "ignore")
        server.pinged()
        #expect(server.receive(Frame(.pong)) == "ignore")
        #expect(server.receive(Frame(.pong)) == "ignore")
        _ = server.drain()
        #expect(server.receive(Frame(.pong)) == "ignore")
        #expect(server.beginParting())
        #expect(server.receive(Frame(.pong)) == "part")
    }

    @Test func `an idle connection is sent away, its late calls are not started`() {
        let server = ServerTranscript.greeted()
        #expect(server.sendAway() == "GOAWAY OK: no call came for 1 h; connect again for the next one")
        #expect(server.sendAway() == nil)
        #expect(server.receive(.request(2)) == "refuse idle")
        #expect(server.drain() == nil)
        #expect(server.beginParting())
        #expect(server.receive(Frame(.pong)) == "part")
    }

    @Test func `a connection with a call is not sent away, nor one that drains`() {
        let server = ServerTranscript.greeted()
        server.open(1)
        #expect(server.sendAway() == nil)
        #expect(server.receive(.request(2)) == "dispatch")
        _ = server.drain()
        #expect(server.finish(1))
        #expect(server.sendAway() == nil)
        #expect(server.receive(.request(3)) == "refuse draining")
        let silent = ServerTranscript()
        #expect(silent.sendAway() == nil)
    }

    @Test func `a client that is to connect again is sent away, its open calls go on`() {
        let server = ServerTranscript.greeted()
        server.open(1)
        #expect(server.sendAway(because: "much changed") == "GOAWAY OK: much changed; connect again for the next one")
        #expect(server.sendAway(because: "more changed") == nil)
        #expect(server.asksToReconnect)
        #expect(server.receive(.request(2)) == "refuse outdated")
        #expect(server.drain() == nil)
        #expect(server.finish(1))
        #expect(server.beginParting())
        #expect(server.receive(Frame(.pong)) == "part")
    }

    @Test func `a client that is sent away by a drain is not told to connect again`() {
        let server = ServerTranscript.greeted()
        _ = server.drain()
        #expect(server.sendAway(because: "much changed") == nil)
        #expect(!server.asksToReconnect)
        #expect(server.receive(.request(1)) == "refuse draining")
        #expect(ServerTranscript().sendAway(because: "much changed") == nil)
    }

    @Test func `a drain abandons the calls it is told to`() {
        let server = ServerTranscript.greeted()
        server.open(1)
        server.open(2)
        #expect(server.abandon("2") == ["2"])
        #expect(server.openCalls == 1)
        #expect(server.finish(2) == false)
    }

    @Test func `the end stops all calls and hears nothing more`() {
        let server = ServerTranscript.greeted()
        server.open(2)
        server.open(1)
        #expect(server.end() == ["1", "2"])
        #expect(server.receive(.request(3)) == "ignore")
        #expect(server.receive(.greeting) == "ignore")
        #expect(server.finish(1) == false)
        #expect(server.drain() == nil)
    }
}

/// A server's state machine whose calls are named by their ids, with its actions as text.
private final class ServerTranscript {
    private var machine: ServerStateMachine<String>
    private var tokens: [UInt64: CallToken] = [:]

    init(maximumOpenCalls: Int = 1024) {
        machine = ServerStateMachine(maximumOpenCalls: maximumOpenCalls)
    }

    static func greeted(maximumOpenCalls: Int = 1024) -> ServerTranscript {
        let server = ServerTranscript(maximumOpenCalls: maximumOpenCalls)
        _ = server.receive(.greeting)
        server.accept()
        return server
    }

    var openCalls: Int { machine.openCalls }

    var earliestDeadline: NIODeadline { machine.earliestDeadline }

    func helloTimedOut() -> GoAway? { machine.helloTimedOut() }

    func acceptWhileDraining() -> GoAway? { machine.accept() }

    func isOpen(_ token: CallToken) -> Bool { machine.isOpen(token) }

    func finish(_ token: CallToken) -> Bool { machine.finish(token) }

    func drain() -> GoAway? { machine.drain() }

    func sendAway() -> String? { machine.sendAway(after: "1 h")?.transcript }

    func sendAway(because reason: String) -> String? { machine.sendAway(because: reason)?.transcript }

    var asksToReconnect: Bool { machine.asksToReconnect }

    func pinged() { machine.pinged() }

    /// Whether a PING is to be sent; counts it.
    func beginParting() -> Bool {
        let isToPing = machine.beginParting()
        if isToPing { machine.pinged() }
        return isToPing
    }

    func abandon(_ call: String) -> [String] { machine.abandon { $0 == call }.map(\.call) }

    func end() -> [String] { machine.end().map(\.call) }

    func accept() {
        let goAway = machine.accept()
        #expect(goAway == nil)
    }

    @discardableResult
    func open(_ id: UInt64, deadline: UInt64 = 1_000_000) -> CallToken {
        let token = machine.open(id, deadline: .uptimeNanoseconds(deadline)) { "\($0.id)" }
        tokens[id] = token
        return token
    }

    func finish(_ id: UInt64) -> Bool {
        tokens[id].map { machine.finish($0) } ?? false
    }

    func expire(at time: UInt64) -> [String] {
        machine.expire(at: .uptimeNanoseconds(time)).map(\.call)
    }

    func receive(_ frame: Frame) -> String {
        switch frame.withView({ self.machine.receive($0) }) {
        case .authorize: "authorize"
        case .dispatch: "dispatch"
        case .refuse(let refusal): "refuse \(refusal)"
        case .cancel(let call): "cancel \(call)"
        case .credit(let call, let credit): "credit \(call) +\(credit)"
        case .pong: "pong"
        case .part: "part"
        case .ignore: "ignore"
        case .fail(let reason): reason.transcript
        }
    }
}
