import HerdStore
import NIOConcurrencyHelpers

/// The decisions that are logged and not in the store yet, as the blocks they will be there: an entry is written where it
/// stays, without an allocation, and the writer thread takes all at once, at most every 100 ms.
final class DecisionQueue: Sendable {
    /// With what the store adds, whole pages.
    fileprivate static let blockBytes = (64 << 10) - 64
    /// Half of it has the writer thread come earlier.
    private static let mostBytes = 32 << 20
    /// Blocks kept for the next entries.
    private static let mostSpare = 16

    private let sequence: LogSequence
    private let state = NIOLockedValueBox(State())

    fileprivate struct State {
        var full: [Block] = []
        var current: Block?
        var spare: [[UInt8]] = []
        var bytes = 0
        var request = DrainRequest()
    }

    /// A block and how far it is filled.
    struct Block {
        fileprivate var memory: [UInt8]
        fileprivate var used = DecisionBlock.headerBytes
        fileprivate var entries: UInt32 = 0
        /// The numbers of the frames in it, in their order.
        fileprivate var frames: [UInt64] = []
        /// The sequence number of its first entry.
        let firstKey: UInt64

        fileprivate init(_ memory: [UInt8], firstKey: UInt64) {
            self.memory = memory
            self.firstKey = firstKey
        }

        /// Lends the block as the store keeps it.
        func withBytes(_ body: (RawSpan) throws(StoreError) -> Void) throws(StoreError) {
            try body(memory.span.bytes.extracting(first: used))
        }
    }

    struct Added {
        var id: LogEntryID
        var isKept: Bool
        var asks: DrainRequest.Asks
    }

    init(_ sequence: LogSequence) {
        self.sequence = sequence
    }

    /// Adds an entry; see `DecisionLog.append`.
    func add(
        _ kind: DecisionBlock.ItemKind, check: UInt32, frame: DecisionFrame?, byteCount: Int,
        _ write: (inout PackedWriter, LogEntryID, UInt32) -> Void
    ) -> Added {
        state.withLockedValue { state in
            // Under the lock, so that numbers rise from entry to entry.
            let id = LogEntryID(sequence: sequence.next(), check: check)
            let need = DecisionBlock.itemHeaderBytes + byteCount
            let most = need + (frame.map { DecisionBlock.itemHeaderBytes + $0.packed.count } ?? 0)
            guard state.bytes + most <= Self.mostBytes else { return Added(id: id, isKept: false, asks: .nothing) }
            if let current = state.current, current.memory.count - current.used < most {
                state.full.append(current)
                state.current = nil
            }
            if state.current == nil { state.current = state.newBlock(need: most, firstKey: id.sequence) }
            let before = state.current?.used ?? 0
            state.current?.add(kind, id, frame, byteCount: byteCount, write)
            state.bytes += (state.current?.used ?? 0) - before
            let asks = state.request.added(isHalfFull: state.bytes > Self.mostBytes / 2)
            return Added(id: id, isKept: true, asks: asks)
        }
    }

    /// Entries that wait for the disk, and their bytes.
    var waiting: (entries: Int, bytes: Int) {
        state.withLockedValue { state in
            let full = state.full.reduce(0) { $0 + Int($1.entries) }
            return (full + Int(state.current?.entries ?? 0), state.bytes)
        }
    }

    /// All entries, oldest first; for the writer thread.
    func takeAll() -> [Block] {
        state.withLockedValue { state in
            var blocks = state.full
            if let current = state.current { blocks.append(current) }
            state.full = []
            state.current = nil
            state.bytes = 0
            state.request.ended()
            return blocks
        }
    }

    /// Takes back the memory of blocks that are written.
    func giveBack(_ blocks: [Block]) {
        state.withLockedValue { state in
            for block in blocks where block.memory.count == Self.blockBytes && state.spare.count < Self.mostSpare {
                state.spare.append(block.memory)
            }
        }
    }

    /// The store took no write: the next entry asks again.
    func drainFailed() {
        state.withLockedValue { $0.request.ended() }
    }
}

extension DecisionQueue.State {
    fileprivate mutating func newBlock(need: Int, firstKey: UInt64) -> DecisionQueue.Block {
        let size = DecisionBlock.headerBytes + need
        if size <= DecisionQueue.blockBytes, let memory = spare.popLast() {
            return DecisionQueue.Block(memory, firstKey: firstKey)
        }
        return DecisionQueue.Block(
            [UInt8](repeating: 0, count: max(size, DecisionQueue.blockBytes)), firstKey: firstKey)
    }
}

extension DecisionQueue.Block {
    fileprivate mutating func add(
        _ kind: DecisionBlock.ItemKind, _ id: LogEntryID, _ frame: DecisionFrame?, byteCount: Int,
        _ write: (inout PackedWriter, LogEntryID, UInt32) -> Void
    ) {
        var number: UInt32 = 0
        var newFrame: DecisionFrame?
        if let frame {
            if let known = frames.lastIndex(of: frame.number) {
                number = UInt32(truncatingIfNeeded: known)
            } else {
                number = UInt32(truncatingIfNeeded: frames.count)
                frames.append(frame.number)
                newFrame = frame
            }
        }
        entries += 1
        let (from, entries) = (used, entries)
        used += memory.withUnsafeMutableBytes { bytes in
            guard let start = bytes.baseAddress else { return 0 }
            var header = PackedWriter(start)
            header.integer(entries)
            header.byte(DecisionBlock.formatVersion)
            var writer = PackedWriter(start + from)
            if let newFrame {
                writer.byte(DecisionBlock.ItemKind.frame.rawValue)
                writer.integer(UInt32(truncatingIfNeeded: newFrame.packed.count))
                writer.bytes(newFrame.packed)
            }
            writer.byte(kind.rawValue)
            writer.integer(UInt32(truncatingIfNeeded: byteCount))
            write(&writer, id, number)
            return writer.count
        }
    }
}
