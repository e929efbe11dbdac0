/// A pattern as steps that a set of states is moved through.
struct PatternProgram: Sendable, Equatable {
    private enum Instruction: Sendable, Equatable {
        case scalar(ScalarSet)
        case assertion(PatternAssertion)
        /// Goes on at both places.
        case split(Int, Int)
        case jump(Int)
        case found
    }

    private var instructions: [Instruction] = []
    private let options: PatternOptions

    init(_ node: PatternNode, options: PatternOptions) throws(GraderError) {
        self.options = options
        try compile(node)
        try emit(.found)
    }

    // MARK: - Compiling

    private mutating func emit(_ instruction: Instruction) throws(GraderError) {
        guard instructions.count < TextPattern.mostInstructions else {
            throw GraderError(
                "the pattern is too long once its repetitions are written out; at most "
                    + "\(TextPattern.mostInstructions) steps are allowed")
        }
        instructions.append(instruction)
    }

    private mutating func compile(_ node: PatternNode) throws(GraderError) {
        switch node {
        case .scalar(let set): try emit(.scalar(set))
        case .assertion(let assertion): try emit(.assertion(assertion))
        case .sequence(let nodes): for node in nodes { try compile(node) }
        case .alternatives(let nodes):
            var jumps: [Int] = []
            for (place, node) in nodes.enumerated() {
                guard place < nodes.count - 1 else {
                    try compile(node)
                    break
                }
                let split = instructions.count
                try emit(.split(split + 1, 0))
                try compile(node)
                jumps.append(instructions.count)
                try emit(.jump(0))
                instructions[split] = .split(split + 1, instructions.count)
            }
            for jump in jumps { instructions[jump] = .jump(instructions.count) }
        case .repeated(let node, let least, let most):
            for _ in 0..<least { try compile(node) }
            guard let most else {
                let split = instructions.count
                try emit(.split(split + 1, 0))
                try compile(node)
                try emit(.jump(split))
                instructions[split] = .split(split + 1, instructions.count)
                return
            }
            var splits: [Int] = []
            for _ in least..<most {
                splits.append(instructions.count)
                try emit(.split(0, 0))
                try compile(node)
            }
            for split in splits { instructions[split] = .split(split + 1, instructions.count) }
        }
    }

    // MARK: - Matching

    func isFound(in text: [Unicode.Scalar]) -> Bool {
        var current = StateSet(count: instructions.count)
        var next = StateSet(count: instructions.count)
        for position in 0...text.count {
            // A match may begin anywhere.
            if add(0, to: &current, text, position) { return true }
            guard position < text.count else { return false }
            for state in current.states {
                guard case .scalar(let set) = instructions[state],
                    set.contains(text[position], ignoringCase: options.ignoresCase)
                else { continue }
                if add(state + 1, to: &next, text, position + 1) { return true }
            }
            swap(&current, &next)
            next.removeAll()
        }
        return false
    }

    /// Adds a state and all that are reached from it without taking a scalar; whether the end is among them.
    private func add(_ state: Int, to set: inout StateSet, _ text: [Unicode.Scalar], _ position: Int) -> Bool {
        var open = [state]
        while let state = open.popLast() {
            guard set.insert(state) else { continue }
            switch instructions[state] {
            case .found: return true
            case .scalar: continue
            case .jump(let target): open.append(target)
            case .split(let first, let second):
                open.append(second)
                open.append(first)
            case .assertion(let assertion):
                if Self.holds(assertion, text, position) { open.append(state + 1) }
            }
        }
        return false
    }

    private static func holds(_ assertion: PatternAssertion, _ text: [Unicode.Scalar], _ position: Int) -> Bool {
        let before = position > 0 ? text[position - 1] : nil
        let after = position < text.count ? text[position] : nil
        switch assertion {
        case .textStart: return before == nil
        case .textEnd: return after == nil
        case .lineStart: return before == nil || before == "\n"
        case .lineEnd: return after == nil || after == "\n"
        case .wordBoundary: return isWord(before) != isWord(after)
        case .noWordBoundary: return isWord(before) == isWord(after)
        }
    }

    private static func isWord(_ scalar: Unicode.Scalar?) -> Bool {
        scalar.map { ScalarSet.Kind.word.holds($0) } ?? false
    }
}

/// States in the order they were added, each once.
private struct StateSet {
    private(set) var states: [Int] = []
    private var isMember: [Bool]

    init(count: Int) {
        isMember = [Bool](repeating: false, count: count)
    }

    mutating func insert(_ state: Int) -> Bool {
        guard !isMember[state] else { return false }
        isMember[state] = true
        states.append(state)
        return true
    }

    mutating func removeAll() {
        for state in states { isMember[state] = false }
        states.removeAll(keepingCapacity: true)
    }
}
