import HerdMessages

/// A model as the registry hands it out; shared by all snapshots it is the same in.
final class RegisteredModel: Sendable {
    let model: Model

    init(_ record: ModelRecord) {
        model = Model(record)
    }

    /// One for each record, in their order, which is that of the names' bytes.
    ///
    /// - Parameter known: of an earlier snapshot, in the same order.
    static func all(_ records: [ModelRecord], reusing known: [RegisteredModel]) -> [RegisteredModel] {
        var rest = known[...]
        return records.map { record in
            while let first = rest.first, first.model.name.utf8.lexicographicallyPrecedes(record.name.utf8) {
                rest.removeFirst()
            }
            if let first = rest.first, first.model.name == record.name, first.model.revision == record.revision {
                return first
            }
            return RegisteredModel(record)
        }
    }
}

/// What turns one list of models into another.
struct ModelChanges {
    private(set) var put: [RegisteredModel] = []
    private(set) var removed: [String] = []

    /// What a single event carries at most, in packed bytes, unless one model alone is longer.
    static let maximumEventBytes = 1 << 20

    /// - Parameters:
    ///   - old: in the order of the names' bytes, as is `new`.
    init(from old: [RegisteredModel], to new: [RegisteredModel]) {
        var (old, new) = (old[...], new[...])
        while let before = old.first, let after = new.first {
            if before === after || before.model.name.utf8.elementsEqual(after.model.name.utf8) {
                if before !== after, before.model.revision != after.model.revision { put.append(after) }
                old.removeFirst()
                new.removeFirst()
            } else if before.model.name.utf8.lexicographicallyPrecedes(after.model.name.utf8) {
                removed.append(before.model.name)
                old.removeFirst()
            } else {
                put.append(after)
                new.removeFirst()
            }
        }
        removed += old.map(\.model.name)
        put += new
    }

    /// At least one event, whose last alone is not partial.
    func events(revision: UInt64) -> EventSequence {
        EventSequence(put: put[...], removed: removed[...], revision: revision)
    }

    /// Events one at a time, so that a large herd is not held twice.
    struct EventSequence: Sequence, IteratorProtocol {
        fileprivate var put: ArraySlice<RegisteredModel>
        fileprivate var removed: ArraySlice<String>
        fileprivate let revision: UInt64
        private var isDone = false

        fileprivate init(put: ArraySlice<RegisteredModel>, removed: ArraySlice<String>, revision: UInt64) {
            self.put = put
            self.removed = removed
            self.revision = revision
        }

        mutating func next() -> ModelsEvent? {
            guard !isDone else { return nil }
            var event = ModelsEvent(registryRevision: revision)
            var bytes = 0
            while let name = removed.first, bytes + name.utf8.count + 6 <= ModelChanges.maximumEventBytes {
                bytes += name.utf8.count + 6
                event.removed.append(name)
                removed.removeFirst()
            }
            while let model = put.first?.model {
                let size = model.packedSize + 6
                guard bytes + size <= ModelChanges.maximumEventBytes || bytes == 0 else { break }
                bytes += size
                event.put.append(model)
                put.removeFirst()
            }
            isDone = put.isEmpty && removed.isEmpty
            event.partial = !isDone
            return event
        }
    }
}
