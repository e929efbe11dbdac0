import HerdPrediction

/// What prompts are made of: words of a kind of text, in random order.
enum Script: String, CaseIterable {
    case english, accented, cyrillic, chinese, hindi, emoji

    private var words: [String] {
        switch self {
        case .english:
            """
            the committee reviewed a proposal for new bridges across this river and asked engineers to explain how their \
            foundations would hold in soft ground. They answered that steel piles, driven thirty metres deep, carry \
            most of its load; cost, however, rises with every metre. Which materials should be chosen if our budget is \
            fixed, and why? (A) concrete (B) steel (C) timber: reasoning step by step before giving an answer as one \
            single letter, 42 or 3.14, x^2 + y^2 = z^2, def f(x): return x * 2 # comment "quoted" Shakespeare's \
            photosynthesis mitochondria jurisprudence counterfactual hydroelectric
            """.split(separator: " ").map(String.init)
        case .accented:
            """
            Ça été déjà où naïve façade größer Übermut mañana años corazón São coração żółć łódź příliš žluťoučký kůň \
            čeština ångström smörgåsbord tiếng Việt đường phở Đà
            """.split(separator: " ").map(String.init)
        case .cyrillic:
            "Какой материал следует выбрать для моста через реку, если бюджет ограничен? Объясните ваше решение шаг за шагом."
                .split(separator: " ").map(String.init)
        case .chinese:
            ["人工智能", "正在", "改变", "我们的", "生活方式", ",", "请", "解释", "其中的", "主要原因", "。", "東京", "ひらがな", "カタカナ"]
        case .hindi:
            "पुल के लिए कौन सी सामग्री चुननी चाहिए यदि बजट तय है और क्यों? अपना तर्क चरण दर चरण समझाइए।".split(separator: " ").map(
                String.init)
        case .emoji:
            ["😀", "👍🏽", "👨‍👩‍👧", "🎉", "Great", "e\u{301}a\u{308}\u{323}", "très", "🇫🇷", "✅", "bien", "𝒳", "ﬁn"]
        }
    }

    /// Words up to that many tokens, as UTF-8.
    func text(tokens: Int, seed: UInt64, embedder: TextEmbedder) -> [UInt8] {
        let words = words
        var random = SeededGenerator(seed: seed &* 77 &+ 5)
        var text: [UInt8] = []
        var count = 0
        while count < tokens {
            let word = words[Int(random.next() % UInt64(words.count))]
            count += embedder.tokenIDs(word).count
            text += Array(word.utf8)
            text.append(UInt8(ascii: " "))
        }
        return text
    }
}
