import HerdJSON
import HerdTransport

/// What a successor asks with.
struct TakeOverRequest {
    static let protocolVersion = 1

    var role: HerdRole
    var process: Int

    var text: String {
        JSONNode.object([
            ("take_over", .number(Self.protocolVersion)), ("role", .string(role.rawValue)),
            ("process", .number(process)),
        ]).text(onOneLine: true)
    }

    init(role: HerdRole, process: Int) {
        self.role = role
        self.process = process
    }

    init(reading packet: [UInt8]) throws(TakeOverFailure) {
        let members = try Members(packet)
        guard members.number("take_over") == Self.protocolVersion, let role = members.string("role"),
            let role = HerdRole(rawValue: role)
        else { throw TakeOverFailure("it asks in a way that this version of herdd does not know") }
        self.init(role: role, process: members.number("process") ?? 0)
    }
}

/// What it is answered with; the descriptors of the sockets come with it, in the same order.
struct TakeOverOffer {
    struct Socket {
        var service: String
        var configured: String
        var isSupervised: Bool
    }

    var process: Int
    /// The version of the records in the stores.
    var schema: Int
    /// Whether its router lets in nobody without a credential.
    var isGuarded: Bool
    /// How long open calls get, in seconds.
    var drainSeconds: Int
    var sockets: [Socket]

    var text: String {
        JSONNode.object([
            ("offer", .number(TakeOverRequest.protocolVersion)), ("process", .number(process)),
            ("schema", .number(schema)), ("guarded", .bool(isGuarded)), ("drain_seconds", .number(drainSeconds)),
            (
                "sockets",
                .array(
                    sockets.map { socket in
                        .object([
                            ("service", .string(socket.service)), ("configured", .string(socket.configured)),
                            ("supervised", .bool(socket.isSupervised)),
                        ])
                    })
            ),
        ]).text(onOneLine: true)
    }

    init(process: Int, schema: Int, isGuarded: Bool, drainSeconds: Int, sockets: [Socket]) {
        self.process = process
        self.schema = schema
        self.isGuarded = isGuarded
        self.drainSeconds = drainSeconds
        self.sockets = sockets
    }

    /// - Throws: also why the other process refused, in its own words.
    init(reading packet: [UInt8]) throws(TakeOverFailure) {
        let members = try Members(packet)
        if let reason = members.string("refused") { throw TakeOverFailure(reason) }
        guard members.number("offer") == TakeOverRequest.protocolVersion, let process = members.number("process"),
            let schema = members.number("schema"), let drainSeconds = members.number("drain_seconds"),
            case .array(let items)? = members["sockets"]
        else { throw TakeOverFailure("it answers in a way that this version of herdd does not know") }
        var sockets: [Socket] = []
        for item in items {
            let socket = Members(item)
            guard let service = socket.string("service"), let configured = socket.string("configured") else {
                throw TakeOverFailure("it offers a socket in a way that this version of herdd does not know")
            }
            sockets.append(
                Socket(service: service, configured: configured, isSupervised: socket["supervised"] == .bool(true)))
        }
        self.init(
            process: process, schema: schema, isGuarded: members["guarded"] == .bool(true),
            drainSeconds: drainSeconds, sockets: sockets)
    }
}

/// What is said without more.
enum TakeOverWord: String {
    /// The successor's: all that it can check is right.
    case take
    /// The predecessor's: from here on there is no way back.
    case stopping
    /// The predecessor's: its stores are closed.
    case released

    var text: String { JSONNode.object([(rawValue, .bool(true))]).text(onOneLine: true) }

    init?(reading packet: [UInt8]) {
        guard let members = try? Members(packet),
            let word = [Self.take, .stopping, .released].first(where: { members[$0.rawValue] == .bool(true) })
        else { return nil }
        self = word
    }

    static func refused(_ reason: String) -> String {
        JSONNode.object([("refused", .string(reason))]).text(onOneLine: true)
    }
}

/// The members of an object that was read.
private struct Members {
    private let members: [(key: String, value: JSONNode)]

    init(_ packet: [UInt8]) throws(TakeOverFailure) {
        do throws(JSONCursor.Failure) {
            self.init(try JSONNode(reading: packet, name: "the packet"))
        } catch {
            throw TakeOverFailure("what the other process says can't be read: \(error.reason)")
        }
    }

    init(_ node: JSONNode) {
        if case .object(let members) = node { self.members = members } else { members = [] }
    }

    subscript(key: String) -> JSONNode? { members.first { $0.key == key }?.value }

    func string(_ key: String) -> String? {
        if case .string(let text)? = self[key] { text } else { nil }
    }

    func number(_ key: String) -> Int? {
        if case .number(let digits)? = self[key] { Int(digits) } else { nil }
    }
}
