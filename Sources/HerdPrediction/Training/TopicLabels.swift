/// The topic of every training row: the finest labels in the data, or clusters where there are none.
struct TopicLabels {
    /// A subject with fewer rows is filed under its task.
    static let smallestDomain = 5
    /// The smallest topics beyond so many are filed under one.
    static let maximumTopics = 256
    /// Rows per cluster that clustering aims at, and the clusters it makes at most.
    static let rowsPerCluster = 50
    static let maximumClusters = 32

    /// By name.
    let names: [String]
    /// Position in `names` of each row's topic.
    let topics: [Int]

    init(rows: [TrainingRow], embeddings: DenseMatrix<Float>, width: Int, generator: inout SeededGenerator) {
        var labels = Self.labels(rows)
        if Set(labels).count == 1 {
            let clusters = min(Self.maximumClusters, rows.count / Self.rowsPerCluster)
            if clusters > 1 {
                let assignment = KMeans.cluster(embeddings, width: width, count: clusters, generator: &generator)
                labels = assignment.map { "cluster " + ($0 < 9 ? "0" : "") + String($0 + 1) }
            }
        }
        let names = Set(labels).sorted()
        var positions: [String: Int] = [:]
        for (index, name) in names.enumerated() { positions[name] = index }
        self.names = names
        topics = labels.map { positions[$0] ?? 0 }
    }

    private static func labels(_ rows: [TrainingRow]) -> [String] {
        struct Subject: Hashable {
            var task: String
            var domain: String
        }
        var subjects: [Subject: Int] = [:]
        var tasksOfDomain: [String: Set<String>] = [:]
        for row in rows {
            guard let domain = row.domain else { continue }
            subjects[Subject(task: row.task, domain: domain), default: 0] += 1
            tasksOfDomain[domain, default: []].insert(row.task)
        }
        let tasks = Set(rows.map(\.task))
        var labels = rows.map { row in
            guard let domain = row.domain,
                subjects[Subject(task: row.task, domain: domain), default: 0] >= smallestDomain
            else { return row.task }
            let isClear = (tasksOfDomain[domain]?.count ?? 0) == 1 && !tasks.contains(domain)
            return isClear ? domain : "\(row.task)/\(domain)"
        }

        var counts: [String: Int] = [:]
        for label in labels { counts[label, default: 0] += 1 }
        if counts.count > maximumTopics {
            let kept = counts.sorted { ($0.value, $1.key) > ($1.value, $0.key) }.prefix(maximumTopics - 1)
            let names = Set(kept.map(\.key))
            labels = labels.map { names.contains($0) ? $0 : "other" }
        }
        return labels
    }
}
