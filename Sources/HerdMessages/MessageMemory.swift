internal import CMessages

/// What the process does with the memory of messages that are gone.
package enum MessageMemory {
    /// Gives long blocks back to the system as soon as they are freed, from now on and in the whole process.
    package static func keepSmall() {
        herd_memory_keep_small()
    }

    /// Gives all that is free back to the system, short blocks too; takes milliseconds.
    package static func giveBack() {
        herd_memory_trim()
    }
}
