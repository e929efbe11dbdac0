import Foundation

/// Metrics in Prometheus's text format 0.0.4, read by its rules and by what this project adds to them: every family has its
/// HELP, then its TYPE, then all its samples, and names end as the naming conventions say.
struct PrometheusText {
    struct Wrong: Error, CustomStringConvertible {
        let description: String
    }

    struct Sample {
        let name: String
        let labels: [String: String]
        let value: Double
    }

    struct Family {
        let name: String
        var type = ""
        var samples: [Sample] = []
    }

    private(set) var families: [String: Family] = [:]

    init(_ text: String) throws {
        guard text.hasSuffix("\n") else { throw Wrong(description: "the last line has no end") }
        var current: Family?
        var seen: Set<String> = []
        for line in text.split(separator: "\n") {
            if let rest = Self.rest(of: line, after: "# HELP ") {
                if let current { try close(current) }
                let name = String(rest.prefix { $0 != " " })
                guard rest.count > name.count + 1 else { throw Wrong(description: "\(name) has an empty HELP") }
                guard families[name] == nil else { throw Wrong(description: "\(name) comes twice") }
                current = Family(name: name)
            } else if let rest = Self.rest(of: line, after: "# TYPE ") {
                let parts = rest.split(separator: " ")
                guard parts.count == 2, var family = current, family.name == parts[0], family.type.isEmpty else {
                    throw Wrong(description: "a TYPE without its HELP: \(line)")
                }
                family.type = String(parts[1])
                current = family
            } else {
                let sample = try Self.sample(line)
                guard let name = current?.name, !(current?.type.isEmpty ?? true), Self.belongs(sample, to: name) else {
                    throw Wrong(description: "a sample outside its family: \(line)")
                }
                let key = "\(sample.name) \(sample.labels.sorted { $0.key < $1.key })"
                guard seen.insert(key).inserted else { throw Wrong(description: "a sample comes twice: \(line)") }
                current?.samples.append(sample)
            }
        }
        if let current { try close(current) }
    }

    /// The value of a sample; nil where there is none.
    func value(_ name: String, _ labels: [String: String] = [:]) -> Double? {
        for family in families.values {
            for sample in family.samples where sample.name == name && sample.labels == labels { return sample.value }
        }
        return nil
    }

    /// Every name that a query may use.
    var names: Set<String> {
        var names: Set<String> = []
        for family in families.values {
            names.insert(family.name)
            let suffixes =
                switch family.type {
                case "histogram": ["_bucket", "_sum", "_count"]
                case "summary": ["_sum", "_count"]
                default: [String]()
                }
            for suffix in suffixes { names.insert(family.name + suffix) }
        }
        return names
    }

    // MARK: - Rules

    private mutating func close(_ family: Family) throws {
        guard family.name.wholeMatch(of: /(herd|process)_[a-z0-9_]*[a-z0-9]/) != nil else {
            throw Wrong(description: "\(family.name) is no name for a metric")
        }
        switch family.type {
        case "counter":
            guard family.name.hasSuffix("_total") else {
                throw Wrong(description: "the counter \(family.name) does not end in _total")
            }
            guard family.samples.allSatisfy({ $0.value >= 0 }) else {
                throw Wrong(description: "the counter \(family.name) is below 0")
            }
        case "gauge", "summary":
            guard !family.name.hasSuffix("_total") else { throw Wrong(description: "\(family.name) is no counter") }
        case "histogram": try checkHistogram(family)
        default: throw Wrong(description: "\(family.name) has the type \(family.type)")
        }
        families[family.name] = family
    }

    private func checkHistogram(_ family: Family) throws {
        let series = Dictionary(grouping: family.samples) { sample in
            sample.labels.filter { $0.key != "le" }.sorted { $0.key < $1.key }.map { "\($0)=\($1)" }.joined()
        }
        for samples in series.values {
            let buckets = samples.filter { $0.name == family.name + "_bucket" }
            let bounds = buckets.map { Double($0.labels["le"]?.replacing("+Inf", with: "inf") ?? "") ?? .nan }
            let counts = buckets.map(\.value)
            let total = samples.first { $0.name == family.name + "_count" }?.value
            let sum = samples.first { $0.name == family.name + "_sum" }?.value
            guard bounds == bounds.sorted(), Set(bounds).count == bounds.count, bounds.last == .infinity,
                counts == counts.sorted(), counts.last == total, let sum, sum >= 0
            else { throw Wrong(description: "the histogram \(family.name) does not add up") }
        }
    }

    private static func belongs(_ sample: Sample, to family: String) -> Bool {
        sample.name == family
            || ["_bucket", "_sum", "_count"].contains { sample.name == family + $0 }
    }

    // MARK: - Lines

    private static func rest(of line: Substring, after prefix: String) -> Substring? {
        line.hasPrefix(prefix) ? line.dropFirst(prefix.count) : nil
    }

    private static func sample(_ line: Substring) throws -> Sample {
        var rest = line
        let name = String(rest.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") })
        rest = rest.dropFirst(name.count)
        var labels: [String: String] = [:]
        if rest.first == "{" {
            rest = rest.dropFirst()
            while rest.first != "}" {
                guard let match = rest.prefixMatch(of: /([a-z_]+)="((?:[^"\\]|\\["\\n])*)"(,(?=[a-z])|(?=\}))/) else {
                    throw Wrong(description: "labels that are none: \(line)")
                }
                guard labels.updateValue(String(match.2), forKey: String(match.1)) == nil else {
                    throw Wrong(description: "a label comes twice: \(line)")
                }
                rest = rest[match.range.upperBound...]
            }
            rest = rest.dropFirst()
        }
        guard !name.isEmpty, rest.first == " " else { throw Wrong(description: "no sample: \(line)") }
        let text = rest.dropFirst()
        let value = Double(text.replacing("Inf", with: "inf").replacing("NaN", with: "nan"))
        guard let value, !text.contains(" ") else { throw Wrong(description: "a value that is none: \(line)") }
        return Sample(name: name, labels: labels, value: value)
    }
}
