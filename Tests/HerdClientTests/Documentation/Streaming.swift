import HerdClient
import HerdMessages

func trainedVersion(with client: HerdClient) async throws -> String? {
    let events = client.stream(Scorer.train, TrainRequest(), timeout: .seconds(600))
    for try await event in events {
        switch event.event {
        case .progress(let progress): print("\(progress.phase): \(progress.done) of \(progress.total)")
        case .trained(let predictor): return predictor.version  // Leaving the loop takes the call back.
        case nil: continue
        }
    }
    return nil
}
