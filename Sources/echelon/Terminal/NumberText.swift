import Foundation

/// A number of bytes as text, `12.3 MB`.
func megabytes(_ bytes: Int) -> String { "\(decimals(Double(bytes) / 1e6, 1)) MB" }

/// A number with a fixed number of decimal places.
func decimals(_ value: Double, _ places: Int) -> String { String(format: "%.\(places)f", value) }
