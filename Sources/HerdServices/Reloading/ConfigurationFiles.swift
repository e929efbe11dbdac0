import HerdPrediction

/// The files that a configuration names, read to see whether they are right; nothing is kept of them.
package enum ConfigurationFiles {
    /// - Throws: what is wrong, naming the key or the file.
    ///
    /// - Parameter isStart: whether a process is to begin with it: one that runs has its table.
    package static func check(
        _ role: HerdRole, _ configuration: HerdConfiguration, isStart: Bool = true
    ) throws(ConfigurationError) {
        let credentials = try ProcessCredentials.of(role, configuration)
        // Whether the router has tokens is in its store.
        for service in ServiceListening.of(role, configuration) where service.name != HerdRole.router.rawValue {
            try credentials.checkListening(
                service.addresses, of: service.name, configuration, isGuardedElsewhere: false)
        }
        // The same file may be for services in processes of their own, too.
        if role == .all { try configuration.links.check() }
        if role == .all || role == .scorer {
            _ = try judgePrompt(configuration.scorer.promptsDir)
            if isStart || !configuration.embeddingTable.isEmpty {
                let table = try ScorerProcess.table(configuration)
                do throws(EmbeddingTableError) {
                    _ = try EmbeddingTable(mapping: table)
                } catch {
                    throw ConfigurationError("embedding.table: \(error)")
                }
            }
        }
        if role == .all || role == .refiner { _ = try refinementPrompts(configuration.refiner.promptsDir) }
    }

    static func judgePrompt(_ folder: String) throws(ConfigurationError) -> JudgePrompt {
        try JudgePrompt(folder: try PromptFolder.locate(folder))
    }

    static func refinementPrompts(
        _ configured: String
    ) throws(ConfigurationError) -> (prompts: RefinementPrompts, judge: JudgePrompt) {
        let folder = try PromptFolder.locate(configured)
        return (try RefinementPrompts(folder: folder), try JudgePrompt(folder: folder))
    }
}
