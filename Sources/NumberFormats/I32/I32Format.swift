/// 32-bit integers: tokens, sequence slots and positions, one a row.
public enum I32Format: RowLayout {
    public static let name = "i32"

    public static func rounded(_ values: [Float], width: Int) -> [Float] { values }

    public static let isRowMajor = true

    public static func contentBytes(width: Int) -> Int { width * 4 }

    public static func bytesPerRow(width: Int) -> Int { contentBytes(width: width).roundedUp(to: bufferAlignment) }
}

extension ElementType {
    /// 32-bit integers.
    public static var i32: ElementType { ElementType(I32Format.self) }
}
