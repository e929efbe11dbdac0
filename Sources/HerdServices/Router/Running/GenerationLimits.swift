import HerdFrames
import HerdMessages

/// What options of a generation may be; each failure is INVALID_ARGUMENT and names the field and what is allowed.
enum GenerationLimits {
    static let mostStops = 16
    static let mostTools = 256
    static let mostTokens: UInt32 = 1_000_000
    static let longestExtra = 1 << 20

    static func check(_ options: GenerationOptions) throws(CallError) {
        if case .temperature(let value)? = options.samplingTemperature {
            guard value >= 0, value <= 100 else {
                throw CallError(.invalidArgument, "options.temperature must be 0 to 100, not \(value)")
            }
        }
        if case .topP(let value)? = options.nucleus { try Check.share(value, field: "options.top_p") }
        guard options.maxTokens <= mostTokens else {
            throw CallError(
                .invalidArgument,
                "options.max_tokens must be 0 (the endpoint's limit) to \(mostTokens), not \(options.maxTokens)")
        }
        guard options.stop.count <= mostStops, !options.stop.contains(where: \.isEmpty) else {
            throw CallError(
                .invalidArgument, "options.stop holds at most \(mostStops) texts, none of them empty")
        }
        for text in options.stop { try Check.length(text, field: "options.stop", atMost: 1_000) }
        guard options.extraJson.count <= longestExtra else {
            throw CallError(
                .invalidArgument,
                "options.extra_json must have at most \(longestExtra) bytes, not \(options.extraJson.count)")
        }
        try check(options.tools, choice: options.toolChoice)
        if let format = options.responseFormat { try check(format) }
    }

    private static func check(_ tools: [Tool], choice: String) throws(CallError) {
        guard tools.count <= mostTools else {
            throw CallError(.invalidArgument, "options.tools holds at most \(mostTools) entries, not \(tools.count)")
        }
        var names: Set<String> = []
        for (index, tool) in tools.enumerated() {
            try Check.name(tool.name, field: "options.tools[\(index)].name")
            guard names.insert(tool.name).inserted else {
                throw CallError(
                    .invalidArgument, "options.tools[\(index)].name '\(tool.name)' is there twice; names must differ")
            }
        }
        switch choice {
        case "", "auto", "none": return
        case "required":
            guard !tools.isEmpty else {
                throw CallError(.invalidArgument, "options.tool_choice is required, but options.tools is empty")
            }
        default:
            guard names.contains(choice) else {
                throw CallError(
                    .invalidArgument,
                    "options.tool_choice must be auto, none, required or the name of one of options.tools, not "
                        + "'\(choice.prefix(80))'")
            }
        }
    }

    private static func check(_ format: ResponseFormat) throws(CallError) {
        guard ["", "text", "json_object", "json_schema"].contains(format.type) else {
            throw CallError(
                .invalidArgument,
                "options.response_format.type must be text, json_object or json_schema, not "
                    + "'\(format.type.prefix(40))'")
        }
        guard format.type != "json_schema" || !format.schema.isEmpty else {
            throw CallError(.invalidArgument, "options.response_format.schema is empty; a json_schema needs one")
        }
        guard format.schema.isEmpty || format.type == "json_schema" else {
            throw CallError(
                .invalidArgument, "options.response_format.schema is given; its type must be json_schema then")
        }
        try Check.length(format.name, field: "options.response_format.name", atMost: 64)
    }
}
