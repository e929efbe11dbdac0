import HerdDatasets
import HerdFrames
import HerdMessages
import HerdServer
import HerdStore
import Logging
import NIOConcurrencyHelpers
import Synchronization

/// The refiner: refinements and their transcripts.
final class RefinerService: Sendable {
    let store: StoreEnvironment
    let transcripts: TranscriptTable
    let routerLink: RouterLink
    private let texts: NIOLockedValueBox<(prompts: RefinementPrompts, judge: JudgePrompt)>
    private let logger: Logger
    private let running = Atomic<Int>(0)
    private let begun = Atomic<Int>(0)
    private let failed = Atomic<Int>(0)

    /// How often expired transcripts are looked for at least, in seconds.
    private static let sweepSeconds = 60

    /// Reads the prompts and opens the store.
    init(_ configuration: RefinerConfiguration, routerLink: RouterLink, logger: Logger) async throws {
        self.routerLink = routerLink
        self.logger = logger
        texts = NIOLockedValueBox(try ConfigurationFiles.refinementPrompts(configuration.promptsDir))
        store = try ServiceStore.open(
            "refiner", path: configuration.data, tables: TranscriptTable.tables,
            maxBytes: configuration.storeMaxBytes, logger: logger)
        transcripts = try await TranscriptTable(
            store: store,
            limits: TranscriptTable.Limits(configuration))
    }

    /// Takes other prompts and limits for the refinements that come from now on.
    func use(_ prompts: RefinementPrompts, _ judge: JudgePrompt, _ limits: TranscriptTable.Limits) {
        texts.withLockedValue { $0 = (prompts, judge) }
        transcripts.bound(limits)
    }

    func refine(
        _ request: RefinementRequest, _ context: CallContext,
        send: (RefinementEvent) async throws(CallError) -> Void
    ) async throws(CallError) {
        if !context.tenant.isEmpty { try Check.name(context.tenant, field: "the metadata 'tenant'") }
        let plan = try RefinementPlan(request)
        let generator = RouterGenerator(link: routerLink, metadata: context.forwardedMetadata)
        let run = RefinementRun(
            plan, prompts: texts.withLockedValue { $0.prompts }, generator: generator, grader: grader(plan, generator),
            transcript: TranscriptWriter(transcripts, tenant: context.tenant), deadline: context.remaining)
        begun.add(1, ordering: .relaxed)
        running.add(1, ordering: .relaxed)
        defer { running.subtract(1, ordering: .relaxed) }
        do throws(CallError) {
            try await run.run(send)
        } catch {
            failed.add(1, ordering: .relaxed)
            throw error
        }
    }

    private func grader(_ plan: RefinementPlan, _ generator: RouterGenerator) -> (any RefinementGrader)? {
        guard let grader = plan.grader else { return nil }
        let specification = grader.specification
        guard grader.needsJudge else {
            return ReferenceGrader(
                grader: grader, references: plan.reference.isEmpty ? [] : [plan.reference], question: plan.input.text)
        }
        return DraftJudge(
            prompt: texts.withLockedValue { $0.judge }, generator: generator, model: specification.judgeModel,
            question: plan.input.text,
            criteria: specification.criteria, reference: plan.reference)
    }

    /// Removes expired transcripts, now and again until its task is cancelled.
    func sweep() async {
        while !Task.isCancelled {
            do {
                _ = try await transcripts.sweep(nowMs: WallClock.milliseconds())
            } catch {
                logger.warning("expired transcripts can't be removed for now", metadata: ["error": "\(error)"])
            }
            try? await Task.sleep(for: .seconds(Self.sweepSeconds))
        }
    }

    var figures: [String: Double] {
        var figures: [String: Double] = [
            "refinements": Double(begun.load(ordering: .relaxed)),
            "refinements_running": Double(running.load(ordering: .relaxed)),
            "refinements_failed": Double(failed.load(ordering: .relaxed)),
            "transcripts": Double(transcripts.count),
        ]
        figures.merge(StoreFigures.of(store)) { own, _ in own }
        return figures
    }

    /// Writes what is counted of refinements.
    func writeMetrics(to writer: inout MetricsWriter) {
        writer.counter("herd_refinements_total", "Refinements begun.", Double(begun.load(ordering: .relaxed)))
        writer.counter(
            "herd_refinement_failures_total", "Those that ended with an error.", Double(failed.load(ordering: .relaxed))
        )
        writer.gauge("herd_refinements_running", "Those under way.", Double(running.load(ordering: .relaxed)))
        writer.gauge("herd_transcripts", "Transcripts kept.", Double(transcripts.count))
        StoreMetrics.write(store, to: &writer)
    }

    var facts: [String: String] {
        ["pid": ProcessNumber.text].merging(StoreFigures.facts(store)) { own, _ in own }
    }
}

extension TranscriptTable.Limits {
    init(_ configuration: RefinerConfiguration) {
        self.init(
            maxBytes: configuration.transcriptsMaxBytes, maxEntries: configuration.transcriptsMaxEntries,
            lifetimeMs: UInt64(configuration.transcriptDays) * 86_400_000)
    }
}
