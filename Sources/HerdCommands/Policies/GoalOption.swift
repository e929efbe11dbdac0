import HerdMessages

/// `name=lambda` on the command line.
enum GoalOption {
    static func parse(_ options: [String]) throws -> [HerdMessages.Goal] {
        try options.map { option in
            let parts = option.split(separator: "=", maxSplits: 1)
            guard parts.count == 2, let lambda = Double(parts[1]) else {
                throw CommandFailure(
                    "'\(option)' is not a goal; write its name and lambda, e.g. --goal cost=100", exitCode: 64)
            }
            return HerdMessages.Goal(name: String(parts[0]), lambda: lambda)
        }
    }
}
