import HerdPolicy
import HerdServices

extension FuzzTarget {
    /// A prompt file: refused with a sentence, or a template that gives the file back where each place is filled with its
    /// own mark, whatever else its values hold. The text is also read as a critique.
    static let promptTemplate = FuzzTarget(name: "prompt-template") { bytes in
        let text = String(decoding: bytes, as: UTF8.self)
        if Critique.findsNothing(text) != Critique.findsNothing("\n\(text)\n ") {
            return Violation("blanks around a critique change what it says")
        }
        let places = ["prompt", "answer"]
        let template: PromptTemplate
        do throws(ConfigurationError) {
            template = try PromptTemplate(text, from: "critique.txt", places: places)
        } catch {
            return error.description.contains("critique.txt") ? nil : Violation("no word of the file: \(error)")
        }
        let marks = ["prompt": "{{prompt}}", "answer": "{{answer}}"]
        let filled = template.text(marks)
        guard filled == text || filled + "\n" == text else { return Violation("the file becomes '\(filled)'") }
        let long = template.text(["prompt": "{{answer}}{{nothing}}", "answer": ""])
        guard long.utf8.count <= text.utf8.count + 22 * text.utf8.count / 10 else {
            return Violation("what a value holds was filled again")
        }
        return nil
    } seeds: {
        [
            "Question:\n{{prompt}}\n\nAnswer:\n{{answer}}\n", "{{answer}}{{prompt}}{{answer}}", "{{prompt}} {{",
            "{{x}}",
            "NO ISSUES", "There are problems.\nNo issues.\n",
        ].map { Array($0.utf8) }
    }

    /// A prompt with flags: each known flag once, few unknown ones, and nothing but flags and blanks taken away.
    static let promptFlags = FuzzTarget(name: "prompt-flags") { bytes in
        let prompt = String(decoding: bytes, as: UTF8.self)
        let flags = PromptFlags(reading: prompt)
        guard Set(flags.known).count == flags.known.count, Set(flags.unknown).count == flags.unknown.count,
            flags.unknown.count <= PromptFlags.mostUnknown
        else { return Violation("flags are reported twice, or too many: \(flags)") }
        guard flags.text.utf8.count <= prompt.utf8.count else { return Violation("the prompt has grown") }
        if flags.known.isEmpty, flags.unknown.isEmpty, flags.text != prompt {
            return Violation("a prompt without flags has changed")
        }
        let opening = prompt.utf8.count { $0 == UInt8(ascii: "[") }
        guard flags.known.count + flags.unknown.count <= opening else { return Violation("flags out of nowhere") }
        // What is left is the prompt with pieces taken out.
        var rest = prompt.utf8[...]
        for byte in flags.text.utf8 {
            guard let found = rest.firstIndex(of: byte) else { return Violation("the prompt says something new") }
            rest = rest[rest.index(after: found)...]
        }
        return nil
    } seeds: {
        [
            "[Flag: smallest model] What is this?", "solve [flag:CHEAPEST]   this [Flag: no such] now [Flag: fastest",
            "[Fl[Flag: x]ag: cheapest] y \n [Flag: local only]", "[flag:\u{1E9E}]",
        ].map { Array($0.utf8) }
    }
}
