/// What a verified certificate tells of the peer that proved to own it.
package struct PeerCertificate: Hashable, Sendable {
    /// Its subject alternative names: of DNS, URIs and e-mail addresses.
    package var names: [Name]
    /// When it expires, in seconds since 1970.
    package var expiry: Int64
    /// Which authorities of the server's have vouched for it; see `ServerTLS.authorityVersion`.
    package var authorityVersion: UInt64

    package init(names: [Name], expiry: Int64, authorityVersion: UInt64 = 0) {
        self.names = names
        self.expiry = expiry
        self.authorityVersion = authorityVersion
    }

    /// A subject alternative name; equal to another of the same kind that stands for the same.
    ///
    /// Names of DNS are compared regardless of case, and so are the scheme and host of a URI (RFC 3986, section
    /// 6.2.2.1) and the domain of an e-mail address (RFC 5280, section 7.5). Everything else is compared as it is.
    package struct Name: Hashable, Sendable {
        private enum Kind {
            case dns
            case uri
            case email
        }

        private let kind: Kind
        private let text: String

        private init(_ kind: Kind, _ text: String) {
            self.kind = kind
            self.text = text
        }

        /// As people write it: what has a colon is a URI, else what has an @ an e-mail address, the rest is DNS's.
        package init(written text: String) {
            if text.contains(":") {
                self = .uri(text)
            } else {
                self = text.contains("@") ? .email(text) : .dns(text)
            }
        }

        package static func dns(_ text: String) -> Name { Name(.dns, lowercased(text[...])) }

        package static func uri(_ text: String) -> Name {
            guard let colon = text.firstIndex(of: ":") else { return Name(.uri, text) }
            let (scheme, rest) = (lowercased(text[..<colon]), text[colon...])
            guard rest.hasPrefix("://") else { return Name(.uri, "\(scheme)\(rest)") }
            let authority = rest.dropFirst(3).prefix { !"/?#".contains($0) }
            // Who logs in is no part of the host.
            let host = authority.lastIndex(of: "@") ?? authority.startIndex
            let end = authority.endIndex
            return Name(.uri, "\(scheme)\(rest[..<host])\(lowercased(rest[host..<end]))\(rest[end...])")
        }

        package static func email(_ text: String) -> Name {
            let domain = text.lastIndex(of: "@") ?? text.endIndex
            return Name(.email, "\(text[..<domain])\(lowercased(text[domain...]))")
        }

        /// Of ASCII alone, which is all that certificates have: U+212A must not become a k.
        private static func lowercased(_ text: Substring) -> String {
            String(decoding: text.utf8.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }, as: UTF8.self)
        }
    }
}
