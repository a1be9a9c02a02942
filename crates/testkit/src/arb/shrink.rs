//! Smaller input that fails like the one that was found.

/// A shortest list that can be had from `items`, which fail, by leaving out stretches and then single items for as long as
/// the rest still fails: no single item can be left out of it (the minimising delta debugging of Zeller and Hildebrandt,
/// 2002). Calls `fails` about `n log n` times for a failure with few causes, and `n^2` times at worst.
pub fn smallest<T: Clone>(items: &[T], fails: impl Fn(&[T]) -> bool) -> Vec<T> {
    let mut kept = items.to_vec();
    let mut stretch = kept.len().div_ceil(2);
    while stretch > 0 {
        let (mut at, mut is_smaller) = (0, false);
        while at < kept.len() {
            let end = (at + stretch).min(kept.len());
            let rest = [&kept[..at], &kept[end..]].concat();
            if fails(&rest) {
                (kept, is_smaller) = (rest, true);
            } else {
                at = end;
            }
        }
        if stretch == 1 && !is_smaller {
            return kept;
        }
        stretch = stretch.div_ceil(2).min(if stretch == 1 { 1 } else { stretch - 1 });
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_matter_is_left_out() {
        let items: Vec<u32> = (0..100).collect();
        let needs = |needed: &'static [u32]| move |list: &[u32]| needed.iter().all(|item| list.contains(item));
        for needed in [&[][..], &[0], &[99], &[17, 18], &[3, 50, 98]] {
            assert_eq!(smallest(&items, needs(needed)), needed);
        }
        // One of several causes is enough.
        assert_eq!(smallest(&items, |list| list.iter().any(|item| item % 10 == 7)).len(), 1);
        // What fails by its length alone is as short as may be.
        assert_eq!(smallest(&items, |list| list.len() > 12).len(), 13);
        assert_eq!(smallest(&[0; 0], |_| true), [0; 0]);
    }
}
