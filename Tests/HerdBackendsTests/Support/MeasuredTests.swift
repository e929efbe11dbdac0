import Testing

/// Suites that measure what this process takes, one after another, so that none measures what another one does.
@Suite("Measured", .serialized)
enum MeasuredTests {}
