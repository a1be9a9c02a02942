//! Every kind of question, by every asker.

use std::hint::black_box;

use ticketscope_model::Timestamp;
use ticketscope_query::{Page, Query, Snapshot, Start, count, facets, list, suggest};

use super::{
    askers::Asker,
    report::{Report, State, Title},
    sample::in_turn,
    subject::Subject,
};
use crate::failure::Failure;

/// Rows of a list, and of a search.
const NEWEST: u32 = 50;
const BEST: u32 = 10;

/// Values of a facet, and suggestions.
const TOP: usize = 10;

pub(super) fn ask_all(
    snapshot: &Snapshot,
    askers: &[Asker],
    subject: &Subject,
    now: Timestamp,
    report: &mut Report,
) -> Result<(), Failure> {
    let everything = Query::everything();
    let page = |asker: &Asker, query: &Query, limit| -> Result<(), Failure> {
        let page = Page { start: Start::First, limit, asker: asker.name().to_owned(), now };
        black_box(list(snapshot, &asker.access, query, &page)?);
        Ok(())
    };
    let counted = |asker: &Asker, query: &Query| -> Result<(), Failure> {
        black_box(count(snapshot, &asker.access, query)?);
        Ok(())
    };
    let mut time = |title: Title, ask: &dyn Fn(&Asker) -> Result<(), Failure>| -> Result<(), Failure> {
        report.by_asker(title, askers, &in_turn(askers, ask)?);
        Ok(())
    };
    time(Title::of("evaluate a scope", State::Cold), &|asker| {
        black_box(snapshot.evaluate(&asker.access.view));
        Ok(())
    })?;
    time(Title::of("count of a scope", State::Warm), &|asker| counted(asker, &everything))?;
    if let Some(filter) = &subject.filter {
        time(Title::of("count with a filter", State::Warm), &|asker| counted(asker, &filter.query))?;
    }
    time(Title::of("newest 50", State::Warm), &|asker| page(asker, &everything, NEWEST))?;
    if let Some(filter) = &subject.filter {
        time(Title::of("newest 50 with a filter", State::Warm), &|asker| page(asker, &filter.query, NEWEST))?;
    }
    if let Some((field, _)) = &subject.facet {
        time(Title::of("facet", State::Warm), &|asker| {
            black_box(facets(snapshot, &asker.access, &everything, &[*field], TOP)?);
            Ok(())
        })?;
    }
    for word in &subject.words {
        let title = Title::of("top 10 by relevance", State::Warm).for_words(word.kind);
        time(title, &|asker| page(asker, &word.query, BEST))?;
    }
    if let Some(beginning) = &subject.beginning {
        time(Title::of("suggestions", State::Warm), &|asker| {
            black_box(suggest(snapshot, &asker.access, beginning, None, TOP)?);
            Ok(())
        })?;
    }
    Ok(())
}
