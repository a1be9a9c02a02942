//! The guided tour: each stop asks the questions that it talks about, and prints what came back.

use std::time::Instant;

use serde_json::{Value, json};
use ticketscope_demo::{ANA, BRUNO, CHLOE, CORMORANT, ERIN, NIGHTJAR, PELICAN, SANDPIPER, Story, cast};
use ticketscope_engine::{RecoverError, Tenant};
use ticketscope_model::{Change, Fact, RelFact, TicketKey};
use ticketscope_query::{
    KeyListing, Page, Snippets, Start, list_keys,
    parse::{Context, parse},
    scope::VIEW,
    suggest, who, why,
};

use crate::{
    ask::moment,
    exit::Exit,
    failure::Failure,
    output::{Align, Output, Sheet, grouped},
    snippet,
    suggest::kind,
};

/// Times that a question is asked before one is timed: the tour is about questions, not about warming up.
const WARM: usize = 3;

/// Rows of a list that are shown.
const ROWS: u32 = 3;

pub(super) fn run(tenant: &Tenant, out: &mut Output) -> Result<(), Failure> {
    let mut tour = Tour { tenant, stop: 0, stops: Vec::new() };
    // Somebody may have tried out the change that the tour shows.
    tenant.submit(vec![membership(true)])?;
    tour.people(out)?;
    tour.same_question(out)?;
    tour.languages(out)?;
    tour.note(out)?;
    tour.suggestions(out)?;
    tour.why_and_who(out)?;
    tour.membership(out)?;
    if out.wants_json() {
        out.json(&json!({ "stops": tour.stops }))?;
    }
    Ok(out.flush()?)
}

/// Bruno's membership in a group that is not his, or its end.
fn membership(gone: bool) -> Change {
    let (principal, value) = (BRUNO.into(), CORMORANT.group.into());
    Change { gone, ..Change::state(Fact::Rel(RelFact { principal, rel: "groups".into(), value, level: None })) }
}

struct Tour<'a> {
    tenant: &'a Tenant,
    stop: u32,
    stops: Vec<Value>,
}

impl Tour<'_> {
    fn heading(&mut self, out: &mut Output, title: &str) -> Result<(), Failure> {
        self.stop += 1;
        out.say("")?;
        out.say(format!("{}. {title}", self.stop))?;
        Ok(())
    }

    /// The first tickets of a list and how long it took, warm.
    fn ask(&self, principal: &str, query: &str) -> Result<(KeyListing, f64), Failure> {
        let snapshot = self.tenant.snapshot();
        let access = snapshot.access(principal)?;
        let now = moment(None);
        let context = Context::new(snapshot.schema(), now).asked_by(principal);
        let parsed = parse(query, &context).map_err(|error| Failure::of(Exit::Internal, "demo", &error))?;
        let page = Page { start: Start::First, limit: ROWS, asker: format!("principal {principal}"), now };
        for _ in 0..WARM {
            list_keys(&snapshot, &access, &parsed, &page)?;
        }
        let began = Instant::now();
        let listing = list_keys(&snapshot, &access, &parsed, &page)?;
        Ok((listing, began.elapsed().as_secs_f64() * 1e6))
    }

    fn count(&self, principal: &str, query: &str) -> Result<u32, Failure> {
        Ok(self.ask(principal, query)?.0.total)
    }

    fn people(&mut self, out: &mut Output) -> Result<(), Failure> {
        self.heading(out, "Some of the people, and what each may see")?;
        let snapshot = self.tenant.snapshot();
        let mut sheet =
            Sheet::new([("id", Align::Left), ("role", Align::Left), ("sees", Align::Right), ("who", Align::Left)]);
        let mut rows = Vec::new();
        for member in cast() {
            let access = snapshot.access(member.id)?;
            let sees = snapshot.visible(&access.view).set().len();
            let cells = [member.id, member.role, &grouped(sees.into()), member.line];
            sheet.row(cells.map(ToOwned::to_owned));
            rows.push(json!({ "id": member.id, "role": member.role, "sees": sees }));
        }
        out.tell(&sheet)?;
        self.stops.push(json!({ "people": rows }));
        Ok(())
    }

    fn same_question(&mut self, out: &mut Output) -> Result<(), Failure> {
        self.heading(out, "Three people ask the same things, and each gets exactly what they may see")?;
        let mut rows = Vec::new();
        for query in ["invoice", "invoice refund status<closed", "\"does not\" -tags:vip priority>=high", "E-4021"] {
            out.say("")?;
            out.say(format!("   {query}"))?;
            let mut sheet = Sheet::new([
                ("", Align::Left),
                ("as", Align::Left),
                ("tickets", Align::Right),
                ("best ticket", Align::Right),
                ("took", Align::Right),
            ]);
            for principal in [ANA, BRUNO, CHLOE] {
                let (listing, took) = self.ask(principal, query)?;
                let best = listing.keys.first().map_or_else(|| "-".to_owned(), ToString::to_string);
                let total = grouped(listing.total.into());
                sheet.row(["  ".to_owned(), principal.to_owned(), total, best, format!("{took:.0} us")]);
                rows.push(json!({ "query": query, "as": principal, "total": listing.total, "took_us": took }));
            }
            out.tell(&sheet)?;
        }
        self.stops.push(json!({ "same_question": rows }));
        Ok(())
    }

    fn languages(&mut self, out: &mut Output) -> Result<(), Failure> {
        self.heading(out, "Words are found in their other forms, and without their accents")?;
        let mut rows = Vec::new();
        for query in ["reembolso", "facture", "zwrotu", "Rechnung", "\u{8fd4}\u{91d1}"] {
            let view = self.tenant.view().map_err(RecoverError::from)?;
            let snapshot = view.snapshot();
            let (listing, _) = self.ask(ANA, query)?;
            let parsed = parse(query, &Context::new(snapshot.schema(), moment(None)))
                .map_err(|error| Failure::of(Exit::Internal, "demo", &error))?;
            let shown = match listing.keys.first().and_then(|key| snapshot.index().find(key)) {
                Some(ord) => Snippets::new(snapshot, &snapshot.access(ANA)?, &parsed)
                    .and_then(|mut snippets| snippets.of(ord, &view.parts(ord).ok()?)),
                None => None,
            };
            let shown = shown.map_or_else(|| "-".to_owned(), |found| snippet::marked(&found));
            out.say(format!("   {query}: {} for {ANA}, such as: {shown}", grouped(listing.total.into())))?;
            rows.push(json!({ "query": query, "total": listing.total, "snippet": shown }));
        }
        self.stops.push(json!({ "languages": rows }));
        Ok(())
    }

    fn note(&mut self, out: &mut Output) -> Result<(), Failure> {
        self.heading(out, "A private note is found by those who may read it, and leaves no trace for others")?;
        let mut rows = Vec::new();
        for (story, what) in [(SANDPIPER, "in a private note of"), (PELICAN, "in a public comment of")] {
            let Story { word, ticket, .. } = story;
            let found = [BRUNO, ERIN].map(|principal| self.count(principal, word));
            let [bruno, erin] = found;
            let (bruno, erin) = (bruno?, erin?);
            out.say(format!(
                "   `{word}` stands {what} ticket {ticket}, which {BRUNO} and {ERIN} both see: {BRUNO} finds {bruno}, \
                 {ERIN} finds {erin}"
            ))?;
            rows.push(json!({ "word": word, "ticket": ticket, BRUNO: bruno, ERIN: erin }));
        }
        self.stops.push(json!({ "note": rows }));
        Ok(())
    }

    fn suggestions(&mut self, out: &mut Output) -> Result<(), Failure> {
        self.heading(out, "Suggestions hold only what stands on tickets one sees")?;
        let snapshot = self.tenant.snapshot();
        let mut rows = Vec::new();
        for prefix in ["sand", "inv"] {
            for principal in [BRUNO, ERIN] {
                let found = suggest(&snapshot, snapshot.access(principal)?, prefix, None, 5)?;
                let list: Vec<String> = found
                    .iter()
                    .map(|found| format!("{} ({}, {})", found.text, kind(&snapshot, found.kind), found.count))
                    .collect();
                let shown = if list.is_empty() { "nothing".to_owned() } else { list.join(", ") };
                out.say(format!("   `{prefix}` for {principal}: {shown}"))?;
                rows.push(json!({ "prefix": prefix, "as": principal, "suggestions": list }));
            }
        }
        self.stops.push(json!({ "suggestions": rows }));
        Ok(())
    }

    fn why_and_who(&mut self, out: &mut Output) -> Result<(), Failure> {
        self.heading(out, "Why does somebody see a ticket, and who does? (questions for admins)")?;
        let snapshot = self.tenant.snapshot();
        let mut rows = Vec::new();
        for (principal, story) in [(BRUNO, SANDPIPER), (BRUNO, CORMORANT), (ERIN, NIGHTJAR)] {
            let key = TicketKey::Int(story.ticket);
            let Some(reason) = why(&snapshot, principal, VIEW, &key)? else { continue };
            let answer = if reason.visible { "sees" } else { "does not see" };
            out.say(format!("   {principal} {answer} ticket {key}: {}", reason.text))?;
            rows.push(json!({ "principal": principal, "ticket": story.ticket, "visible": reason.visible }));
        }
        let key = TicketKey::Int(NIGHTJAR.ticket);
        if let Some(viewers) = who(&snapshot, &key, None, 20) {
            let more = if viewers.more { ", .." } else { "" };
            let people = viewers.principals.join(", ");
            out.say(format!("   ticket {key}, of a private group, is seen by {}: {people}{more}", viewers.count))?;
            rows.push(json!({ "ticket": NIGHTJAR.ticket, "seen_by": viewers.count }));
        }
        self.stops.push(json!({ "why_and_who": rows }));
        Ok(())
    }

    fn membership(&mut self, out: &mut Output) -> Result<(), Failure> {
        self.heading(out, "A change of permissions is in force when it is acknowledged")?;
        let word = CORMORANT.word;
        let everything = "";
        let mut numbers = vec![(self.count(BRUNO, everything)?, self.count(BRUNO, word)?)];
        let mut took = Vec::new();
        for gone in [false, true] {
            let began = Instant::now();
            self.tenant.submit(vec![membership(gone)])?;
            took.push(began.elapsed().as_secs_f64() * 1e6);
            numbers.push((self.count(BRUNO, everything)?, self.count(BRUNO, word)?));
        }
        let group = CORMORANT.group;
        let steps = ["before".to_owned(), format!("in `{group}`"), "taken out again".to_owned()];
        for (at, (step, (sees, finds))) in steps.iter().zip(&numbers).enumerate() {
            let time = at.checked_sub(1).and_then(|at| took.get(at));
            let time = time.map_or_else(String::new, |took| format!(", durable and in force after {took:.0} us"));
            out.say(format!("   {BRUNO}, {step}: sees {}, finds {finds} for `{word}`{time}", grouped((*sees).into())))?;
        }
        let rows: Vec<Value> = numbers.iter().map(|(sees, finds)| json!({ "sees": sees, "finds": finds })).collect();
        self.stops.push(json!({ "membership": rows, "took_us": took }));
        Ok(())
    }
}
