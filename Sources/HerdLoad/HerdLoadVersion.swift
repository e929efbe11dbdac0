import HerdFrames

/// What `herd-load --version` says.
package enum HerdLoadVersion {
    package static let text = HerdVersion.text
}
