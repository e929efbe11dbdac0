import HerdMessages
import HerdStore

/// Many decisions in one record of the store. Behind the header that `BlockLog` asks for come a version byte and the
/// items, each a kind, the length of its body in four bytes, and the body:
///
/// - a *frame*, a `DecisionRecord` with what many decisions have in common; the first of a block is number 0;
/// - a *whole* decision: the id's sequence and check, and its packed `DecisionRecord` without the id;
/// - a *brief* one: what `BriefDecision` lists, and the number of its frame.
///
/// Integers and floats lie least significant byte first.
enum DecisionBlock {
    static let formatVersion: UInt8 = 1
    static let headerBytes = BlockLog.headerBytes + 1
    static let itemHeaderBytes = 5

    enum ItemKind: UInt8 {
        case frame = 1
        case whole = 2
        case brief = 3
    }

    /// The decision of that id in a block; nil where it has none.
    ///
    /// - Throws: DATA_LOSS where the block is none.
    static func record(of id: LogEntryID, in block: UnsafeRawBufferPointer) throws -> DecisionRecord? {
        var frames: [UnsafeRawBufferPointer] = []
        var items = Items(block)
        while let (kind, body) = try items.next() {
            switch kind {
            case .frame:
                frames.append(body)
            case .whole, .brief:
                guard body.count >= 12 else { throw Items.damaged }
                guard UInt64(littleEndian: body.loadUnaligned(as: UInt64.self)) == id.sequence else { continue }
                guard UInt32(littleEndian: body.loadUnaligned(fromByteOffset: 8, as: UInt32.self)) == id.check else {
                    return nil
                }
                var record =
                    kind == .whole
                    ? try DecisionRecord(stored: Array(body[12...])) : try brief(body, frames: frames)
                record.decisionId = id.description
                return record
            }
        }
        return nil
    }

    /// Whether every item of a block can be read.
    static func isRecord(_ bytes: [UInt8]) -> Bool {
        bytes.withUnsafeBytes { block in
            var frames: [UnsafeRawBufferPointer] = []
            var items = Items(block)
            var entries: UInt32 = 0
            do {
                while let (kind, body) = try items.next() {
                    switch kind {
                    case .frame:
                        _ = try DecisionRecord(stored: Array(body))
                        frames.append(body)
                    case .whole:
                        guard body.count >= 12 else { return false }
                        _ = try DecisionRecord(stored: Array(body[12...]))
                        entries += 1
                    case .brief:
                        _ = try brief(body, frames: frames)
                        entries += 1
                    }
                }
            } catch {
                return false
            }
            return UInt32(littleEndian: block.loadUnaligned(as: UInt32.self)) == entries
        }
    }

    private static func brief(
        _ body: UnsafeRawBufferPointer, frames: [UnsafeRawBufferPointer]
    ) throws -> DecisionRecord {
        guard let brief = BriefDecision(body), frames.indices.contains(Int(brief.frame)),
            let record = brief.record(in: try DecisionRecord(stored: Array(frames[Int(brief.frame)])))
        else { throw Items.damaged }
        return record
    }

    /// The items of a block, one after the other.
    private struct Items {
        private let block: UnsafeRawBufferPointer
        private var position = DecisionBlock.headerBytes

        static var damaged: StoreError {
            StoreError(.dataLoss, "a block of decisions cannot be read; the log is damaged there")
        }

        init(_ block: UnsafeRawBufferPointer) {
            self.block = block
        }

        mutating func next() throws -> (ItemKind, UnsafeRawBufferPointer)? {
            guard block.count >= DecisionBlock.headerBytes,
                block[BlockLog.headerBytes] == DecisionBlock.formatVersion
            else { throw Self.damaged }
            if position == block.count { return nil }
            guard block.count - position >= DecisionBlock.itemHeaderBytes,
                let kind = ItemKind(rawValue: block[position])
            else { throw Self.damaged }
            let length = Int(
                UInt32(littleEndian: block.loadUnaligned(fromByteOffset: position + 1, as: UInt32.self)))
            position += DecisionBlock.itemHeaderBytes
            guard length <= block.count - position else { throw Self.damaged }
            defer { position += length }
            return (kind, UnsafeRawBufferPointer(rebasing: block[position..<position + length]))
        }
    }
}
