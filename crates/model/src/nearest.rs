/// The candidate nearest to `name`, if it is near enough to be what was meant: at most two letters typed wrong, missing,
/// too many or swapped with a neighbour, and fewer than half of the name.
pub fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<String> {
    const LONGEST: usize = 64;
    if name.len() > LONGEST {
        return None;
    }
    let lower = name.to_ascii_lowercase();
    candidates
        .map(|candidate| (distance(lower.as_bytes(), candidate.as_bytes()), candidate))
        .filter(|(distance, candidate)| *distance <= 2 && distance * 2 < candidate.len())
        .min()
        .map(|(_, candidate)| candidate.to_owned())
}

/// Optimal string alignment distance.
fn distance(a: &[u8], b: &[u8]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, right) in b.iter().enumerate() {
            let mut best = (above[j] + usize::from(left != right)).min(above[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *left == b[j - 1] && a[i - 1] == *right {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_the_name_and_another_word_does_not() {
        let names = ["group", "team", "assignee", "cc"];
        for (typed, meant) in [
            ("gruop", Some("group")),
            ("groups", Some("group")),
            ("Group", Some("group")),
            ("asignee", Some("assignee")),
            ("xyzzy", None),
            ("ab", None),
        ] {
            assert_eq!(nearest(typed, names.into_iter()).as_deref(), meant, "{typed}");
        }
    }
}
