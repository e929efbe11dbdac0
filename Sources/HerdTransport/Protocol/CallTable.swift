import NIOCore

/// Names one open call of one connection; a later call with the same id has another serial number.
package struct CallToken: Hashable, Sendable {
    /// The id the caller chose.
    package let id: UInt64
    /// Counts the connection's calls, so that a late answer to a call is never taken for one to its successor.
    package let serial: UInt64

    package init(id: UInt64, serial: UInt64) {
        self.id = id
        self.serial = serial
    }
}

/// The open calls of one connection with their deadlines.
///
/// Deadlines need no timer each: the table knows a lower bound of the earliest, the connection keeps one timer for it,
/// and when that rings the few hundred open calls are looked through.
struct CallTable<Call> {
    struct Entry {
        let call: Call
        let serial: UInt64
        let deadline: NIODeadline
        /// How many more MESSAGE frames the peer may send; used by callers only.
        var credit: UInt64
    }

    private var entries: [UInt64: Entry] = [:]
    private var nextSerial: UInt64 = 1
    /// No open call's deadline is earlier; far away when there is none.
    private(set) var earliestDeadline = NIODeadline.distantFuture

    var count: Int { entries.count }
    var isEmpty: Bool { entries.isEmpty }

    func contains(_ id: UInt64) -> Bool {
        !entries.isEmpty && entries[id] != nil
    }

    func contains(_ token: CallToken) -> Bool {
        entries[token.id]?.serial == token.serial
    }

    subscript(id: UInt64) -> Entry? {
        entries[id]
    }

    mutating func insert(id: UInt64, deadline: NIODeadline, credit: UInt64, _ call: (CallToken) -> Call) -> CallToken {
        let token = CallToken(id: id, serial: nextSerial)
        nextSerial += 1
        entries[id] = Entry(call: call(token), serial: token.serial, deadline: deadline, credit: credit)
        earliestDeadline = min(earliestDeadline, deadline)
        return token
    }

    func forEach(_ body: (Call) -> Void) {
        for entry in entries.values { body(entry.call) }
    }

    /// Takes a call out if it is the one meant and not a later one of the same id.
    mutating func remove(_ token: CallToken) -> Call? {
        contains(token) ? remove(id: token.id) : nil
    }

    mutating func remove(id: UInt64) -> Call? {
        let call = entries.removeValue(forKey: id)?.call
        if entries.isEmpty { earliestDeadline = .distantFuture }
        return call
    }

    mutating func removeAll() -> [(id: UInt64, call: Call)] {
        let all = entries.map { (id: $0.key, call: $0.value.call) }.sorted { $0.id < $1.id }
        entries = [:]
        earliestDeadline = .distantFuture
        return all
    }

    mutating func removeAll(where isMeant: (Call) -> Bool) -> [(id: UInt64, call: Call)] {
        let found = entries.filter { isMeant($0.value.call) }.map { (id: $0.key, call: $0.value.call) }
        for (id, _) in found { _ = remove(id: id) }
        return found.sorted { $0.id < $1.id }
    }

    /// Takes out every call whose deadline is not after `now`, in the order of their ids.
    mutating func removeExpired(at now: NIODeadline) -> [(id: UInt64, call: Call)] {
        guard earliestDeadline <= now else { return [] }
        var expired: [(id: UInt64, call: Call)] = []
        var earliest = NIODeadline.distantFuture
        for (id, entry) in entries {
            if entry.deadline <= now {
                expired.append((id, entry.call))
            } else {
                earliest = min(earliest, entry.deadline)
            }
        }
        for (id, _) in expired { entries.removeValue(forKey: id) }
        earliestDeadline = earliest
        return expired.sorted { $0.id < $1.id }
    }

    /// Adds to what the peer may send on the call; saturates.
    mutating func addCredit(_ credit: UInt64, to id: UInt64) {
        guard let now = entries[id]?.credit else { return }
        let (sum, overflow) = now.addingReportingOverflow(credit)
        entries[id]?.credit = overflow ? .max : sum
    }

    /// Uses one unit of credit; false when there is none left.
    mutating func spendCredit(of id: UInt64) -> Bool {
        guard let now = entries[id]?.credit, now > 0 else { return false }
        entries[id]?.credit = now - 1
        return true
    }
}
