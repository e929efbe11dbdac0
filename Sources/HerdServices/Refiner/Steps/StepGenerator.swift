package import HerdFrames
package import HerdMessages
import HerdClient

/// Runs a model: the router, or a script in tests.
package protocol StepGenerator: Sendable {
    /// - Parameters:
    ///   - timeout: what the model may take; nil = as long as it likes.
    ///   - delta: takes each piece of the answer as it comes; the next is not asked for before it returns.
    /// - Throws: what `delta` throws, and nothing else.
    func generate(
        _ request: GenerateRequest, timeout: Duration?, delta: (String) async throws(CallError) -> Void
    ) async throws(CallError) -> GeneratedStep
}

/// How a model's run ended.
package struct GeneratedStep: Sendable {
    /// Nil where it failed before the model was asked.
    package var finish: GenerationFinish?
    /// Why it failed; nil where it did not.
    package var failure: CallError?

    package init(finish: GenerationFinish?, failure: CallError? = nil) {
        self.finish = finish
        self.failure = failure
    }
}

/// Runs models through the router's Generate.
struct RouterGenerator: StepGenerator {
    let link: RouterLink
    /// Trace and tenant of the call that is served.
    let metadata: [String: String]

    func generate(
        _ request: GenerateRequest, timeout: Duration?, delta: (String) async throws(CallError) -> Void
    ) async throws(CallError) -> GeneratedStep {
        let client: HerdClient
        do throws(CallError) {
            client = try link.client
        } catch {
            return GeneratedStep(finish: nil, failure: error)
        }
        let events = client.stream(Router.generate, request, timeout: timeout, metadata: metadata)
        var iterator = events.makeAsyncIterator()
        var step = GeneratedStep(finish: nil)
        while true {
            let event: GenerateEvent
            do throws(CallError) {
                guard let next = try await iterator.next() else { return step }
                event = next
            } catch {
                step.failure = error
                return step
            }
            switch event.event {
            case .delta(let text)?: try await delta(text)
            case .finish(let finish)?: step.finish = finish
            case .toolCall?, .reasoning?, nil: break
            }
        }
    }
}
