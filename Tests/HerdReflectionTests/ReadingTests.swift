import CMessages
import CScratchMessages
import HerdJSON
import HerdMessages
import HerdReflection
import Testing

@Suite("Messages from JSON")
struct ReadingTests {
    private func route(_ json: String) throws -> RouteRequest {
        try RouteRequest(packed: try MessageJSON.packed(Array(json.utf8), as: RouteRequest.self))
    }

    @Test("fields go by both of their names, and null leaves one out")
    func names() throws {
        let expected = RouteRequest(
            prompt: "x", goals: Goals(goals: [Goal(name: "cost", lambda: 2)]), expectedOutputTokens: 7)
        #expect(
            try route(#"{"prompt":"x","goals":{"goals":[{"name":"cost","lambda":2}]},"expectedOutputTokens":7}"#)
                == expected)
        #expect(
            try route(
                #"{"expected_output_tokens":"7","prompt":"x","policy":null,"goals":{"goals":[{"lambda":"2.0","name":"cost"}]}}"#
            ) == expected)
        #expect(try route("{}") == RouteRequest())
        #expect(try route(" {\"constraints\": {}} ").constraints == Constraints())
    }

    @Test(
        "what is wrong is named by its path",
        arguments: [
            (#"{"goals":{"goals":[{},{},{"lambda":"abc"}]}}"#, "goals.goals[2].lambda: expected a number"),
            (#"{"goals":{"goals":[{"lambda":"abc"}]}}"#, #"found "abc""#),
            (
                #"{"promt":"x"}"#,
                "promt: herd.v1.RouteRequest has no such field; did you mean prompt? it has constraints,"
            ),
            (#"{"goals":[]}"#, "goals: expected an object with fields of herd.v1.Goals, found an array"),
            (#"{"messages":{}}"#, "messages: expected an array, found an object"),
            (#"{"messages":[null]}"#, "messages[0]: expected an object"),
            (
                #"{"messages":[{"content":[{"text":"a","image_url":"b"}]}]}"#,
                "messages[0].content[0].image_url: only one of text and image_url may be given"
            ),
            (#"{"expected_output_tokens":1,"expectedOutputTokens":1}"#, "given twice, by both of its names"),
            (#"{"prompt":"a","prompt":"b"}"#, "prompt is given twice"),
            (#"{"expected_output_tokens":4294967296}"#, "an integer from 0 to 4294967295, found 4294967296"),
            (#"{"expected_output_tokens":1.5}"#, "expected_output_tokens: expected an integer"),
            (#"{"expected_output_tokens":"0x10"}"#, "expected_output_tokens: expected an integer"),
            (#"{"explain":1}"#, "explain: expected true or false, found 1"),
            (#"{"prompt":"a\u0000b"}"#, "prompt: a text must not contain U+0000"),
            (#"{"prompt":7}"#, "prompt: expected a string, found 7"),
            (#"{"goals":{"goals":[{"lambda":1e999}]}}"#, "expected a number of at most"),
            (#"[]"#, "expected an object with fields of herd.v1.RouteRequest, found an array"),
            (#"{"a\nb":1}"#, #""a\nb": herd.v1.RouteRequest has no such field"#),
            (#"{"explain":0.0}"#, "explain: expected true or false"),
            ("", "the JSON text ends"),
        ])
    func failures(json: String, reason: String) {
        do {
            _ = try route(json)
            Issue.record("\(json) was read")
        } catch {
            #expect("\(error)".contains(reason), "\(error)")
        }
    }

    @Test("values of every kind are read as protobuf's JSON mapping says")
    func scalars() throws {
        let cases = [
            (#"{"a_colour":"COLOUR_DARK_BLUE"}"#, "a_colour", #""COLOUR_DARK_BLUE""#),
            (#"{"aColour":7}"#, "a_colour", #""COLOUR_DARK_BLUE""#),
            (#"{"a_colour":99}"#, "a_colour", "99"),
            (#"{"a_colour":-3}"#, "a_colour", #""COLOUR_BELOW_ZERO""#),
            (#"{"an_int64":"-9223372036854775808"}"#, "an_int64", "-9223372036854775808"),
            (#"{"a_uint64":18446744073709551615}"#, "a_uint64", "18446744073709551615"),
            (#"{"an_int32":1e3}"#, "an_int32", "1000"),
            (#"{"an_int64":9007199254740993.0}"#, "an_int64", "9007199254740993"),
            (#"{"an_int64":"-9.007199254740993E+15"}"#, "an_int64", "-9007199254740993"),
            (#"{"a_uint64":1844674407370955161.50e1}"#, "a_uint64", "18446744073709551615"),
            (#"{"an_int32":0.0e99}"#, "an_int32", "0"), (#"{"an_int32":-1.0}"#, "an_int32", "-1"),
            (#"{"a_double":"NaN"}"#, "a_double", #""NaN""#), (#"{"a_float":"-Infinity"}"#, "a_float", #""-Infinity""#),
            (#"{"a_double":"1.5"}"#, "a_double", "1.5"), (#"{"a_bytes":"-_8"}"#, "a_bytes", #""+/8=""#),
            (#"{"a_bytes":"AAEC"}"#, "a_bytes", #""AAEC""#), (#"{"a_bool":true}"#, "a_bool", "true"),
        ]
        for (json, field, expected) in cases {
            #expect(try scratch(json, field) == expected, "\(json)")
        }
        for json in [
            #"{"a_colour":"COLOUR_DARK_BLEU"}"#, #"{"a_bytes":"A"}"#, #"{"a_bytes":"AB=C"}"#, #"{"a_bytes":"AB"}"#,
            #"{"a_float":1e39}"#, #"{"an_int32":2147483648}"#, #"{"a_uint64":-1}"#, #"{"a_double":"inf"}"#,
            #"{"a_double":" 1"}"#, #"{"a_colour":4294967296}"#,
            #"{"an_int64":9007199254740993.5}"#, #"{"an_int64":1e-1}"#, #"{"a_uint64":1e20}"#,
            #"{"a_uint64":1e99999999999999999999}"#, #"{"a_uint64":10e9223372036854775807}"#,
            #"{"a_uint64":1.0e-9223372036854775808}"#,
        ] {
            #expect(throws: JSONMessageError.self, "\(json)") { try scratch(json, "a_bool") }
        }
    }

    /// A field of the message of all scalars, as it comes out again.
    private func scratch(_ json: String, _ field: String) throws -> String? {
        let descriptor = try #require(scratch__v1__scalars__descriptor_address())
        let packed = try MessageJSON.packed(try JSONNode(reading: Array(json.utf8)), as: descriptor)
        let message = try #require(protobuf_c_message_unpack(descriptor, nil, packed.count, packed))
        defer { protobuf_c_message_free_unpacked(message, nil) }
        guard case .object(let members) = MessageJSON.node(of: UnsafePointer(message)) else { return nil }
        return members.first { $0.key == field }?.value.text()
    }

    @Test("an enum number without a name is refused where it would be lost")
    func unknownEnumNumbers() throws {
        let known = try MessageJSON.packed(Array(#"{"policy":{"scale":1}}"#.utf8), as: PutPolicyRequest.self)
        #expect(try PutPolicyRequest(packed: known).policy?.scale == .relative)
        let unknown = Array(#"{"policy":{"scale":7}}"#.utf8)
        #expect(throws: JSONMessageError.self) {
            try MessageJSON.packed(unknown, as: PutPolicyRequest.self, keepsUnknownNumbers: false)
        }
    }

    @Test("the name that was meant is found")
    func nearestNames() {
        #expect(NearestName.of("Rout", among: ["Route", "Refine"]) == "Route")
        #expect(NearestName.of("lamdba", among: ["name", "lambda"]) == "lambda")
        #expect(NearestName.of("sheep", among: ["Route", "Refine"]) == nil)
        #expect(NearestName.of("", among: []) == nil)
    }
}
