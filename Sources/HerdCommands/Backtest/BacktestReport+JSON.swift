import HerdJSON
package import HerdPrediction

extension BacktestReport {
    /// The report as JSON text for programs: accuracy in per cent with two decimals, shares 0..1.
    package var json: String { document.text() }

    private var document: JSONNode {
        var members: [(key: String, value: JSONNode)] = [
            ("rows", .number(rows)),
            ("models", .array(models.map { .string($0) })),
            ("best_single_model", .string(models[accuracy.bestSingleModel])),
            (
                "tasks",
                .object(
                    accuracy.tasks.map { task in
                        (task.name, .object([("rows", .number(task.rows))] + Self.members(task.accuracy)))
                    })
            ),
            (
                "macro",
                .object(
                    Self.members(accuracy.macro)
                        + [("best_single_model", .string(models[accuracy.bestMacroModel]))])
            ),
            ("micro", .object(Self.members(accuracy.micro))),
            (
                "calibration",
                .object([("ece", .share(calibration.ece)), ("brier", .share(calibration.brier))])
            ),
        ]
        if let pairModels {
            members.append(
                (
                    "pair",
                    .object([
                        ("strong", .string(pairModels[0])), ("weak", .string(pairModels[1])),
                        ("apgr", .share(pair?.apgr)), ("cpt50", .share(pair?.cpt50)), ("cpt80", .share(pair?.cpt80)),
                    ])
                ))
        }
        if let cost {
            members.append(
                (
                    "cost",
                    .object([
                        ("aiq", .perCent(cost.aiq)), ("saved_at_reference", .share(cost.savedAtReference)),
                        ("accuracy_at_reference_cost", .perCent(cost.accuracyAtReferenceCost)),
                    ])
                ))
        }
        if let reference {
            members.append(
                (
                    "reference",
                    .object([
                        ("accuracy", .perCent(reference.accuracy)),
                        ("herd_accuracy", .perCent(reference.herdAccuracy)),
                        ("failures", .number(reference.failures)),
                        ("some_model_right", .share(reference.someModelRight)),
                        ("router_right", .share(reference.routerRight)),
                        ("mean_parameters_b", .share(reference.meanParametersB)),
                    ])
                ))
        }
        if let refinement {
            members.append(
                (
                    "refinement",
                    .object([
                        ("rows", .number(refinement.rows)), ("never", .perCent(refinement.never)),
                        ("always", .perCent(refinement.always)), ("chosen", .perCent(refinement.chosen)),
                        ("oracle", .perCent(refinement.oracle)), ("mean_rounds", .share(refinement.meanRounds)),
                    ])
                ))
        }
        members.append(
            (
                "timings",
                .object([
                    ("embed_seconds", .share(timings.embedSeconds)),
                    ("trainings", .number(timings.trainings)),
                    ("train_seconds", .share(timings.trainSeconds / Double(max(1, timings.trainings)))),
                    ("predict_us", .share(timings.predictSeconds * 1e6 / Double(max(1, timings.predictions)))),
                ])
            ))
        members.append(
            (
                "settings",
                .array(
                    settings.map { settings in
                        .object([
                            ("topic_inverse_regularisation", .number(settings.topicInverseRegularisation)),
                            ("specific_ridge", .number(settings.specificRidge)),
                            ("common_ridge", .number(settings.commonRidge)),
                            ("uses_tail", .bool(settings.usesTail)),
                            ("calibration_slope", .share(settings.calibration.slope)),
                            ("calibration_offset", .share(settings.calibration.offset)),
                        ])
                    })
            ))
        return .object(members)
    }

    private static func members(_ accuracy: Accuracy) -> [(key: String, value: JSONNode)] {
        [
            ("routed", .perCent(accuracy.routed)), ("best_single", .perCent(accuracy.bestSingle)),
            ("task_label", .perCent(accuracy.taskLabel)), ("oracle", .perCent(accuracy.oracle)),
        ]
    }
}

extension JSONNode {
    /// A share, 0..1, with six decimals; null for nil.
    fileprivate static func share(_ value: Double?) -> JSONNode { rounded(value, 1e6) }

    /// A share as per cent with two decimals; null for nil.
    fileprivate static func perCent(_ share: Double?) -> JSONNode { rounded(share.map { $0 * 100 }, 100) }

    private static func rounded(_ value: Double?, _ scale: Double) -> JSONNode {
        value.map { .number(($0 * scale).rounded() / scale) } ?? .null
    }
}
