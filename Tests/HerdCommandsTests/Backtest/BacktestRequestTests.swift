import HerdCommands
import HerdPrediction
import Testing

@Suite("herdctl backtest")
struct BacktestRequestTests {
    /// The evaluation data is no part of the repository: $HERD_SHARED_DATA, else ../shared/data beside the checkout.
    private static func data(_ name: String) -> String? {
        let root = "/" + #filePath.split(separator: "/").dropLast(4).joined(separator: "/")
        let folders = [environment("HERD_SHARED_DATA"), root + "/../shared/data"].compactMap { $0 }
        return folders.map { "\($0)/\(name).jsonl.gz" }.first(where: isReadable)
    }

    /// Thresholds are for one seed; the mean of three is some tenths higher.
    @Test(
        "routes better than the best single model",
        .enabled(if: data("routerdc_train") != nil && data("llmrouter_train") != nil, "needs ../shared/data"),
        arguments: [("routerdc_train", 60.0, 56.3), ("llmrouter_train", 65.7, 61.5)])
    func accuracy(_ name: String, _ routed: Double, _ bestSingle: Double) throws {
        let path = try #require(Self.data(name))
        let report = try BacktestRequest(source: .folds(data: path, count: 5)).run()
        let macro = report.accuracy.macro
        let figure = (name == "routerdc_train" ? macro.routed : report.accuracy.micro.routed) * 100
        print("\(name): routed \(figure), ece \(report.calibration.ece)")
        #expect(figure >= routed)
        #expect(abs(macro.bestSingle * 100 - bestSingle) < 0.1)
        #expect(report.calibration.ece <= 0.03)
        #if !DEBUG
        #expect(report.timings.predictSeconds / Double(report.timings.predictions) < 100e-6)
        #endif
    }

    @Test(
        "prints JSON with every figure, and a table",
        .enabled(if: data("routerbench0_train") != nil, "needs ../shared/data"))
    func output() throws {
        let root = "/" + #filePath.split(separator: "/").dropLast(4).joined(separator: "/")
        let path = try #require(Self.data("routerbench0_train"))
        let herd = ["meta/llama-2-70b-chat", "mistralai/mixtral-8x7b-chat"]
        var notes: [String] = []
        let report = try BacktestRequest(
            source: .folds(data: path, count: 2), herd: herd, reference: "gpt-3.5-turbo-1106",
            facts: root + "/Config/herds/routerbench.yaml"
        ).run { notes.append($0) }
        #expect(notes.count == 1, "the file has repeated ids")
        let json = report.json
        for key in [
            "rows", "models", "best_single_model", "tasks", "macro", "micro", "routed", "best_single", "task_label",
            "oracle", "calibration", "ece", "brier", "pair", "apgr", "cpt50", "cpt80", "cost", "aiq",
            "saved_at_reference", "accuracy_at_reference_cost", "reference", "accuracy", "herd_accuracy", "failures",
            "some_model_right", "router_right", "mean_parameters_b",
        ] {
            #expect(json.contains("\"\(key)\": "), "\(key)")
        }
        #expect(!json.contains("nan") && !json.contains("inf"))
        for word in ["winogrande", "macro", "apgr", "aiq", "failures", "billion parameters"] {
            #expect(report.table.contains(word), "\(word)")
        }
    }

    @Test("exits with 66 for a missing file and 65 for an unusable one")
    func failures() {
        func code(_ request: BacktestRequest) -> Int32? {
            do {
                _ = try request.run()
                return nil
            } catch {
                return error.exitCode
            }
        }
        #expect(code(BacktestRequest(source: .folds(data: "/nonexistent", count: 5))) == 66)
        #expect(code(BacktestRequest(source: .holdout(train: "/nonexistent", test: #filePath))) == 66)
        #expect(code(BacktestRequest(source: .folds(data: #filePath, count: 5))) == 65)
        #expect(code(BacktestRequest(source: .folds(data: "/dev/null", count: 5))) == 65)
    }
}
