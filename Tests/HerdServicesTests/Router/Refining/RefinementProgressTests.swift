import HerdMessages
import HerdServices
import Testing

/// What the router knows of a refinement whose refiner goes away.
struct RefinementProgressTests {
    @Test("the answer so far is the one that the refiner took last, with its transcript")
    func brokenOff() {
        var progress = RefinementProgress()
        progress.take(RefinementEvent(step: "draft", delta: "the ", transcriptId: "1-1"))
        progress.take(RefinementEvent(step: "draft", delta: "draft"))
        progress.take(Self.finished("draft", round: 0))
        progress.take(RefinementEvent(step: "critique", delta: "bad", round: 1))
        progress.take(Self.finished("critique", round: 1))
        progress.take(RefinementEvent(step: "rewrite", delta: "cut", round: 1))
        progress.take(Self.finished("rewrite", round: 1, notTaken: true))
        #expect(progress.text == "the draft" && progress.round == 0 && !progress.usage.estimated)
        progress.take(RefinementEvent(step: "critique", delta: "half a critique.", round: 2))
        let result = progress.brokenOff()
        #expect(result.text == "the draft" && result.partial && result.transcriptId == "1-1")
        #expect(result.usage?.completionTokens == 34 && result.usage?.estimated == true)
        #expect(progress.usage == result.usage)
    }

    @Test("a draft that breaks off is what there is")
    func draft() {
        var progress = RefinementProgress()
        #expect(!progress.hasBegun)
        progress.take(RefinementEvent(step: "draft", delta: "half"))
        #expect(progress.hasBegun && progress.brokenOff().text == "half")
    }

    private static func finished(_ step: String, round: UInt32, notTaken: Bool = false) -> RefinementEvent {
        RefinementEvent(
            step: step, round: round,
            finished: RefinementStep(usage: Usage(completionTokens: 10), notTaken: notTaken))
    }
}
