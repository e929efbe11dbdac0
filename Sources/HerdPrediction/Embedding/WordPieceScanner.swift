/// Turns UTF-8 into token ids in one pass over the bytes: classes, words, pieces.
///
/// Works on memory lent for one call and allocates nothing. What it holds is bounded by the longest word, so its time is
/// linear in the text.
struct WordPieceScanner {
    private let table: EmbeddingTable
    private let classes: CharacterClasses
    private let actions: UnsafePointer<UInt8>
    private let output: UnsafeMutableBufferPointer<Int32>
    /// Tokens found; those past the output's capacity are counted, not kept.
    private(set) var count = 0

    private let longestWord: Int
    /// The word so far, UTF-8.
    private let word: UnsafeMutablePointer<UInt8>
    private var wordBytes = 0
    /// Its characters, up to one more than the longest word may have.
    private var wordCharacters = 0
    /// Marks since the last starter, which belong to the word once sorted.
    private let marks: UnsafeMutablePointer<UInt32>
    private var markCount = 0

    private init(
        table: EmbeddingTable, actions: UnsafePointer<UInt8>, output: UnsafeMutableBufferPointer<Int32>,
        word: UnsafeMutablePointer<UInt8>, marks: UnsafeMutablePointer<UInt32>
    ) {
        self.table = table
        classes = table.classes
        self.actions = actions
        self.output = output
        longestWord = table.longestWord
        self.word = word
        self.marks = marks
    }

    /// Writes the first token ids of `text` to `output`, as many as fit.
    ///
    /// Returns how many were written and how many bytes of the text they took; the latter is the text's length where all
    /// its tokens fitted.
    static func scan(
        _ text: UnsafeBufferPointer<UInt8>, table: EmbeddingTable, into output: UnsafeMutableBufferPointer<Int32>
    ) -> (tokens: Int, bytes: Int) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 4 * table.longestWord) { word in
            withUnsafeTemporaryAllocation(of: UInt32.self, capacity: table.longestWord) { marks in
                table.asciiActions.withActions { actions in
                    guard let word = word.baseAddress, let marks = marks.baseAddress else { return (0, 0) }
                    var scanner = WordPieceScanner(
                        table: table, actions: actions, output: output, word: word, marks: marks)
                    let bytes = scanner.scan(text)
                    return (min(scanner.count, output.count), bytes)
                }
            }
        }
    }

    private mutating func scan(_ text: UnsafeBufferPointer<UInt8>) -> Int {
        guard let bytes = text.baseAddress else { return 0 }
        var position = 0
        while position < text.count, count < output.count {
            let byte = bytes[position]
            let action = actions[Int(byte)]
            if action < 0x80 {
                append(action)
                position &+= 1
            } else if action == AsciiActions.blank {
                endWord()
                position &+= 1
            } else if action == AsciiActions.alone {
                endWord()
                append(byte)
                endWord()
                position &+= 1
            } else if action == AsciiActions.drop {
                position &+= 1
            } else if action == AsciiActions.special, let token = specialToken(text, position) {
                endWord()
                emit(token.id)
                position += token.bytes.count
            } else {
                let (codePoint, length) = UTF8Decoding.codePoint(text, position)
                apply(classes.entry(codePoint), to: codePoint)
                position &+= length
            }
        }
        endWord()
        return position
    }

    // MARK: - Characters

    private func specialToken(_ text: UnsafeBufferPointer<UInt8>, _ position: Int) -> SpecialToken? {
        for token in table.specialTokens where token.bytes.count <= text.count - position {
            var matched = 1
            while matched < token.bytes.count, token.bytes[matched] == text[position + matched] { matched += 1 }
            if matched == token.bytes.count, token.bytes[0] == text[position] { return token }
        }
        return nil
    }

    private mutating func apply(_ entry: CharacterClasses.Entry, to codePoint: UInt32) {
        switch entry.kind {
        case .keep: append(codePoint)
        case .keepAs: append(entry.codePoint)
        case .drop: break
        case .blank: endWord()
        case .alone: appendAlone(codePoint)
        case .aloneAs: appendAlone(entry.codePoint)
        case .list: for index in entry.elements { apply(classes.element(index)) }
        }
    }

    private mutating func apply(_ element: CharacterClasses.Element) {
        guard element.rank == 0 else { return addMark(element.bits) }
        switch element.class {
        case .word: append(element.codePoint)
        case .alone: appendAlone(element.codePoint)
        case .blank: endWord()
        case .nothing: addSortedMarks()
        }
    }

    private mutating func appendAlone(_ codePoint: UInt32) {
        endWord()
        append(codePoint)
        endWord()
    }

    /// Adds a starter below 0x80 to the word.
    @inline(__always)
    private mutating func append(_ ascii: UInt8) {
        if markCount > 0 { addSortedMarks() }
        guard wordCharacters < longestWord else { return wordIsTooLong() }
        word[wordBytes] = ascii
        wordBytes &+= 1
        wordCharacters &+= 1
    }

    /// Adds a starter to the word.
    private mutating func append(_ codePoint: UInt32) {
        if markCount > 0 { addSortedMarks() }
        appendSorted(codePoint)
    }

    private mutating func appendSorted(_ codePoint: UInt32) {
        guard wordCharacters < longestWord else { return wordIsTooLong() }
        wordBytes &+= UTF8Decoding.encode(codePoint, to: word + wordBytes)
        wordCharacters &+= 1
    }

    private mutating func addMark(_ mark: UInt32) {
        // A word that is too long is unknown whatever its marks' order.
        guard wordCharacters + markCount < longestWord else { return wordIsTooLong() }
        marks[markCount] = mark
        markCount += 1
    }

    private mutating func wordIsTooLong() {
        wordCharacters = longestWord + 1
        markCount = 0
    }

    /// Adds the marks since the last starter to the word in canonical order (Unicode, section 3.11): a stable insertion
    /// sort, of no more marks than a word may have characters.
    private mutating func addSortedMarks() {
        for next in 1..<max(1, markCount) {
            let mark = marks[next]
            let rank = CharacterClasses.Element(bits: mark).rank
            var place = next
            while place > 0, CharacterClasses.Element(bits: marks[place - 1]).rank > rank {
                marks[place] = marks[place - 1]
                place -= 1
            }
            marks[place] = mark
        }
        for index in 0..<markCount { appendSorted(CharacterClasses.Element(bits: marks[index]).codePoint) }
        markCount = 0
    }

    // MARK: - Words

    @inline(__always)
    private mutating func emit(_ token: Int32) {
        if count < output.count { output[count] = token }
        count &+= 1
    }

    /// Emits the pieces of the word, longest first from its start, or the unknown token where it has none.
    @inline(__always)
    private mutating func endWord() {
        if markCount > 0 { addSortedMarks() }
        guard wordCharacters > 0 else { return }
        emitPieces()
        wordBytes = 0
        wordCharacters = 0
    }

    private mutating func emitPieces() {
        let trie = table.trie
        let first = count
        var start = 0
        var state = trie.root
        if wordCharacters <= longestWord {
            while start < wordBytes {
                var piece: Int32 = -1
                var end = start
                var position = start
                while position < wordBytes, let next = trie.next(state, word[position]) {
                    state = next
                    position &+= 1
                    let token = WordPieceTrie.token(state)
                    if token >= 0 {
                        piece = token
                        end = position
                    }
                }
                guard piece >= 0 else { break }
                emit(piece)
                start = end
                state = trie.continuation
            }
        }
        if start < wordBytes || wordCharacters > longestWord {
            count = first
            emit(table.unknownToken)
        }
    }
}
