/// What went wrong in a store: a code to act on, a sentence for a person and, for a damaged record, which one.
package struct StoreError: Error, Sendable, CustomStringConvertible {
    /// The kinds of failure that callers tell apart.
    package enum Code: String, Sendable {
        /// Another environment, in this or another process, has the folder open.
        case alreadyOpen
        /// The environment was closed, or is closing.
        case closed
        /// The quota, the write queue or the number of readers is used up; deleting or waiting helps.
        case resourceExhausted
        /// One record's checksum does not match; `table` and `key` name it, every other record is unharmed.
        case dataLoss
        /// The file as a whole is not a usable store.
        case damaged
        /// The store was written by a newer version of the program.
        case schemaTooNew
        /// The store cannot be brought to the schema that was asked for.
        case migrationFailed
        /// A key is empty or over 511 bytes, a value over 2 GiB, or an option is out of range.
        case invalidArgument
        /// The table was not declared when the environment was opened.
        case unknownTable
        /// The folder or the disk cannot be written.
        case notWritable
        /// The disk is full or the process reached its file size limit.
        case diskFull
        /// The store belongs to another service.
        case foreign
        /// There is no store in the folder.
        case missing
        /// The folder a copy should go to holds something already.
        case alreadyExists
        /// The caller took the operation back.
        case cancelled
        /// Any other failure of the operating system or of LMDB.
        case inputOutput
    }

    package let code: Code
    package let message: String
    /// The table of the damaged record or of the refused key.
    package let table: String?
    /// The encoded key of the damaged record.
    package let key: [UInt8]?
    /// The `errno` or LMDB status behind it; 0 where there is none.
    package let cause: Int32

    package init(_ code: Code, _ message: String, table: String? = nil, key: [UInt8]? = nil, cause: Int32 = 0) {
        self.code = code
        self.message = message
        self.table = table
        self.key = key
        self.cause = cause
    }

    package var description: String { "\(code.rawValue): \(message)" }
}

extension StoreError {
    static func dataLoss(table: String, key: [UInt8]) -> StoreError {
        StoreError(
            .dataLoss,
            "the record \(hexadecimal(key)) of table \(table) does not match its checksum; remove it or write it again",
            table: table, key: key)
    }

    static func closed(_ path: String) -> StoreError {
        StoreError(.closed, "the store \(path) is closed")
    }

    /// At most 32 bytes in hexadecimal, which is enough to recognise a key.
    private static func hexadecimal(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef")
        var text = ""
        for byte in bytes.prefix(32) {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return bytes.count > 32 ? text + "..." : text
    }
}
