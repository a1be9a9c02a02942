//! Every question that may show a ticket or a part of one, asked of one snapshot.

use ticketscope_engine::{
    View,
    query::{self, Access, Page, Query, Snapshot, Snippets, Start, count, facets, list_with, plans, suggest},
};
use ticketscope_model::{TicketKey, TicketOrd, Timestamp, fields};
use ticketscope_testkit::oracle::Asker;

use super::ways::{ADMIN, Way};
use crate::answers::parse_as;

const NOW: Timestamp = Timestamp(0);

/// What one snapshot shows of a way.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// By question that reads fields: whether both tickets are shown; one without the other is an error.
    pub(super) fields: Vec<(String, bool)>,
    /// By question that reads words.
    pub(super) words: Vec<(String, bool)>,
    /// A cursor behind the first ticket.
    pub(super) cursor: Option<String>,
}

impl Seen {
    /// The questions that show something.
    pub(super) fn shown(&self, way: &Way) -> Vec<&str> {
        let fields = if way.kind.is_of_a_part() { [].iter() } else { self.fields.iter() };
        fields.chain(&self.words).filter(|(_, shown)| *shown).map(|(question, _)| &**question).collect()
    }

    /// The questions about fields that show nothing.
    pub(super) fn missing(&self) -> Vec<&str> {
        self.fields.iter().filter(|(_, shown)| !shown).map(|(question, _)| &**question).collect()
    }
}

/// One question's answer about both tickets: a batch changes both, so that one alone is half of a batch.
fn whole(way: &Way, question: &str, found: [bool; 2]) -> (String, bool) {
    assert_eq!(found[0], found[1], "{:?}: {question} shows half of a batch", way.kind);
    (question.to_owned(), found[0])
}

fn both(way: &Way, keys: &[TicketKey]) -> [bool; 2] {
    way.tickets.map(|id| keys.contains(&TicketKey::Int(id)))
}

fn page(way: &Way, start: Start, limit: u32) -> Page {
    Page { start, limit, asker: way.agent.clone(), now: NOW }
}

fn parsed(snapshot: &Snapshot, way: &Way, text: &str) -> Query {
    parse_as(snapshot, NOW, &Asker::Principal(way.agent.clone()), text)
}

/// The keys of a list by every plan; all of them list the same.
fn listed(snapshot: &Snapshot, access: &Access, way: &Way, query: &Query) -> Vec<TicketKey> {
    let mut lists: Vec<Vec<TicketKey>> = plans(query)
        .into_iter()
        .map(|plan| {
            let listing = list_with(snapshot, access, query, &page(way, Start::First, 1000), plan).unwrap();
            assert_eq!(listing.total as usize, listing.hits.len(), "{:?} {plan:?}", way.kind);
            listing.hits.into_iter().map(|hit| hit.key).collect()
        })
        .collect();
    lists.dedup();
    assert_eq!(lists.len(), 1, "{:?}: plans differ", way.kind);
    lists.remove(0)
}

/// Asks everything about a way. An unknown principal is told nothing.
pub(super) fn read(view: &View, way: &Way, old_cursor: Option<&str>) -> Seen {
    let snapshot = &**view.snapshot();
    let mut seen = Seen::default();
    let tagged = parsed(snapshot, way, &format!("tags:{} order_by:id sort:asc", way.tag));
    assert_eq!(
        count(snapshot, snapshot.access(ADMIN).unwrap(), &tagged).unwrap() % 2,
        0,
        "{:?}: half for all",
        way.kind
    );
    let keys = way.tickets.map(TicketKey::Int);
    let judged = keys.each_ref().map(|key| snapshot.sees(&way.agent, "view", key).unwrap_or(false));
    seen.fields.push(whole(way, "point check", judged));
    let reasons = keys.each_ref().map(|key| {
        query::why(snapshot, &way.agent, "view", key).is_ok_and(|reason| reason.is_some_and(|reason| reason.visible))
    });
    seen.fields.push(whole(way, "why", reasons));
    let Ok(access) = snapshot.access(&way.agent) else { return seen };
    read_fields(snapshot, &access, way, &tagged, old_cursor, &mut seen);
    read_words(view, &access, way, &mut seen);
    seen
}

/// Asks who sees the tickets of a way. This goes through everybody, so it is asked less often.
pub(super) fn read_viewers(view: &View, way: &Way, seen: &mut Seen) {
    let told = way.tickets.map(|id| {
        let viewers = query::who(view.snapshot(), &TicketKey::Int(id), None, usize::MAX);
        viewers.is_some_and(|viewers| viewers.principals.contains(&way.agent))
    });
    seen.fields.push(whole(way, "who", told));
}

fn read_fields(
    snapshot: &Snapshot,
    access: &Access,
    way: &Way,
    tagged: &Query,
    old_cursor: Option<&str>,
    seen: &mut Seen,
) {
    let ords = way.tickets.map(|id| snapshot.index().find(&TicketKey::Int(id)));
    let within = |set: &ticketscope_bitmap::TicketSet| ords.map(|ord| ord.is_some_and(|ord| set.contains(ord)));
    seen.fields.push(whole(way, "kept set", within(snapshot.visible(&access.view).set())));
    seen.fields.push(whole(way, "evaluated set", within(&snapshot.evaluate(&access.view))));
    let counted = count(snapshot, access, tagged).unwrap();
    assert!(counted == 0 || counted == 2, "{:?}: count {counted}", way.kind);
    seen.fields.push(("count".to_owned(), counted == 2));
    seen.fields.push(whole(way, "list", both(way, &listed(snapshot, access, way, tagged))));
    let (mut paged, mut start) = (Vec::new(), Start::First);
    loop {
        let listing = list_with(snapshot, access, tagged, &page(way, start, 1), plans(tagged)[0]).unwrap();
        paged.extend(listing.hits.into_iter().map(|hit| hit.key));
        match listing.next {
            Some(next) => {
                seen.cursor = Some(next.clone());
                start = Start::After(next);
            }
            None => break,
        }
    }
    seen.fields.push(whole(way, "pages", both(way, &paged)));
    if let Some(cursor) = old_cursor {
        let listing = query::list(snapshot, access, tagged, &page(way, Start::After(cursor.to_owned()), 10)).unwrap();
        seen.fields.push(("page behind an old cursor".to_owned(), !listing.hits.is_empty()));
    }
    for (name, query) in [("facets", tagged), ("facets of the scope", &parsed(snapshot, way, ""))] {
        let (_, found) = facets(snapshot, access, query, &[fields::TAGS], usize::MAX).unwrap();
        let row = found[0].rows.iter().find(|row| row.value.as_deref() == Some(&*way.tag));
        assert!(row.is_none_or(|row| row.count == 2), "{:?}: {name} show half of a batch: {row:?}", way.kind);
        seen.fields.push((name.to_owned(), row.is_some()));
    }
    for field in [Some(fields::TAGS), None] {
        if field.is_none() && snapshot.text().view().is_none() {
            continue;
        }
        let found = suggest(snapshot, access, &way.tag, field, 100).unwrap();
        seen.fields.push((format!("suggestions of {field:?}"), found.iter().any(|found| found.text == way.tag)));
    }
}

fn read_words(view: &View, access: &Access, way: &Way, seen: &mut Seen) {
    let snapshot = &**view.snapshot();
    if snapshot.text().view().is_none() {
        return;
    }
    for text in [
        way.word.clone(),
        format!("{}*", &way.word[..10]),
        format!("\"{} and\"", way.word),
        format!("{} printer", way.word),
    ] {
        let query = parsed(snapshot, way, &text);
        let keys = listed(snapshot, access, way, &query);
        let counted = count(snapshot, access, &query).unwrap() as usize;
        assert_eq!(counted, keys.len(), "{:?}: {text}", way.kind);
        seen.words.push(whole(way, &format!("search of {text}"), both(way, &keys)));
        let Some(mut snippets) = Snippets::new(snapshot, access, &query) else { continue };
        // Of all tickets that the asker sees, be they hits or not.
        let set = snapshot.visible(&access.view);
        for ord in
            set.set().iter().map(TicketOrd).filter(|ord| both(way, &[snapshot.index().key(*ord)]).contains(&true))
        {
            let snippet = snippets.of(ord, &view.parts(ord).unwrap());
            let shows = snippet.is_some_and(|snippet| snippet.text.contains(&way.word));
            seen.words.push((format!("snippet for {text}"), shows));
        }
    }
    let found = suggest(snapshot, access, &way.word[..10], None, 100).unwrap();
    seen.words.push(("suggested words".to_owned(), found.iter().any(|found| found.text == way.word)));
}
