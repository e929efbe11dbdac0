import Foundation
import Testing

/// The demonstration's suites keep what they promise: the herd is tested with wordings, words, sums and days that it was
/// not trained on, and often without the verb that gives a skill away.
struct SuiteTests {
    /// A line of a suite file.
    struct Item: Decodable {
        var id: String
        var prompt: String
        var task: String
        var reference: String
        var grader: String
    }

    /// A skill's part of `Demo/wordings.json`.
    struct Wordings: Decodable {
        var verbs: [String]
        var models: [String]
        var suite: [String]
        var held_out: [String]
    }

    let wordings: [String: Wordings]
    let suite: [Item]
    let heldOut: [Item]
    /// By skill: the wordings of the suite, and those held out.
    private let suiteTemplates: [String: [Template]]
    private let heldOutTemplates: [String: [Template]]

    init() throws {
        let demo = ProjectPython.root.appending(path: "Demo")
        wordings = try JSONDecoder().decode(
            [String: Wordings].self, from: Data(contentsOf: demo.appending(path: "wordings.json")))
        func items(_ name: String) throws -> [Item] {
            try String(contentsOf: demo.appending(path: name), encoding: .utf8).split(separator: "\n").map {
                try JSONDecoder().decode(Item.self, from: Data($0.utf8))
            }
        }
        suite = try items("suite.jsonl")
        heldOut = try items("heldout.jsonl")
        suiteTemplates = try wordings.mapValues { try $0.suite.map(Template.init) }
        heldOutTemplates = try wordings.mapValues { try $0.held_out.map(Template.init) }
    }

    @Test("no wording is used for two purposes, whatever its skill")
    func wordingsAreDisjoint() {
        let all = wordings.values.flatMap { [$0.models, $0.suite, $0.held_out] }.map { $0.map { $0.lowercased() } }
        let each = all.flatMap { Set($0) }
        #expect(Set(each).count == all.reduce(0) { $0 + $1.count })
    }

    @Test("every prompt is a wording of its own suite and of no other")
    func promptsFollowTheirWordings() throws {
        let models = try wordings.values.flatMap { try $0.models.map(Template.init) }
        for (items, known, others) in [
            (suite, suiteTemplates, heldOutTemplates), (heldOut, heldOutTemplates, suiteTemplates),
        ] {
            let strange = others.values.flatMap { $0 } + models
            for item in items {
                let matching = known[item.task, default: []].filter { $0.words(of: item.prompt) != nil }
                #expect(!matching.isEmpty, "\(item.id): \(item.prompt)")
                // A wording that is little more than the word itself fits much; the longest one is meant.
                let longest = matching.map(\.length).max() ?? 0
                let foreign = strange.filter { $0.length >= longest && $0.words(of: item.prompt) != nil }
                #expect(foreign.isEmpty, "\(item.id): \(item.prompt)")
            }
        }
    }

    @Test("no word, sum or day is in both suites")
    func subjectsAreDisjoint() throws {
        let trained = try Set(suite.map { try subject(of: $0, among: suiteTemplates) })
        let tested = try Set(heldOut.map { try subject(of: $0, among: heldOutTemplates) })
        #expect(trained.isDisjoint(with: tested))
        #expect(Set(suite.map(\.id)).union(heldOut.map(\.id)).count == suite.count + heldOut.count)
    }

    @Test("a third of each skill's held-out prompts lack its verbs")
    func verbsAreMissing() throws {
        for (skill, its) in wordings {
            let items = heldOut.filter { $0.task == skill }
            #expect(items.count >= 48)
            let without = try items.filter { item in
                let template = try template(of: item, among: heldOutTemplates)
                return !its.verbs.contains { template.text.lowercased().mentions($0) }
            }
            #expect(without.count * 3 >= items.count, "\(skill): \(without.count) of \(items.count)")
        }
    }

    @Test("references are right")
    func references() throws {
        for (item, its) in try suite.map({ ($0, try words(of: $0, among: suiteTemplates)) })
            + heldOut.map({ ($0, try words(of: $0, among: heldOutTemplates)) })
        {
            let right =
                switch item.task {
                case "add": String(try its.map { try #require(Int($0)) }.reduce(0, +))
                case "copy": its[0]
                case "reverse": String(its[0].reversed())
                case "sort": String(its[0].sorted())
                case "upper": its[0].uppercased()
                default: try day(its[0])
                }
            #expect(item.reference == right && item.grader == "exact", "\(item.id): \(item.prompt)")
        }
    }

    // MARK: - What a prompt is made of

    /// A wording, and what it finds in a prompt.
    private struct Template {
        let text: String
        let pattern: Regex<AnyRegexOutput>

        /// Characters besides the words of the question.
        var length: Int { text.replacing("{}", with: "").count }

        init(_ text: String) throws {
            self.text = text
            let parts = text.components(separatedBy: "{}").map(NSRegularExpression.escapedPattern)
            pattern = try Regex(parts.joined(separator: "(\\w+|\\w+ \\w+,? \\w+)")).ignoresCase()
        }

        func words(of prompt: String) -> [String]? {
            prompt.wholeMatch(of: pattern)?.output.dropFirst().map { String($0.substring ?? "") }
        }
    }

    private func template(of item: Item, among templates: [String: [Template]]) throws -> Template {
        let matching = templates[item.task, default: []].filter { $0.words(of: item.prompt) != nil }
        return try #require(matching.max { $0.length < $1.length }, "\(item.id): \(item.prompt)")
    }

    private func words(of item: Item, among templates: [String: [Template]]) throws -> [String] {
        try #require(try template(of: item, among: templates).words(of: item.prompt))
    }

    /// What a prompt is about: a word whatever is done with it, two numbers in either order, or a day.
    private func subject(of item: Item, among templates: [String: [Template]]) throws -> String {
        let words = try words(of: item, among: templates)
        return item.task == "date" ? try day(words[0]) : words.sorted().joined(separator: "+")
    }

    /// A day as people write it, by ISO 8601.
    private func day(_ text: String) throws -> String {
        let months = [
            "january", "february", "march", "april", "may", "june", "july", "august", "september", "october",
            "november", "december",
        ]
        let words = text.lowercased().split { $0 == " " || $0 == "," }.map(String.init)
        let month = try #require(words.firstNonNil { months.firstIndex(of: $0) }) + 1
        let numbers = words.compactMap(Int.init)
        let (day, year) = (try #require(numbers.min()), try #require(numbers.max()))
        return "\(year)-\(month < 10 ? "0" : "")\(month)-\(day < 10 ? "0" : "")\(day)"
    }
}

extension Array {
    fileprivate func firstNonNil<Value>(_ transform: (Element) -> Value?) -> Value? {
        lazy.compactMap(transform).first
    }
}

extension String {
    /// Whether a word of the text begins with the verb; a sign may stand anywhere.
    fileprivate func mentions(_ verb: String) -> Bool {
        guard verb.allSatisfy(\.isLetter) else { return contains(verb) }
        return split { !$0.isLetter }.contains { $0.hasPrefix(verb) }
    }
}
