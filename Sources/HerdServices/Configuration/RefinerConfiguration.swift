import Configuration

package struct RefinerConfiguration: Sendable, Equatable {
    /// `refiner.listen`
    package var listen = ["127.0.0.1:7603"]
    /// `refiner.http_listen`
    package var http = HTTPListening(key: "refiner.http_listen", port: 7613)
    /// `refiner.data`: folder of the refiner's store.
    package var data = "data/refiner"
    /// `refiner.router_address`: where the router listens, which runs the models.
    package var routerAddress = "127.0.0.1:7601"
    /// `refiner.store_max_bytes`
    package var storeMaxBytes = 16 << 30
    /// `refiner.prompts_dir`: folder of `critique.txt`, `rewrite.txt` and `judge.txt`; empty = `Config/prompts` or
    /// `share/herd/prompts` beside or above the program.
    package var promptsDir = ""
    /// `refiner.transcripts_max_bytes`: bytes of transcripts kept; the oldest go first.
    package var transcriptsMaxBytes = 1 << 30
    /// `refiner.transcripts_max_entries`: transcripts kept; the oldest go first.
    package var transcriptsMaxEntries = 100_000
    /// `refiner.transcript_days`: days a transcript is kept; 0 = until it is among the oldest of too many.
    package var transcriptDays = 30

    mutating func read(from reader: ConfigReader) throws(ConfigurationError) {
        listen = reader.stringArray(forKey: "refiner.listen", default: listen)
        http = try HTTPListening(reader, "refiner.http_listen", http)
        data = reader.string(forKey: "refiner.data", default: data)
        routerAddress = reader.string(forKey: "refiner.router_address", default: routerAddress)
        storeMaxBytes = try HerdConfiguration.bytes(reader, "refiner.store_max_bytes", storeMaxBytes)
        promptsDir = reader.string(forKey: "refiner.prompts_dir", default: promptsDir)
        transcriptsMaxBytes = try HerdConfiguration.bytes(
            reader, "refiner.transcripts_max_bytes", transcriptsMaxBytes)
        transcriptsMaxEntries = try HerdConfiguration.positive(
            reader, "refiner.transcripts_max_entries", transcriptsMaxEntries)
        transcriptDays = try HerdConfiguration.notNegative(reader, "refiner.transcript_days", transcriptDays)
    }
}
