/// The candidate nearest to `name`, if it is near enough to be a slip of the finger: at most two letters wrong, missing or
/// too many, one in a name of up to three letters. Costs a bounded number of steps for each candidate.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let mut most = if name.len() <= 3 { 1 } else { 2 };
    let mut best = None;
    for candidate in candidates {
        if let Some(distance) = distance_within(name.as_bytes(), candidate.as_bytes(), most) {
            best = Some(candidate);
            // Only a nearer one can take its place, and no other name is nearer than 1.
            match distance.checked_sub(1) {
                Some(nearer @ 1..) => most = nearer,
                _ => break,
            }
        }
    }
    best
}

/// The Levenshtein distance of two strings if it is at most `most`. Only cells within `most` of the diagonal can lead
/// there, so the cost is the shorter length times `2 * most + 1`.
fn distance_within(a: &[u8], b: &[u8], most: usize) -> Option<usize> {
    if a.len().abs_diff(b.len()) > most {
        return None;
    }
    let shared = a.iter().zip(b).take_while(|(x, y)| x == y).count();
    let (a, b) = (&a[shared..], &b[shared..]);
    let beyond = most + 1;
    let mut row: Vec<usize> = (0..=b.len()).map(|at| at.min(beyond)).collect();
    for (i, x) in a.iter().enumerate() {
        let first = (i + 1).saturating_sub(most).max(1);
        let last = (i + 1 + most).min(b.len());
        let mut diagonal = row[first - 1];
        row[first - 1] = if first == 1 { (i + 1).min(beyond) } else { beyond };
        for j in first..=last {
            let above = row[j];
            let change = diagonal + usize::from(*x != b[j - 1]);
            row[j] = change.min(above + 1).min(row[j - 1] + 1).min(beyond);
            diagonal = above;
        }
        if row.get(first - 1..=last).is_some_and(|band| band.iter().all(|cell| *cell > most)) {
            return None;
        }
    }
    row.last().copied().filter(|distance| *distance <= most)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The textbook recursion.
    fn distance(a: &[u8], b: &[u8]) -> usize {
        match (a, b) {
            ([], rest) | (rest, []) => rest.len(),
            ([x, a_rest @ ..], [y, b_rest @ ..]) => (distance(a_rest, b_rest) + usize::from(x != y))
                .min(distance(a_rest, b) + 1)
                .min(distance(a, b_rest) + 1),
        }
    }

    #[test]
    fn the_banded_distance_is_the_textbook_distance() {
        for seed in 0..2_000 {
            let mut random = fastrand::Rng::with_seed(seed);
            let word = |random: &mut fastrand::Rng| {
                (0..random.usize(0..7)).map(|_| random.u8(b'a'..=b'c')).collect::<Vec<u8>>()
            };
            let (a, b) = (word(&mut random), word(&mut random));
            let real = distance(&a, &b);
            for most in 0..4 {
                let expected = Some(real).filter(|real| *real <= most);
                assert_eq!(distance_within(&a, &b, most), expected, "seed {seed}: {a:?} {b:?} within {most}");
            }
        }
    }

    #[test]
    fn a_slip_finds_the_name_and_another_word_does_not() {
        let names = ["group", "team", "assignee", "cc", "view_deleted"];
        for (typed, meant) in [
            ("gruop", Some("group")),
            ("groups", Some("group")),
            ("asignee", Some("assignee")),
            ("view_deletd", Some("view_deleted")),
            ("xyzzy", None),
            ("ab", None),
        ] {
            assert_eq!(nearest(typed, names), meant, "{typed}");
        }
    }
}
