use ticketscope_model::Timestamp;
use ticketscope_query::{
    self as query, ListPlan, Start,
    text::{Form, Leaf, Pattern, Section, TextField},
};

use super::{Reader, read::page};
use crate::{
    answer::{Estimate, Explained, ExplainedFilter, ExplainedLeaf, ExplainedPlan, ExplainedWord},
    auth::Asker,
    failure::Failure,
    params::ExplainParams,
};

impl Reader {
    /// How a search is found: what each part of the query comes to, and what every plan costs. It runs all of them.
    ///
    /// # Errors
    /// As of a search.
    pub(crate) fn explain(&self, asker: &Asker, params: &ExplainParams, now: Timestamp) -> Result<Explained, Failure> {
        let now = params.now.map_or(now, |now| now.0);
        let access = self.access(asker)?;
        let query = self.ordered_query(asker, &params.query, params.sort.as_deref(), now)?;
        let page = page(asker, params.rank.map_or(Start::First, Start::Rank), params.limit, now);
        let explained = query::explain(self.snapshot(), access, &query, &page)?;
        let filters = explained.filters.into_iter().map(|filter| ExplainedFilter {
            clause: filter.clause,
            estimate: Estimate { at_least: filter.estimate.0, at_most: filter.estimate.1 },
            visible: filter.visible,
        });
        let words = explained
            .words
            .into_iter()
            .map(|word| ExplainedWord { negated: word.negated, leaves: word.leaves.iter().map(leaf).collect() });
        let plans = explained.plans.into_iter().map(|plan| ExplainedPlan {
            plan: plan_name(plan.plan),
            estimate_us: plan.estimate,
            took_us: plan.took,
            scored: plan.scored,
            offered: plan.offered,
        });
        Ok(Explained {
            query: query.to_text(self.snapshot().schema()),
            visible: explained.visible,
            filters: filters.collect(),
            words: words.collect(),
            total: explained.total,
            chosen: plan_name(explained.chosen),
            plans: plans.collect(),
        })
    }
}

fn leaf(explained: &query::ExplainedLeaf) -> ExplainedLeaf {
    let Leaf { field, section, pattern } = &explained.leaf;
    let (pattern, text) = match pattern {
        Pattern::Term(Form::Stem, word) => ("stem", word.to_string()),
        Pattern::Term(Form::Surface, word) => ("surface", word.to_string()),
        Pattern::Phrase { words, open } => {
            let words: Vec<&str> = words.iter().map(|(_, word)| &**word).collect();
            ("phrase", words.join(" ") + if *open { "*" } else { "" })
        }
        Pattern::Prefix(prefix) => ("prefix", prefix.to_string()),
        Pattern::Any(prefix) => ("any", prefix.to_string()),
    };
    ExplainedLeaf {
        field: field_name(*field),
        section: section_name(*section),
        pattern,
        text,
        postings: explained.postings,
        readable: explained.readable,
    }
}

fn field_name(field: TextField) -> &'static str {
    match field {
        TextField::Public => "public",
        TextField::Subject => "subject",
        TextField::Private => "private",
        TextField::Side => "side",
        TextField::Custom => "custom",
    }
}

fn section_name(section: Section) -> &'static str {
    match section {
        Section::Whole => "whole",
        Section::AfterSubject => "after_subject",
        Section::Comments => "comments",
    }
}

fn plan_name(plan: ListPlan) -> &'static str {
    match plan {
        ListPlan::Walk => "walk",
        ListPlan::ScopeOrder => "scope_order",
        ListPlan::Select => "select",
        ListPlan::Seek => "seek",
        ListPlan::Prune => "prune",
        ListPlan::Layers => "layers",
        ListPlan::KeyOrder => "key_order",
    }
}
