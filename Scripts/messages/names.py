"""How names in a .proto file are spelled in C (by protoc-c) and in Swift (by this generator)."""

SWIFT_KEYWORDS = set(
    """Any Self as associatedtype break case catch class continue default defer deinit do else enum extension
    fallthrough false fileprivate for func guard if import in init inout internal is let nil operator precedencegroup
    private protocol public repeat rethrows return self static struct subscript super switch throw throws true try
    typealias var where while""".split()
)

# What protoc-c appends an underscore to: the keywords of C++.
C_KEYWORDS = set(
    """and and_eq asm auto bitand bitor bool break case catch char class compl const const_cast continue default
    delete do double dynamic_cast else enum explicit extern false float for friend goto if inline int long mutable
    namespace new not not_eq operator or or_eq private protected public register reinterpret_cast return short
    signed sizeof static static_cast struct switch template this throw true try typedef typeid typename union
    unsigned using virtual void volatile wchar_t while xor xor_eq""".split()
)


def _camel_piece(name):
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


def _lower_piece(name):
    result = ""
    was_upper = True
    for character in name:
        if character.isupper():
            result += ("" if was_upper else "_") + character.lower()
        else:
            result += character
        was_upper = character.isupper()
    return result


def c_type(full_name):
    """".herd.v1.RouteRequest" -> "Herd__V1__RouteRequest"."""
    return "__".join(_camel_piece(piece) for piece in full_name.lstrip(".").split("."))


def c_prefix(full_name):
    """".herd.v1.RouteRequest" -> "herd__v1__route_request"."""
    return "__".join(_lower_piece(piece) for piece in full_name.lstrip(".").split("."))


def c_member(name):
    """The C struct's member for a field; Swift's importer wants it in backticks where it is a keyword."""
    lowered = name.lower()
    member = lowered + "_" if lowered in C_KEYWORDS else lowered
    return f"`{member}`" if member in SWIFT_KEYWORDS else member


def c_count(name):
    """The C struct's member for the number of a list's elements."""
    lowered = name.lower()
    return "n_" + (lowered + "_" if lowered in C_KEYWORDS else lowered)


def c_oneof_case(message, oneof):
    """(type, member) of a oneof's discriminator."""
    return c_type(f"{message}.{oneof}") + "Case", oneof.lower() + "_case"


def lower_camel(name):
    """"cost_usd" -> "costUsd", "NO_SIDE_EFFECTS" -> "noSideEffects"."""
    if name.isupper():
        name = name.lower()
    parts = [part for part in name.split("_") if part]
    first = parts[0][:1].lower() + parts[0][1:]
    return first + "".join(part[:1].upper() + part[1:] for part in parts[1:])


def upper_camel(name):
    """"file_descriptor_set" -> "FileDescriptorSet"."""
    return _camel_piece(lower_camel(name))


def swift_name(name):
    """The Swift property or case for a field or enum value, without backticks."""
    return lower_camel(name)


def quoted(name):
    """A Swift identifier, in backticks where it is a keyword."""
    return f"`{name}`" if name in SWIFT_KEYWORDS else name
