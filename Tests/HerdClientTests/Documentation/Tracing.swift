import HerdClient
import HerdFrames
import HerdMessages

func route(_ prompt: String, for traceparent: String, with client: HerdClient) async throws -> String {
    try await TraceContext.$current.withValue(TraceContext(traceparent: traceparent)) {
        let request = RouteRequest(prompt: prompt)
        return try await client.call(Router.route, request, metadata: ["tenant": "acme"]).model
    }
}
