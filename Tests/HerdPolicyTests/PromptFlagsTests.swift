import HerdPolicy
import Testing

@Suite struct PromptFlagsTests {
    @Test(arguments: [
        ("solve this [Flag: smallest model]", [PromptFlag.smallestModel], "solve this"),
        ("[flag:CHEAPEST] solve this", [.cheapest], "solve this"),
        ("solve [FLAG:  fastest  Model ] this", [.fastest], "solve this"),
        ("[Flag: newest][Flag: local only]\nsolve", [.newest, .localOnly], "\nsolve"),
        ("[Flag: cheapest] a [Flag: cheapest] b", [.cheapest], "a b"),
    ])
    func flagsAreReadAndRemoved(prompt: String, flags: [PromptFlag], text: String) {
        let read = PromptFlags(reading: prompt)
        #expect(read.known == flags)
        #expect(read.unknown.isEmpty)
        #expect(read.text == text)
    }

    @Test func unknownFlagsAreRemovedAndReported() {
        let read = PromptFlags(reading: "translate [Flag: most polite] this 🐑")
        #expect(read.known.isEmpty)
        #expect(read.unknown == ["most polite"])
        #expect(read.text == "translate this 🐑")
    }

    @Test(arguments: [
        "", "[", "[Flag:", "[Flag: never closed", "array[Flag] = 1", "[Flag: broken\nover lines]",
        "[Flag: " + String(repeating: "x", count: 100) + "]", "  white space is kept  ",
    ])
    func otherTextStaysAsItIs(prompt: String) {
        let read = PromptFlags(reading: prompt)
        #expect(read.text == prompt)
        #expect(read.known.isEmpty && read.unknown.isEmpty)
    }

    @Test func aPromptFullOfFlagsIsReadInLinearTime() {
        let prompt = (0..<100_000).map { "[Flag: x\($0)]" }.joined(separator: " ")
        let read = PromptFlags(reading: prompt)
        #expect(read.unknown == (0..<PromptFlags.mostUnknown).map { "x\($0)" })
        #expect(read.text.isEmpty)
    }

    @Test func aFlagAddsToAGoalAndNeverLoosensALimit() {
        var goals = [Goal(.size, lambda: 0.5)]
        var constraints = RoutingConstraints(maxParametersB: 10, localOnly: true)
        for flag in PromptFlag.allCases { flag.apply(goals: &goals, constraints: &constraints) }
        #expect(goals.first == Goal(.size, lambda: 0.51))
        #expect(Set(goals.map(\.kind)) == [.size, .cost, .latency, .age])
        #expect(constraints == RoutingConstraints(maxParametersB: 10, localOnly: true))
    }
}
