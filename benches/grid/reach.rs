//! Who asks: scopes of groups, from one ticket to all.

use std::sync::Arc;

use fastrand::Rng;

use crate::census::Census;

/// A scope of the grid.
#[derive(Debug, Clone)]
pub(crate) struct Reach {
    /// The size that it stands for.
    pub(crate) label: &'static str,
    /// Its groups; nothing if it sees everything.
    pub(crate) groups: Option<Vec<Arc<str>>>,
    /// How many tickets it sees.
    pub(crate) tickets: u32,
}

enum Size {
    /// The smallest groups of all.
    One,
    /// Groups that have this share of the tickets together.
    Share(f64),
    /// Every group but one of middling size.
    AllButOne,
    All,
}

const SIZES: [(&str, Size); 8] = [
    ("1 ticket", Size::One),
    ("0.03%", Size::Share(0.0003)),
    ("0.2%", Size::Share(0.002)),
    ("1%", Size::Share(0.01)),
    ("15%", Size::Share(0.15)),
    ("50%", Size::Share(0.5)),
    ("all but one group", Size::AllButOne),
    ("unrestricted", Size::All),
];

/// The scopes of the grid, smallest first. Another `variant` has other groups where there are enough, and about as many
/// tickets.
pub(crate) fn grid(census: &Census, variant: usize) -> Vec<Reach> {
    let mut by_size: Vec<(Arc<str>, u32)> = census.groups.counts().to_vec();
    by_size.sort_unstable_by(|a, b| a.1.cmp(&b.1).then_with(|| a.0.cmp(&b.0)));
    let last = by_size.len() - 1;
    SIZES
        .iter()
        .map(|(label, size)| {
            let some = match size {
                Size::One => vec![by_size[variant.min(last)].clone()],
                Size::Share(share) => filled(&by_size, share * f64::from(census.tickets), variant),
                Size::AllButOne => {
                    let without = (by_size.len() / 2 + variant).min(last);
                    let others = by_size.iter().enumerate().filter(|(at, _)| *at != without);
                    others.map(|(_, group)| group.clone()).collect()
                }
                Size::All => return Reach { label, groups: None, tickets: census.tickets },
            };
            let tickets = some.iter().map(|(_, count)| count).sum();
            Reach { label, groups: Some(some.into_iter().map(|(group, _)| group).collect()), tickets }
        })
        .collect()
}

/// Groups in random order, each taken if it still fits; the smallest one if none does.
fn filled(by_size: &[(Arc<str>, u32)], tickets: f64, variant: usize) -> Vec<(Arc<str>, u32)> {
    let mut order: Vec<_> = by_size.to_vec();
    Rng::with_seed(variant as u64 + 1).shuffle(&mut order);
    let mut room = tickets.round();
    let mut taken = Vec::new();
    for (group, count) in order {
        if f64::from(count) <= room {
            room -= f64::from(count);
            taken.push((group, count));
        }
    }
    if taken.is_empty() {
        taken.push(by_size[variant.min(by_size.len() - 1)].clone());
    }
    taken
}
