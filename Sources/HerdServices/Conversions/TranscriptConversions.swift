import HerdMessages

extension TranscriptSummary {
    init(_ record: TranscriptRecord) {
        self.init(
            transcriptId: record.transcriptId, model: record.model, refineModel: record.refineModel,
            timeUnixMs: record.timeUnixMs, expiresUnixMs: record.expiresUnixMs, rounds: record.rounds,
            stoppedBecause: record.stoppedBecause, decisionId: record.decisionId)
    }
}

extension TranscriptStep {
    /// - Parameter transcript: the record that the step belongs to.
    init(_ record: TranscriptStepRecord, of transcript: TranscriptRecord) {
        self.init()
        step = record.step
        round = record.round
        timeUnixMs = record.timeUnixMs
        let usage = record.usage.map(Usage.init)
        switch record.step {
        case "prompt": text = record.text
        case "final":
            result = RefinementResult(
                text: record.text, round: record.round, rounds: transcript.rounds,
                stoppedBecause: record.stoppedBecause, usage: usage, seconds: record.seconds,
                transcriptId: transcript.transcriptId, scores: record.scores, partial: record.partial)
        default:
            text = record.text
            finished = RefinementStep(
                model: record.model, usage: usage, seconds: record.seconds,
                graded: record.graded.map { graded in
                    switch graded {
                    case .score(let score): .score(score)
                    }
                })
        }
    }
}

extension TranscriptStepRecord {
    init(_ step: String, round: Int, text: String, finished: RefinementStep, timeMs: UInt64) {
        self.init()
        self.step = step
        self.text = text
        self.round = UInt32(round)
        model = finished.model
        usage = finished.usage.map(UsageRecord.init)
        seconds = finished.seconds
        if case .score(let score)? = finished.graded { graded = .score(score) }
        timeUnixMs = timeMs
    }

    init(_ result: RefinementResult, timeMs: UInt64) {
        self.init()
        step = "final"
        text = result.text
        round = result.round
        usage = result.usage.map(UsageRecord.init)
        seconds = result.seconds
        timeUnixMs = timeMs
        stoppedBecause = result.stoppedBecause
        scores = result.scores
        partial = result.partial
    }
}
