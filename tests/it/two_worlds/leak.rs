//! Servers that leak: their answers, with a little of what an admin is told mixed in.

use serde_json::{Value, json};

use super::{
    question::Question,
    wire::{Answer, Wire},
};

/// What a server lets slip, one for each thing that an answer shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leak {
    /// Counts count hidden tickets.
    Count,
    /// Totals count hidden tickets.
    Total,
    /// A page shows a hidden ticket.
    Hit,
    /// The first two tickets of a page stand in the order that they have for an admin.
    Order,
    /// A word is as rare as it is in the whole tenant.
    Score,
    /// A snippet is cut from a note that the asker may not read.
    Snippet,
    /// A page offers another one where only hidden tickets would follow.
    NextPage,
    /// Facets count hidden tickets.
    FacetCount,
    /// Facets name values that only hidden tickets have, and nothing more.
    FacetValue,
    /// Suggestions offer what only hidden tickets have.
    Suggestion,
    /// Suggestions count hidden tickets.
    SuggestionCount,
    /// A point check says that a hidden ticket exists.
    Check,
    /// A hidden ticket is shown to who knows its id.
    Ticket,
    /// A hidden ticket is refused in other words than one that does not exist.
    Refusal,
    /// A hidden ticket is refused with another status than one that does not exist.
    Status,
    /// A header tells how many there are.
    Header,
    /// An error is kinder where something hidden would have been found.
    Error,
    /// An error offers a name that only the operator knows.
    Hint,
    /// Fields are listed that only hidden tickets hold.
    Fields,
    /// A tag is of everything there is.
    Tag,
    /// Of several questions in one request, one after the first is answered in nobody's scope.
    Together,
}

impl Leak {
    pub(super) const ALL: [Self; 21] = [
        Self::Count,
        Self::Total,
        Self::Hit,
        Self::Order,
        Self::Score,
        Self::Snippet,
        Self::NextPage,
        Self::FacetCount,
        Self::FacetValue,
        Self::Suggestion,
        Self::SuggestionCount,
        Self::Check,
        Self::Ticket,
        Self::Refusal,
        Self::Status,
        Self::Header,
        Self::Error,
        Self::Hint,
        Self::Fields,
        Self::Tag,
        Self::Together,
    ];

    /// Everything that the leaking server says to a question.
    pub(super) fn transcript(self, wire: &mut Wire, admin: &mut Wire, question: &Question) -> String {
        wire.transcript_with(question, |page, answer| self.spoiled(answer, admin, page))
    }

    /// The answer as it is, unless the leak shows in it.
    fn spoiled(self, answer: Answer, admin: &mut Wire, page: &Question) -> Answer {
        let all = admin.ask(&page.of_everything());
        let (Ok(own), Ok(of_all)) = (serde_json::from_str(&answer.body), serde_json::from_str(&all.body)) else {
            return answer;
        };
        let mut leaking = answer.clone();
        match self {
            Self::Status if answer.status == 404 && all.status == 200 => leaking.status = 403,
            Self::Ticket if answer.status == 404 && all.status == 200 => leaking = all,
            Self::Tag => {
                let tag = all.headers.iter().find(|(name, _)| name == "etag");
                for (_, own) in leaking.headers.iter_mut().filter(|(name, _)| name == "etag") {
                    own.clone_from(&tag.map(|(_, value)| value.clone()).unwrap_or_default());
                }
            }
            Self::Header => {
                if let Some(total) = total(&of_all) {
                    leaking.headers.push(("x-total".to_owned(), total.to_string()));
                }
            }
            _ => {
                let mut body: Value = own;
                let before = body.clone();
                self.spoil(&answer, &mut body, all.status, &of_all);
                if body != before {
                    leaking.body = body.to_string();
                }
            }
        }
        leaking
    }

    fn spoil(self, answer: &Answer, body: &mut Value, status: u16, all: &Value) {
        match self {
            Self::Count => copy(body, all, "count"),
            Self::Total => copy(body, all, "total"),
            Self::NextPage if body["next"].is_null() && all["next"].is_string() => body["next"] = json!("cursor"),
            Self::Check => copy(body, all, "visible"),
            Self::Fields => copy(body, all, "fields"),
            Self::Hint if answer.status == 400 => body["hint"] = json!("did you mean `merger_plans`?"),
            Self::Hit => {
                let hidden =
                    rows(all, "hits").iter().find(|hit| rows(body, "hits").iter().all(|own| own["id"] != hit["id"]));
                if let (Some(hidden), Some(hits)) = (hidden.cloned(), body["hits"].as_array_mut()) {
                    hits.push(hidden);
                }
            }
            Self::Order => {
                let place = |hit: &Value| rows(all, "hits").iter().position(|other| other["id"] == hit["id"]);
                if let Some([first, second, ..]) = body["hits"].as_array_mut().map(Vec::as_mut_slice)
                    && place(first).zip(place(second)).is_some_and(|(first, second)| second < first)
                {
                    std::mem::swap(first, second);
                }
            }
            Self::Together => {
                let Some(own) = body["answers"].as_array_mut() else { return };
                for (own, other) in own.iter_mut().zip(rows(all, "answers")).skip(1) {
                    for name in ["count", "total", "visible"] {
                        copy(&mut own["body"], &other["body"], name);
                    }
                }
            }
            Self::Score => each(body, all, "hits", "id", |own, other| copy(own, other, "score")),
            Self::Snippet => each(body, all, "hits", "id", |own, other| copy(own, other, "snippet")),
            Self::SuggestionCount => each(body, all, "suggestions", "text", |own, other| copy(own, other, "count")),
            Self::Suggestion => {
                let is_own = |other: &Value| rows(body, "suggestions").iter().any(|own| own["text"] == other["text"]);
                let hidden = rows(all, "suggestions").iter().find(|other| !is_own(other)).cloned();
                if let (Some(hidden), Some(list)) = (hidden, body["suggestions"].as_array_mut()) {
                    list.push(hidden);
                }
            }
            Self::FacetCount | Self::FacetValue => {
                let Some(facets) = body["facets"].as_object_mut() else { return };
                for (name, own) in facets {
                    let Some(own) = own.as_array_mut() else { continue };
                    for row in rows(&all["facets"], name) {
                        let found = own.iter_mut().find(|own| own["value"] == row["value"]);
                        match (self, found) {
                            (Self::FacetCount, Some(found)) => copy(found, row, "count"),
                            (Self::FacetValue, None) => own.push(json!({ "value": row["value"], "count": 0 })),
                            _ => {}
                        }
                    }
                }
            }
            Self::Refusal if answer.status == 404 && status == 200 => body["message"] = json!("you may not see it"),
            Self::Error if answer.status == 403 && status == 200 => body["hint"] = json!("ask an admin about it"),
            _ => {}
        }
    }
}

fn total(body: &Value) -> Option<&Value> {
    body.get("total").or_else(|| body.get("count"))
}

fn rows<'a>(body: &'a Value, name: &str) -> &'a [Value] {
    body[name].as_array().map_or(&[], Vec::as_slice)
}

fn copy(into: &mut Value, from: &Value, name: &str) {
    if let (Some(into), Some(from)) = (into.get_mut(name), from.get(name)) {
        *into = from.clone();
    }
}

/// Does something to every row of a list and its like in another one.
fn each(body: &mut Value, all: &Value, list: &str, by: &str, mut mix: impl FnMut(&mut Value, &Value)) {
    for own in body[list].as_array_mut().into_iter().flatten() {
        if let Some(other) = rows(all, list).iter().find(|other| other[by] == own[by]) {
            mix(own, other);
        }
    }
}
