import ArgumentParser
import HerdJSON
import HerdMessages

/// How a model is to answer; `complete` and `generate` share it.
struct GenerationArguments: ParsableArguments {
    @Option(help: "0 for always the likeliest token, 1 for the model's own spread; the endpoint's if not given.")
    var temperature: Double?
    @Option(help: "Only of the likeliest tokens that make up this share, 0 to 1.")
    var topP: Double?
    @Option(help: "Tokens after which the answer is cut off.")
    var maxTokens: UInt32?
    @Option(help: "The seed of the model's choices.")
    var seed: Int64?
    @Option(help: "A text that ends the answer; may be repeated.")
    var stop: [String] = []
    @Option(
        name: .customLong("tool"),
        help: "A JSON file with a tool the model may call, or a list of them, as OpenAI writes them; may be repeated.")
    var tools: [String] = []
    @Option(help: "auto, none, required, or a tool's name.")
    var toolChoice: String?
    @Option(help: "text, json, or a file with a JSON schema that the answer has to fit.")
    var responseFormat: String?
    @Option(help: "A JSON object that is merged into the request's body as it is; @FILE reads a file.")
    var extraJson: String?

    /// Nil where nothing is asked for.
    func options() throws -> GenerationOptions? {
        var options = GenerationOptions()
        options.samplingTemperature = temperature.map { .temperature($0) }
        options.nucleus = topP.map { .topP($0) }
        options.randomness = seed.map { .seed($0) }
        options.maxTokens = maxTokens ?? 0
        options.stop = stop
        for file in tools { options.tools += try ToolFile.read(file) }
        options.toolChoice = toolChoice ?? ""
        switch responseFormat {
        case nil: break
        case "text"?: options.responseFormat = ResponseFormat(type: "text")
        case "json"?: options.responseFormat = ResponseFormat(type: "json_object")
        case let file?:
            let schema = try JSONFile.read(file, what: "the JSON schema")
            options.responseFormat = ResponseFormat(
                type: "json_schema", name: "answer", schema: schema.text(onOneLine: true), strict: true)
        }
        if let extraJson { options.extraJson = try RequestInput.read(extraJson) }
        return options == GenerationOptions() ? nil : options
    }
}

/// What is to be answered: a prompt, or a conversation from a file.
struct ConversationArguments: ParsableArguments {
    @Option(help: "A system message before the prompt.")
    var system: String?
    @Option(
        help: "A JSON file with a conversation, a list of messages as OpenAI writes them; - reads standard input.")
    var messages: String?

    /// One of both is empty.
    func read(prompt: String?) throws -> (prompt: String, messages: [ChatMessage]) {
        guard let messages else {
            let prompt = try PromptInput.read(prompt)
            guard let system else { return (prompt, []) }
            return (
                "",
                [
                    ChatMessage(role: "system", content: [ContentPart(part: .text(system))]),
                    ChatMessage(role: "user", content: [ContentPart(part: .text(prompt))]),
                ]
            )
        }
        guard prompt == nil, system == nil else {
            throw CommandFailure(
                "--messages holds the whole conversation; leave out the prompt and --system", exitCode: 64)
        }
        return ("", try MessagesFile.read(messages))
    }
}
