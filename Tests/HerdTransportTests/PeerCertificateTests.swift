import HerdTransport
import Testing

/// Which names of certificates a name that somebody wrote down stands for.
@Suite struct PeerCertificateTests {
    private typealias Name = PeerCertificate.Name

    @Test func `names are the same regardless of what their kind does not tell apart`() {
        #expect(Name(written: "User.Test") == .dns("uSER.tEST"))
        #expect(Name(written: "SPIFFE://Herd/router") == .uri("spiffe://hERD/router"))
        #expect(Name(written: "https://Me@Herd:80?Q") == .uri("HTTPS://Me@hERD:80?Q"))
        #expect(Name(written: "URN:herd:router") == .uri("urn:herd:router"))
        #expect(Name(written: "Ops@Herd.Test") == .email("Ops@herd.test"))
    }

    @Test func `names are others where their kind tells them apart`() {
        #expect(Name(written: "spiffe://herd/router") != .uri("spiffe://herd/Router"))
        #expect(Name(written: "https://Me@herd?q") != .uri("https://me@herd?q"))
        #expect(Name(written: "https://herd?q") != .uri("https://herd?Q"))
        #expect(Name(written: "urn:herd:router") != .uri("urn:Herd:router"))
        #expect(Name(written: "Ops@herd.test") != .email("ops@herd.test"))
        // The sign of kelvins, whose small letter is k.
        #expect(Name(written: "\u{212A}.test") != .dns("k.test"))
    }

    @Test func `a name stands for none of another kind`() {
        for (text, right) in [
            ("user.test", Name.dns("user.test")), ("spiffe://herd/router", .uri("spiffe://herd/router")),
            ("ops@herd.test", .email("ops@herd.test")),
        ] {
            for name in [Name.dns(text), .uri(text), .email(text)] {
                #expect((name == Name(written: text)) == (name == right), "\(text) \(name)")
            }
        }
    }
}
