import Dispatch
import HerdDatasets
import HerdServices

extension FuzzTarget {
    /// A configuration file, checked as `herdd check-config` does: refused with a sentence, or a configuration that is the
    /// same when it is read again.
    static let configuration = FuzzTarget(name: "configuration") { bytes in
        MemoryFile.withPath(of: Array(bytes)) { path in
            switch (load(path), load(path)) {
            case (.success(let first), .success(let second)):
                guard first == second else { return Violation("the same file is read as two configurations") }
                do throws(ConfigurationError) {
                    try ConfigurationFiles.check(.all, first)
                } catch {
                    guard !error.description.isEmpty else { return Violation("a refusal without a reason") }
                }
                return nil
            case (.failure(let first), .failure(let second)):
                guard first is ConfigurationError, "\(first)" == "\(second)" else {
                    return Violation("one is refused with '\(first)', the other with '\(second)'")
                }
                return nil
            default: return Violation("the same file is taken once and refused once")
            }
        }
    } seeds: {
        [
            "router:\n  listen: [\"127.0.0.1:7601\", \"unix:/tmp/x\"]\n  backends:\n    connect_timeout: 2.5\n",
            "log: {level: debug, format: text}\nserver:\n  unix_socket_mode: \"0660\"\n  idle_timeout: 0\n",
            "access:\n  client_certificates: [\"a=admin\", \"b=client+service:acme\"]\ntls:\n  certificate_file: c.pem\n",
            "# nothing\n", "router:\nscorer: ~\n", "router: &r\n  listen: [\"[::1]:1\"]\nrefiner: *r\n",
            "a: &a {x: 1, y: 2}\nb: &b {x: *a, y: *a}\nc: {x: *b, y: *b}\n", "router:\n  lisden: x\n",
            "server: {event_loops: -1}\n", "a: [1, 2",
        ].map { Array($0.utf8) }
    }

    /// A herd file, which may come from others: refused with a sentence, or models that keep to the limits.
    static let herdFile = FuzzTarget(name: "herd-file") { bytes in
        let file: HerdFile? = MemoryFile.withPath(of: Array(bytes)) { try? HerdFile(path: $0) }
        guard let file else { return nil }
        guard !file.models.isEmpty, Set(file.models.map(\.name)).count == file.models.count else {
            return Violation("no model, or one twice")
        }
        for model in file.models {
            let numbers = [
                model.parametersB, model.activeB, model.priceIn, model.priceOut, model.memoryGB, model.outputTokens,
            ]
            guard numbers.allSatisfy({ $0 == nil || $0.map { $0 >= 0 && $0.isFinite } == true }),
                (1...EvaluationLineParser.maximumNameBytes).contains(model.name.utf8.count)
            else { return Violation("a model beyond the limits: \(model)") }
        }
        return nil
    } seeds: {
        [
            "models:\n  - name: m/a\n    parameters_b: 46.7\n    active_b: 12.9\n    released: 2023-12-11\n    free: true\n",
            "models:\n  - {name: b, context: 4096, capabilities: [tools, vision], local: false, endpoints: [{base_url: "
                + "\"http://x\", model: y, max_concurrency: 2}]}\n",
            "models: &a\n  - name: &n x\n    licence: *n\n", "- 1", "models: []", "models:\n  - name: ~\n",
        ].map { Array($0.utf8) }
    }

    private static func load(_ path: String) -> Result<HerdConfiguration, any Error> {
        let done = DispatchSemaphore(value: 0)
        let outcome = Outcome()
        Task.detached {
            do {
                outcome.set(.success(try await HerdConfiguration.load(file: path, flags: ConfigurationFlags())))
            } catch {
                outcome.set(.failure(error))
            }
            done.signal()
        }
        done.wait()
        return outcome.value
    }
}

/// Written before the semaphore is signalled, read behind it.
private final class Outcome: @unchecked Sendable {
    private(set) var value: Result<HerdConfiguration, any Error> = .failure(Violation("nothing came of it"))

    func set(_ value: Result<HerdConfiguration, any Error>) {
        self.value = value
    }
}
