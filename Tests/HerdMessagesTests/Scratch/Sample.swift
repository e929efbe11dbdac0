extension Everything {
    /// The message of `Tests/Interop/roundtrip.json`, each field with a value of its own.
    static var sample: Everything {
        Everything(
            scalars: .sample, lists: .sample, unpackedLists: .sample, maps: .sample,
            choices: Choices(
                choice: .aString(""), label: "forty",
                otherChoice: .nested(
                    Choices.Nested(kind: .fancy, kinds: [.plain, .fancy], innermost: .init(text: "deep")))),
            tree: Tree(
                value: 1, left: Tree(value: 2, left: Tree(value: 3)),
                children: [Tree(), Tree(either: .leaf("leaf"))], named: ["n": Tree(value: 4)],
                either: .tree(Tree(value: 5))),
            empty: Empty(),
            words: Words(
                default: "d", class: [1, 2], in: true, selfReference: Empty(), switch: ["s": 3],
                case: .register(Empty()), count: 8, c: "see", arena: "sand", list: ["one"]))
    }
}

extension Scalars {
    static var sample: Scalars {
        Scalars(
            aDouble: 1.25, aFloat: -2.5, anInt32: -3, anInt64: -4_000_000_000_000, aUint32: 4_000_000_005,
            aUint64: .max, aSint32: -7, aSint64: -8_000_000_000_000, aFixed32: 4_000_000_009,
            aFixed64: 10_000_000_000_000_000_010, aSfixed32: -11, aSfixed64: -12_000_000_000_000, aBool: true,
            aString: "vierzehn 🐑", aBytes: [0, 15, 255], aColour: .belowZero)
    }
}

extension Lists {
    static var sample: Lists {
        Lists(
            doubles: [1.5, -.infinity, 0], floats: [.infinity, 0.5], int32s: [-1, .max], int64s: [-1, 5],
            uint32s: [.max, 0], uint64s: [.max], sint32s: [.min, 1], sint64s: [-2], fixed32s: [9], fixed64s: [10],
            sfixed32s: [-11], sfixed64s: [-12], bools: [true, false, true], strings: ["", "a", "é"],
            blobs: [[], [255]], colours: [.red, .darkBlue], messages: [Scalars(), Scalars(anInt32: 17)])
    }
}

extension UnpackedLists {
    static var sample: UnpackedLists {
        UnpackedLists(
            doubles: [0.125], floats: [-0.5, 0], int32s: [-3, 0], sint64s: [-4], fixed32s: [5], sfixed64s: [-6],
            bools: [false, true], colours: [.belowZero, .none])
    }
}

extension Maps {
    static var sample: Maps {
        Maps(
            texts: ["": "empty", "b": "", "a": "x"], doubles: ["half": 0.5], blobs: [-3: [1]],
            colours: [-4_000_000_000_000: .red], messages: [5: Scalars(aString: "five"), 0: Scalars()],
            bools: [.max: true], floats: [-7: 0.25], int32s: [-8: -80], int64s: [4_000_000_009: -90],
            uint32s: [10: 100], uint64s: [-11: 110], sint64s: [-12: -120], fixed64s: [true: 13, false: 0])
    }
}
