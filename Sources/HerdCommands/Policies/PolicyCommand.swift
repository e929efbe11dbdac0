package import ArgumentParser
import HerdClient
import HerdFrames
import HerdMessages
import HerdReflection

package struct PolicyCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "policy", abstract: "How models are weighed: goals, limits, fallbacks.",
        discussion: "EXAMPLE\n  herdctl policy set thrifty --goal cost=100",
        subcommands: [PolicySet.self, PolicyList.self, PolicyShow.self, PolicyRemove.self])

    package init() {}
}

struct PolicySet: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "set", abstract: "Create a policy or replace it.",
        discussion: """
            Goals trade quality (0..1) for other things: utility = quality - sum of lambda x amount. The goals are cost
            (US dollars per request), latency (seconds), size and active_size (billions of parameters), age (years),
            verbosity (output tokens) and memory (gigabytes). The policy named "default" is used where a call names none.

            EXAMPLES
              herdctl policy set thrifty --goal cost=100 --max-parameters-b 40 --default-model mistral-7b
              herdctl policy set default --goal size=0.001 --prompt-flags
            """)

    @Argument(help: "The policy's name.")
    var name: String
    @Option(name: .customLong("goal"), help: "A goal and its lambda, e.g. cost=100; may be repeated.")
    var goals: [String] = []
    @OptionGroup(title: "Hard limits") var limits: ConstraintOptions
    @Flag(help: "Obey flags in the prompt such as [Flag: smallest model].")
    var promptFlags = false
    @Option(help: "Models the predictor has not seen: exclude, or prior (topic mean minus 5 points).")
    var unknownModels: String = "exclude"
    @Option(help: "absolute (each goal in its unit) or relative (min-max over the candidates).")
    var scale: String = "absolute"
    @Option(help: "Answers when there is no prediction.")
    var defaultModel: String?
    @Option(help: "The day ages are counted to, YYYY-MM-DD; 2026-01-01 if not given.")
    var ageReference: String?
    @Option(help: "Expected answer length in tokens where a model declares none; 256 if not given.")
    var expectedOutputTokens: UInt32?
    @Option(help: "Points by which another model must be better for a session to change to it; 0.05 if not given.")
    var switchMargin: Double?
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func run(with client: HerdClient) async throws {
        var policy = Policy(name: name)
        let goals = try GoalOption.parse(goals)
        policy.goals = goals.isEmpty ? nil : Goals(goals: goals)
        policy.constraints = limits.constraints
        policy.promptFlags = promptFlags
        policy.unknownModels = try Self.choice(
            unknownModels, "--unknown-models", ["exclude": .exclude, "prior": .prior])
        policy.scale = try Self.choice(scale, "--scale", ["absolute": .absolute, "relative": .relative])
        policy.defaultModel = defaultModel ?? ""
        policy.ageReference = ageReference ?? ""
        policy.expectedOutputTokens = expectedOutputTokens ?? 0
        policy.switchMargin = switchMargin ?? 0
        let reply = try await client.call(
            HerdMessages.Registry.putPolicy, PutPolicyRequest(policy: policy, requestId: RequestID.make()))
        let stored = reply.policy ?? policy
        try output.print(stored) { "policy \(stored.name) is set, revision \(stored.revision)\n" }
    }

    private static func choice<Value>(_ text: String, _ option: String, _ values: [String: Value]) throws -> Value {
        guard let value = values[text] else {
            throw CommandFailure(
                "\(option) is \(values.keys.sorted().joined(separator: " or ")), not '\(text)'", exitCode: 64)
        }
        return value
    }
}

struct PolicyList: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the policies.", discussion: "EXAMPLE\n  herdctl policy list")

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func run(with client: HerdClient) async throws {
        var all = ListPoliciesResponse()
        var token = ""
        repeat {
            let page = try await client.call(
                HerdMessages.Registry.listPolicies, ListPoliciesRequest(page: Page(size: 1_000, token: token)))
            all.policies += page.policies
            token = page.next
        } while !token.isEmpty
        try output.print(all) {
            if all.policies.isEmpty { return "No policy is stored; \"default\" weighs quality alone.\n" }
            var table = TextTable([
                ("POLICY", .left), ("GOALS", .left), ("DEFAULT MODEL", .left), ("REVISION", .right),
            ])
            for policy in all.policies {
                let goals = policy.goals?.goals.map { "\($0.name)=\(Float($0.lambda))" } ?? []
                table.add([
                    policy.name, goals.isEmpty ? "-" : goals.joined(separator: " "),
                    policy.defaultModel.isEmpty ? "-" : policy.defaultModel, "\(policy.revision)",
                ])
            }
            return table.text
        }
    }
}

struct PolicyShow: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show one policy.", discussion: "EXAMPLE\n  herdctl policy show default")

    @Argument(help: "The policy's name.")
    var name: String
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func run(with client: HerdClient) async throws {
        let reply = try await client.call(HerdMessages.Registry.getPolicy, GetPolicyRequest(name: name))
        let policy = reply.policy ?? Policy()
        try output.print(policy) { MessageFields.text(of: policy) }
    }
}

struct PolicyRemove: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove", abstract: "Remove a policy.", discussion: "EXAMPLE\n  herdctl policy remove thrifty")

    @Argument(help: "The policy's name.")
    var name: String
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func run(with client: HerdClient) async throws {
        let reply = try await client.call(HerdMessages.Registry.removePolicy, RemovePolicyRequest(name: name))
        try output.print(reply) { "removed policy \(name)\n" }
    }
}
