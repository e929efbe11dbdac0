import HerdClient
import HerdFrames
import HerdMessages
import Testing

@Suite struct RegistryTests {
    @Test func modelsAreStoredListedAndRemoved() async throws {
        try await withTestHerd { herd in
            var model = Model(name: "qwen", parametersB: 7.6, context: 32_768, priceIn: 0.2, priceOut: 0.3)
            model.endpoints = [Endpoint(baseUrl: "http://127.0.0.1:8080/v1", apiKeyEnv: "HERD_KEY_QWEN")]
            let put = try await herd.call(Registry.putModel, PutModelRequest(model: model))
            #expect(put.registryRevision == 1)
            model.revision = 1
            let got = try await herd.call(Registry.getModel, GetModelRequest(name: "qwen"))
            #expect(got.model == model)
            let removed = try await herd.call(Registry.removeModel, RemoveModelRequest(name: "qwen"))
            #expect(removed.registryRevision == 2)
            await expectFailure(.notFound) {
                _ = try await herd.call(Registry.getModel, GetModelRequest(name: "qwen"))
            }
            await expectFailure(.notFound) {
                _ = try await herd.call(Registry.removeModel, RemoveModelRequest(name: "qwen"))
            }
        }
    }

    @Test func equalContentAndRepeatedRequestsChangeNothing() async throws {
        try await withTestHerd { herd in
            let first = PutModelRequest(model: Model(name: "a", parametersB: 1), requestId: "r1")
            let found1 = try await herd.call(Registry.putModel, first).registryRevision
            #expect(found1 == 1)
            let found2 = try await herd.call(Registry.putModel, first).registryRevision
            #expect(found2 == 1)
            let same = PutModelRequest(model: Model(name: "a", parametersB: 1), requestId: "r2")
            let found3 = try await herd.call(Registry.putModel, same).registryRevision
            #expect(found3 == 1)
            let other = PutModelRequest(model: Model(name: "a", parametersB: 2), requestId: "r3")
            let found4 = try await herd.call(Registry.putModel, other).registryRevision
            #expect(found4 == 2)
        }
    }

    @Test func anExpectedRevisionGuardsAgainstLostUpdates() async throws {
        try await withTestHerd { herd in
            var request = PutModelRequest(model: Model(name: "a"), expectation: .expectedRevision(0))
            _ = try await herd.call(Registry.putModel, request)
            request.model?.parametersB = 3
            await expectFailure(.aborted) { _ = try await herd.call(Registry.putModel, request) }
            request.expectation = .expectedRevision(1)
            let found5 = try await herd.call(Registry.putModel, request).model?.parametersB
            #expect(found5 == 3)
            await expectFailure(.aborted) {
                _ = try await herd.call(
                    Registry.removeModel, RemoveModelRequest(name: "a", expectation: .expectedRevision(1)))
            }
        }
    }

    @Test func listsArePagedByName() async throws {
        try await withTestHerd { herd in
            try await herd.addModels((0..<25).map { "model-\($0)" })
            var names: [String] = []
            var token = ""
            repeat {
                let page = try await herd.call(
                    Registry.listModels, ListModelsRequest(page: Page(size: 10, token: token)))
                #expect(page.models.count <= 10)
                names += page.models.map(\.name)
                token = page.next
            } while !token.isEmpty
            #expect(names == (0..<25).map { "model-\($0)" }.sorted())
            await expectFailure(.invalidArgument) {
                _ = try await herd.call(Registry.listModels, ListModelsRequest(page: Page(size: 1_001)))
            }
        }
    }

    @Test func wrongModelsAreRefusedByField() async throws {
        let wrong: [(String, Model)] = [
            ("model.name", Model(name: "")),
            ("model.name", Model(name: String(repeating: "x", count: 401))),
            ("model.name", Model(name: "two\nlines")),
            ("model.parameters_b", Model(name: "a", parametersB: -1)),
            ("model.parameters_b", Model(name: "a", parametersB: .nan)),
            ("model.price_in", Model(name: "a", priceIn: .infinity)),
            ("model.active_b", Model(name: "a", parametersB: 1, activeB: 2)),
            ("model.released", Model(name: "a", released: "last year")),
            ("model.endpoints[0].base_url", Model(name: "a", endpoints: [Endpoint(baseUrl: "ftp://x")])),
            (
                "model.endpoints[0].api_key_env",
                Model(name: "a", endpoints: [Endpoint(baseUrl: "http://x", apiKeyEnv: "PATH")])
            ),
        ]
        try await withTestHerd { herd in
            for (field, model) in wrong {
                let message = await expectFailure(.invalidArgument) {
                    _ = try await herd.call(Registry.putModel, PutModelRequest(model: model))
                }
                #expect(message.contains(field), "\(message)")
            }
            await expectFailure(.invalidArgument) {
                _ = try await herd.call(Registry.putModel, PutModelRequest())
            }
        }
    }

    @Test func policiesAreStoredAndChecked() async throws {
        try await withTestHerd { herd in
            var policy = Policy(name: "thrifty", goals: Goals(goals: [Goal(name: "cost", lambda: 100)]))
            policy.constraints = Constraints(maxParametersB: 40)
            policy.promptFlags = true
            policy.unknownModels = .prior
            policy.scale = .relative
            let stored = try await herd.call(Registry.putPolicy, PutPolicyRequest(policy: policy)).policy
            policy.revision = 1
            #expect(stored == policy)
            let found6 = try await herd.call(Registry.listPolicies, ListPoliciesRequest()).policies
            #expect(found6 == [policy])
            for goal in [Goal(name: "politeness", lambda: 1), Goal(name: "cost", lambda: .nan)] {
                let wrong = Policy(name: "wrong", goals: Goals(goals: [goal]))
                await expectFailure(.invalidArgument) {
                    _ = try await herd.call(Registry.putPolicy, PutPolicyRequest(policy: wrong))
                }
            }
            _ = try await herd.call(Registry.removePolicy, RemovePolicyRequest(name: "thrifty"))
            await expectFailure(.notFound) {
                _ = try await herd.call(Registry.getPolicy, GetPolicyRequest(name: "thrifty"))
            }
        }
    }

    @Test func theRegistrySurvivesARestart() async throws {
        let herd = try await TestHerd.start()
        defer { herd.removeFolder() }
        try await herd.addModels(["a", "b"])
        try await herd.stop()
        let again = try await TestHerd.start(in: herd.folder)
        let list = try await again.call(Registry.listModels, ListModelsRequest())
        #expect(list.models.map(\.name) == ["a", "b"])
        #expect(list.registryRevision == 2)
        try await again.stop()
    }
}
