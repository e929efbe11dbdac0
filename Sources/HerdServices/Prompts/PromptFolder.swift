import Glibc
import HerdPrediction

/// Finds the folder of prompt files.
package enum PromptFolder {
    /// The configured folder, else `Config/prompts` (a checkout) or `share/herd/prompts` (an installation) in the folders
    /// above the program, nearest first.
    ///
    /// - Parameter configured: `refiner.prompts_dir`.
    package static func locate(_ configured: String) throws(ConfigurationError) -> String {
        guard configured.isEmpty else { return configured }
        var folder = Substring(ResourceLocator.executablePath() ?? "")
        while let slash = folder.lastIndex(of: "/") {
            folder = folder[..<slash]
            for name in ["Config/prompts", "share/herd/prompts"] {
                let path = "\(folder)/\(name)"
                if access(path, R_OK) == 0 { return path }
            }
        }
        throw ConfigurationError(
            "the prompt files were not found beside or above the program (Config/prompts, share/herd/prompts); set "
                + "refiner.prompts_dir to their folder")
    }
}
