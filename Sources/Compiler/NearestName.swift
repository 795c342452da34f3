/// The name that was probably meant by `word`: one that contains it, or the one with the fewest changed characters if
/// those are at most a third of the word. Nil if no name is near.
public func nearestName(to word: String, among names: [String]) -> String? {
    // Longer words are not typing mistakes, and comparing takes the product of both lengths.
    guard (1...64).contains(word.count) else { return nil }
    if word.count >= 3, let longer = names.first(where: { $0.contains(word) }) { return longer }
    let nearest = names.map { (name: $0, distance: changes(from: word, to: $0)) }.min { $0.distance < $1.distance }
    guard let nearest, nearest.distance <= max(1, word.count / 3) else { return nil }
    return nearest.name
}

/// The Levenshtein distance: the number of characters that have to be inserted, removed or replaced.
private func changes(from a: String, to b: String) -> Int {
    let b = Array(b)
    var row = Array(0...b.count)
    for (i, character) in a.enumerated() {
        var diagonal = row[0]
        row[0] = i + 1
        for j in b.indices {
            let replaced = diagonal + (character == b[j] ? 0 : 1)
            diagonal = row[j + 1]
            row[j + 1] = min(replaced, row[j] + 1, row[j + 1] + 1)
        }
    }
    return row[b.count]
}
