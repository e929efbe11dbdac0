import ArgumentParser
import HerdLoad

@main
struct Main: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "herd-load",
        abstract: "Make as many requests as a herd answers, or so many a second, and time them.",
        discussion: """
            `herd-load OPTIONS` is `herd-load run OPTIONS`; `herd-load help run` lists the options.

            In a closed loop (--in-flight) each connection has so many requests open, and a new one begins as soon as \
            one is answered: what can the herd do? In an open loop (--rate) requests begin when they are due, answered \
            or not, and their latency counts from then: how does it feel to callers who do not wait for each other? \
            Latencies are of the requests that succeeded. Ctrl-C ends early and reports what was counted so far.

            WORKLOADS
              echo      Admin/Health, what a call costs that does nothing
              route     Router/Route; with --repeats 0.9 nine of ten ask a known
                        prompt, which the herd has cached, the tenth a new one
              complete  Router/Complete, a whole answer and its first token
              refine    Router/Refine, with --rounds of critique and rewriting
              probe     Admin/Probe, streams of --messages of --bytes each

            EXAMPLES
              herd-load --connections 16 --in-flight 64 --seconds 10
              herd-load --workload route --prompts p.jsonl --repeats 0.5 --json > a.json
              herd-load --workload route --rate 20000 --arrivals poisson --svg a.svg
              herd-load --workload complete --requests 100 --in-flight 4 --timeout 60
              herd-load compare a.json b.json

            EXIT CODES
              0 some requests succeeded; 64 wrong usage; 65 bad prompts or reports;
              66 no such file; 69 no request succeeded; 71 no thread can be made;
              74 input or output error
            """,
        version: HerdLoadVersion.text, subcommands: [RunCommand.self, CompareCommand.self],
        defaultSubcommand: RunCommand.self)
}
