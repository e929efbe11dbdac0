import HerdDatasets

extension CommandFailure {
    /// A file that can't be used, with its exit code.
    init(_ error: DatasetError) {
        let exitCode: Int32 =
            switch error.code {
            case .missing: 66
            case .unreadable: 74
            case .invalid: 65
            }
        self.init("\(error)", exitCode: exitCode)
    }
}
