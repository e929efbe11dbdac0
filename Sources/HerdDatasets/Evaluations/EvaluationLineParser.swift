import HerdJSON

/// Reads one line of an evaluation file.
///
/// Shape: `{"id", "prompt", "task", "domain"?, "scores": {model: 0..1}, "costs"?: {model: usd}, "refined"?: {model:
/// [0..1, ...]}, "refined_costs"?: {model: [usd, ...]}}`. Other keys are ignored.
package struct EvaluationLineParser: Sendable {
    /// Bytes of an id, a task, a domain or a model name.
    package static let maximumNameBytes = 400
    /// Bytes of a prompt.
    package static let maximumPromptBytes = 1 << 20
    /// US dollars of one answer.
    package static let maximumCost = 1e12
    /// Refinement rounds recorded for one model.
    package static let maximumRounds = 64

    package init() {}

    /// - Throws: a problem that names `line` and says which field is wrong and what is allowed.
    package func parse(_ bytes: [UInt8], line: Int) throws(EvaluationProblem) -> EvaluationRow {
        do {
            return try row(bytes)
        } catch {
            throw EvaluationProblem(line: line, reason: error.reason)
        }
    }

    private func row(_ bytes: [UInt8]) throws(JSONCursor.Failure) -> EvaluationRow {
        var cursor = JSONCursor(bytes, name: "the line")
        var row = EvaluationRow(id: "", prompt: "", task: "", scores: [:])
        var seen = Set<String>()
        try cursor.object("the line") { (cursor, key) throws(JSONCursor.Failure) in
            guard seen.insert(key).inserted else { throw JSONCursor.Failure("the key \"\(shown(key))\" appears twice") }
            switch key {
            case "id": row.id = try name(&cursor, "id")
            case "prompt": row.prompt = try prompt(&cursor)
            case "task": row.task = try name(&cursor, "task")
            case "domain":
                if try cursor.null() { break }
                let domain = try cursor.string("domain")
                try check(domain, "domain")
                row.domain = domain.isEmpty ? nil : domain
            case "scores":
                try models(&cursor, key) { (cursor, what) throws(JSONCursor.Failure) in
                    try score(&cursor, what)
                } store: {
                    row.scores.updateValue($1, forKey: $0) == nil
                }
            case "costs":
                if try cursor.null() { break }
                try models(&cursor, key) { (cursor, what) throws(JSONCursor.Failure) in
                    try cost(&cursor, what)
                } store: {
                    row.costs.updateValue($1, forKey: $0) == nil
                }
            case "refined":
                if try cursor.null() { break }
                try models(&cursor, key) { (cursor, what) throws(JSONCursor.Failure) in
                    try rounds(&cursor, what) { (cursor, what) throws(JSONCursor.Failure) in try score(&cursor, what) }
                } store: {
                    row.refined.updateValue($1, forKey: $0) == nil
                }
            case "refined_costs":
                if try cursor.null() { break }
                try models(&cursor, key) { (cursor, what) throws(JSONCursor.Failure) in
                    try rounds(&cursor, what) { (cursor, what) throws(JSONCursor.Failure) in try cost(&cursor, what) }
                } store: {
                    row.refinedCosts.updateValue($1, forKey: $0) == nil
                }
            default: try cursor.skipValue()
            }
        }
        try cursor.finish()
        for required in ["id", "prompt", "task", "scores"] where !seen.contains(required) {
            throw JSONCursor.Failure("\"\(required)\" is missing")
        }
        guard !row.scores.isEmpty else { throw JSONCursor.Failure("scores must name at least one model") }
        if let model = row.refined.keys.filter({ row.scores[$0] == nil }).min() {
            throw JSONCursor.Failure("refined names the model \"\(shown(model))\", which has no score in scores")
        }
        for (model, costs) in row.refinedCosts.sorted(by: { $0.key < $1.key }) {
            guard let scores = row.refined[model] else {
                throw JSONCursor.Failure(
                    "refined_costs names the model \"\(shown(model))\", which has no scores in refined")
            }
            if scores.count != costs.count {
                throw JSONCursor.Failure(
                    "refined and refined_costs of model \"\(shown(model))\" must have equally many rounds")
            }
        }
        return row
    }

    // MARK: - Fields

    /// - Parameter store: says whether the model is a new one.
    private func models<Value>(
        _ cursor: inout JSONCursor, _ field: String,
        _ read: (inout JSONCursor, String) throws(JSONCursor.Failure) -> Value,
        store: (String, Value) -> Bool
    ) throws(JSONCursor.Failure) {
        try cursor.object(field) { (cursor, model) throws(JSONCursor.Failure) in
            guard !model.isEmpty else { throw JSONCursor.Failure("\(field) has a model without a name") }
            try check(model, "a model's name in \(field)")
            guard store(model, try read(&cursor, model)) else {
                throw JSONCursor.Failure("\(field) names the model \"\(shown(model))\" twice")
            }
        }
    }

    private func score(_ cursor: inout JSONCursor, _ model: String) throws(JSONCursor.Failure) -> Double {
        let value = try cursor.number("the score of model \"\(shown(model))\"")
        guard value >= 0, value <= 1 else {
            throw JSONCursor.Failure("the score of model \"\(shown(model))\" is \(value); it must be from 0 to 1")
        }
        return value
    }

    private func cost(_ cursor: inout JSONCursor, _ model: String) throws(JSONCursor.Failure) -> Double {
        let value = try cursor.number("the cost of model \"\(shown(model))\"")
        guard value >= 0, value <= Self.maximumCost else {
            throw JSONCursor.Failure(
                "the cost of model \"\(shown(model))\" is \(value); it must be 0 US dollars or more")
        }
        return value
    }

    private func rounds(
        _ cursor: inout JSONCursor, _ model: String,
        _ read: (inout JSONCursor, String) throws(JSONCursor.Failure) -> Double
    ) throws(JSONCursor.Failure) -> [Double] {
        var values: [Double] = []
        try cursor.array("the rounds of model \"\(shown(model))\"") { (cursor) throws(JSONCursor.Failure) in
            guard values.count < Self.maximumRounds else {
                throw JSONCursor.Failure("model \"\(shown(model))\" has over \(Self.maximumRounds) refinement rounds")
            }
            values.append(try read(&cursor, model))
        }
        return values
    }

    private func prompt(_ cursor: inout JSONCursor) throws(JSONCursor.Failure) -> String {
        let value = try cursor.string("prompt")
        guard value.utf8.count <= Self.maximumPromptBytes else {
            throw JSONCursor.Failure("prompt is over \(Self.maximumPromptBytes) bytes long")
        }
        // The wire knows no U+0000: another prompt would be stored.
        guard !value.utf8.contains(0) else {
            throw JSONCursor.Failure("prompt has a character U+0000; leave it out")
        }
        return value
    }

    private func name(_ cursor: inout JSONCursor, _ field: String) throws(JSONCursor.Failure) -> String {
        let value = try cursor.string(field)
        guard !value.isEmpty else { throw JSONCursor.Failure("\(field) is empty") }
        try check(value, field)
        return value
    }

    private func check(_ value: String, _ field: String) throws(JSONCursor.Failure) {
        guard value.utf8.count <= Self.maximumNameBytes else {
            throw JSONCursor.Failure("\(field) is over \(Self.maximumNameBytes) bytes long")
        }
        guard !value.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) else {
            throw JSONCursor.Failure("\(field) has a control character")
        }
    }

    /// A name as it may be printed: outside data never puts control characters or a wall of text on a terminal.
    private func shown(_ name: String) -> String {
        let clean = name.unicodeScalars.prefix(80).map { $0.value < 0x20 || $0.value == 0x7F ? "\u{FFFD}" : $0 }
        return String(String.UnicodeScalarView(clean))
    }
}
