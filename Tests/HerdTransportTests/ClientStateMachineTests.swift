import HerdFrames
import HerdTransport
import NIOCore
import Testing

/// The client's rules, as transcripts.
@Suite struct ClientStateMachineTests {
    @Test func `calls start after HELLO and are answered in any order`() {
        let client = ClientTranscript()
        #expect(client.takesCalls)
        #expect(client.hasRoom == false)
        #expect(client.receive(.greeting) == "greeted")
        #expect(client.hasRoom)
        #expect(client.start("a") == 1)
        #expect(client.start("b") == 2)
        #expect(client.receive(Frame(.end, call: 2)) == "end b")
        #expect(client.receive(Frame(.end, call: 1)) == "end a")
        #expect(client.openCalls == 0)
    }

    @Test func `the server's HELLO states its limits`() {
        let client = ClientTranscript()
        let hello = Frame(.hello, metadata: ["max-calls": "2", "max-frame-bytes": "1000"], version: 1)
        #expect(client.receive(hello) == "greeted")
        #expect(client.maximumFrameLength == 1000)
        client.start("a")
        #expect(client.hasRoom)
        client.start("b")
        #expect(client.hasRoom == false)
    }

    @Test(arguments: ["", "0", "-1", "many", "99999999999999999999"])
    func `limits that are no numbers change nothing`(text: String) {
        let client = ClientTranscript()
        #expect(client.receive(Frame(.hello, metadata: ["max-calls": text], version: 1)) == "greeted")
        #expect(client.maximumOpenCalls == 1024)
    }

    @Test(arguments: [Frame.Kind.end, .message, .ping, .request, .unspecified])
    func `before the server's HELLO only GOAWAY may come`(kind: Frame.Kind) {
        let client = ClientTranscript()
        client.start("a")
        #expect(client.receive(Frame(kind, call: 1)).hasPrefix("GOAWAY INVALID_ARGUMENT"))
    }

    @Test func `another version ends the connection`() {
        let client = ClientTranscript()
        #expect(client.receive(Frame(.hello, version: 2)).hasPrefix("GOAWAY FAILED_PRECONDITION"))
    }

    @Test func `a refusal instead of HELLO says why`() {
        let client = ClientTranscript()
        #expect(
            client.receive(Frame(.goAway, code: .unauthenticated, message: "who?")) == "refused UNAUTHENTICATED who?")
    }

    @Test(arguments: [Frame.Kind.request, .cancel, .credit, .hello, .unspecified])
    func `what only clients send ends the connection`(kind: Frame.Kind) {
        let client = ClientTranscript.greeted()
        #expect(client.receive(Frame(kind, call: 1)).hasPrefix("GOAWAY INVALID_ARGUMENT"))
    }

    @Test func `unknown kinds and frames of ended calls are ignored`() {
        let client = ClientTranscript.greeted()
        #expect(client.receive(Frame(Frame.Kind(rawValue: 77))) == "ignore")
        #expect(client.receive(Frame(.end, call: 9)) == "ignore")
        #expect(client.receive(Frame(.message, call: 9)) == "ignore")
        #expect(client.receive(Frame(.pong)) == "ignore")
        #expect(client.receive(Frame(.ping)) == "pong")
    }

    @Test func `a stream takes as many messages as it gave credit for`() {
        let client = ClientTranscript.greeted()
        client.start("s", credit: 2)
        #expect(client.receive(Frame(.message, call: 1)) == "message s")
        #expect(client.receive(Frame(.message, call: 1)) == "message s")
        #expect(client.addCredit(1, to: 1))
        #expect(client.receive(Frame(.message, call: 1)) == "message s")
        #expect(client.receive(Frame(.message, call: 1)) == "overrun s")
        #expect(client.receive(Frame(.end, call: 1)) == "ignore")
        #expect(client.addCredit(1, to: 1) == false)
    }

    @Test func `a unary call takes no message`() {
        let client = ClientTranscript.greeted()
        client.start("u")
        #expect(client.receive(Frame(.message, call: 1)) == "overrun u")
    }

    @Test func `credit without end saturates`() {
        let client = ClientTranscript.greeted()
        client.start("s", credit: .max)
        for _ in 0..<3 { #expect(client.addCredit(.max, to: 1)) }
        #expect(client.receive(Frame(.message, call: 1)) == "message s")
    }

    @Test func `a cancelled call's END is ignored`() {
        let client = ClientTranscript.greeted()
        client.start("a")
        #expect(client.cancel(1))
        #expect(client.cancel(1) == false)
        #expect(client.receive(Frame(.end, call: 1, code: .cancelled)) == "ignore")
    }

    @Test func `expired calls are taken out`() {
        let client = ClientTranscript.greeted()
        client.start("a", deadline: 10)
        client.start("b", deadline: 20)
        #expect(client.expire(at: 10) == ["a"])
        #expect(client.earliestDeadline == .uptimeNanoseconds(20))
    }

    @Test func `a server that closes an idle connection does not stop`() {
        let client = ClientTranscript.greeted()
        let message = "no call came for 1 h; connect again for the next one"
        #expect(client.receive(Frame(.goAway, message: message)) == "idle")
    }

    @Test func `a draining server's calls go on, new ones do not start`() {
        let client = ClientTranscript.greeted()
        client.start("a")
        #expect(client.receive(Frame(.goAway)) == "drain")
        #expect(client.takesCalls == false)
        #expect(client.isDrained == false)
        #expect(client.receive(Frame(.end, call: 1)) == "end a")
        #expect(client.isDrained)
    }

    @Test func `the end fails all calls and hears nothing more`() {
        let client = ClientTranscript.greeted()
        client.start("a")
        client.start("b")
        #expect(client.end() == ["a", "b"])
        #expect(client.receive(Frame(.end, call: 1)) == "ignore")
        #expect(client.takesCalls == false)
    }
}

/// A client's state machine whose calls are names, with its actions as text.
private final class ClientTranscript {
    private var machine = ClientStateMachine<String>()
    private var tokens: [UInt64: CallToken] = [:]

    static func greeted() -> ClientTranscript {
        let client = ClientTranscript()
        _ = client.receive(.greeting)
        return client
    }

    @discardableResult
    func start(_ name: String, deadline: UInt64 = 1_000_000, credit: UInt32 = 0) -> UInt64 {
        let token = machine.start(deadline: .uptimeNanoseconds(deadline), credit: credit) { _ in name }
        tokens[token.id] = token
        return token.id
    }

    var openCalls: Int { machine.openCalls }
    var takesCalls: Bool { machine.takesCalls }
    var hasRoom: Bool { machine.hasRoom }
    var isDrained: Bool { machine.isDrained }
    var maximumFrameLength: Int { machine.maximumFrameLength }
    var maximumOpenCalls: Int { machine.maximumOpenCalls }
    var earliestDeadline: NIODeadline { machine.earliestDeadline }

    func expire(at time: UInt64) -> [String] { machine.expire(at: .uptimeNanoseconds(time)).map(\.call) }

    func end() -> [String] { machine.end().map(\.call) }

    func cancel(_ id: UInt64) -> Bool {
        tokens[id].map { machine.cancel($0) } ?? false
    }

    func addCredit(_ credit: UInt32, to id: UInt64) -> Bool {
        tokens[id].map { machine.addCredit(credit, to: $0) } ?? false
    }

    func receive(_ frame: Frame) -> String {
        switch frame.withView({ self.machine.receive($0) }) {
        case .greeted: "greeted"
        case .message(let call): "message \(call)"
        case .end(let call): "end \(call)"
        case .overrun(let call): "overrun \(call)"
        case .drain(let isIdle): isIdle ? "idle" : "drain"
        case .refused(let reason): "refused \(reason.code) \(reason.message)"
        case .pong: "pong"
        case .ignore: "ignore"
        case .fail(let reason): reason.transcript
        }
    }
}
