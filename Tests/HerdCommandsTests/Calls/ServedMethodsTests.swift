import HerdCommands
import Testing

@Suite("Methods that a server answers")
struct ServedMethodsTests {
    @Test func whatIsBehindAPrefixIsForwarded() {
        let router = ServedMethods(names: ["herd.v1.Router/Route", "herd.v1.Scorer/", "herd.v1.Scorer/Evaluate"])
        #expect(router.service(of: "herd.v1.Router/Route") == .yes)
        #expect(router.service(of: "herd.v1.Router/Unheard") == .no)
        #expect(router.service(of: "herd.v1.Scorer/Evaluate") == .forwarded)
        #expect(router.service(of: "herd.v1.Scorer/Unheard") == .forwarded)
    }
}
