use super::*;

/// A word in a scope; tickets, postings and scope as shares of all tickets.
fn word(all: f64, scope: f64, postings: f64) -> Sizes {
    let (scope, postings) = (all * scope, all * postings);
    Sizes { segments: 15.0, keep: 10.0, all, scope, hits: scope * postings / all, lists: vec![postings] }
}

/// What the cheapest plan of a word of one leaf is expected to be.
fn cheapest(sizes: &Sizes) -> ListPlan {
    let costs = [
        (ListPlan::Seek, sizes.gather() + sizes.seek()),
        (ListPlan::Prune, sizes.prune()),
        (ListPlan::Layers, sizes.layers(None)),
    ];
    let cheapest = costs.into_iter().min_by(|(_, a), (_, b)| a.total_cmp(b));
    cheapest.map_or(ListPlan::Seek, |(plan, _)| plan)
}

#[test]
fn common_words_are_read_by_layers_and_few_hits_are_sought_at_every_size() {
    for all in [1e5, 1e6, 1e7] {
        for (scope, postings) in [(1.0, 0.49), (0.5, 0.03), (0.15, 0.2), (0.01, 0.49)] {
            assert_eq!(cheapest(&word(all, scope, postings)), ListPlan::Layers, "{scope} of {all}, {postings}");
        }
        for hits in [0.0, 1.0, 8.0] {
            let sizes = Sizes { hits, ..word(all, 20.0 / all, 0.03) };
            assert_eq!(cheapest(&sizes), ListPlan::Seek, "{hits} of {all}");
        }
    }
}

#[test]
fn hits_that_are_far_from_each_other_cost_more_where_caches_hold_less_of_what_they_are_looked_up_in() {
    let hit = |all: f64, gap: f64| {
        let sizes = Sizes { segments: 0.0, keep: 10.0, all, scope: all, hits: 100.0, lists: vec![100.0 * gap] };
        sizes.seek() / 100.0
    };
    for all in [1e5, 1e7] {
        assert!(hit(all, 1.0) < hit(all, 16.0) && hit(all, 16.0) < hit(all, 500.0));
    }
    assert!(hit(1e7, 500.0) > 3.0 * hit(1e5, 500.0));
}

#[test]
fn hits_are_gathered_from_the_shorter_list_and_lists_alike_are_stepped_through() {
    let gather = |scope: f64, postings: f64| {
        let sizes = Sizes { segments: 1.0, keep: 10.0, all: 1e6, scope, hits: 1.0, lists: vec![postings] };
        sizes.gather()
    };
    // Neither is a list.
    assert_eq!(gather(5e5, 5e5).to_bits(), 0f64.to_bits());
    // Both are, in blocks and of about one length; then one is much shorter, or kept as one list.
    assert!(gather(2e4, 2e4) < 2e4 * GATHER);
    for (scope, postings) in [(5e3, 6e4), (6e4, 5e3), (2e3, 6e3), (2e3, 5e5)] {
        assert!((gather(scope, postings) - scope.min(postings) * GATHER).abs() < 1e-9, "{scope}, {postings}");
    }
}

#[test]
fn nothing_that_is_asked_costs_nothing_or_no_number() {
    for hits in [0.0, 1.0, 1e6] {
        for lists in [vec![], vec![0.0], vec![1e6], vec![1e6, 0.0, 3.0]] {
            for all in [0.0, 1.0, 1e7] {
                let sizes = Sizes { segments: 1.0, keep: 10.0, all, scope: hits, hits, lists: lists.clone() };
                let tiers = sizes.of_tiers(&Work { intersected: 0.0, tested: 0.0 });
                let fields = sizes.lists.clone();
                let costs = [sizes.seek(), sizes.gather(), sizes.prune(), sizes.short(), sizes.layers(None)];
                let costs = costs.into_iter().chain([sizes.layers(Some(&fields)), tiers.seek, tiers.layers]);
                assert!(costs.into_iter().all(|cost| cost.is_finite() && cost >= 0.0), "{sizes:?}");
            }
        }
    }
}
