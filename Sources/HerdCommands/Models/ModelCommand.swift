package import ArgumentParser

package struct ModelCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "model", abstract: "The models of the herd.",
        discussion: "EXAMPLE\n  herdctl model add --file Config/herds/routerdc.yaml",
        subcommands: [ModelAdd.self, ModelList.self, ModelShow.self, ModelRemove.self, ModelWatch.self])

    package init() {}
}
