//! Small tenants with text, for tests.

use std::sync::Arc;

use bitmap::TicketBatch;
use model::{
    ExprSource, FieldId, Opstamp, PrincipalFact, RelFact, RoleFact, Schema, TextClass, TextPart, TicketKey, Timestamp,
    Value, fields,
};
use scope::Directory;
use tempfile::TempDir;
use text::{TextIdentity, TextIndex, TextMark, analysis::Language};
use ticketscope_bitmap as bitmap;
use ticketscope_model as model;
use ticketscope_scope as scope;
use ticketscope_text as text;

use crate::{Access, Snapshot, TextState, index_of};

/// A ticket, by its place in the list its ordinal.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ticket {
    pub(crate) values: Vec<(FieldId, Vec<&'static str>)>,
    pub(crate) parts: Vec<TextPart>,
}

impl Ticket {
    pub(crate) fn has(&self, field: FieldId, value: &str) -> bool {
        self.values_of(field).contains(&value)
    }

    pub(crate) fn values_of(&self, field: FieldId) -> &[&'static str] {
        self.values.iter().find(|(id, _)| *id == field).map_or(&[], |(_, values)| values)
    }

    /// What Anna's role says.
    pub(crate) fn is_seen(&self) -> bool {
        self.has(fields::GROUP, "g1") && self.has(fields::LIFE, "live")
    }

    pub(crate) fn is_read(&self, class: TextClass) -> bool {
        self.is_seen()
            && match class {
                TextClass::Subject | TextClass::Description | TextClass::Public => true,
                TextClass::Private => self.has(fields::ASSIGNEE, "anna"),
                TextClass::Side => self.has(fields::BRAND, "b1"),
            }
    }
}

/// A tenant in which Anna sees the live tickets of `g1`, with notes where they are assigned to her and side conversations
/// where they are of `b1`.
pub(crate) struct Scene {
    pub(crate) snapshot: Snapshot,
    _files: TempDir,
}

/// Names and addresses that are not the ids.
pub(crate) const PEOPLE: [(&str, Option<&str>, Option<&str>); 4] = [
    ("anna", Some("Anna \u{c9}tienne"), Some("anna@ex.test")),
    ("u2", Some("Ben Zorn"), None),
    ("u3", None, Some("zoe@ex.test")),
    ("hidden-hand", Some("Zara Secret"), Some("zz@secret.test")),
];

pub(crate) fn part(id: &str, class: TextClass, at: Option<i64>, body: &str) -> TextPart {
    TextPart { part: id.into(), class, lang: None, body: body.into(), author: None, at: at.map(Timestamp) }
}

impl Scene {
    pub(crate) fn new(schema: Schema, tickets: &[Ticket]) -> Self {
        let schema = Arc::new(schema);
        let mut ids: Vec<FieldId> = tickets.iter().flat_map(|ticket| &ticket.values).map(|(id, _)| *id).collect();
        ids.sort_unstable();
        ids.dedup();
        let values = |values: &[&'static str]| values.iter().map(|value| Value::Keyword((*value).into())).collect();
        let sets = ids
            .into_iter()
            .map(|id| {
                let sets = (0..).zip(tickets).filter(|(_, ticket)| !ticket.values_of(id).is_empty());
                (id, sets.map(|(ord, ticket)| (ord, values(ticket.values_of(id)))).collect())
            })
            .collect();
        let created = (1..).zip(tickets).map(|(number, _)| TicketKey::Int(number)).collect();
        let tenant = index_of(&schema, &TicketBatch { created, erased: vec![], sets });
        let files = TempDir::new().unwrap();
        let languages = [Language::English, Language::French].into_iter().collect();
        let mut index = TextIndex::open(files.path(), TextIdentity { uuid: [1; 16], languages }).unwrap();
        let texts: Vec<(u32, Vec<TextPart>)> =
            (0..).zip(tickets).map(|(ord, ticket)| (ord, ticket.parts.clone())).collect();
        let ords: Vec<u32> = texts.iter().map(|(ord, _)| *ord).collect();
        index.write(&ords, texts.as_slice()).unwrap();
        let view = index.commit(TextMark { position: Opstamp(1), history: 0 }).unwrap();
        let snapshot = Snapshot::new(Opstamp(1), Arc::clone(&schema), tenant, directory(&schema), [0; 32]);
        let snapshot = snapshot.with_text(TextState::opening().indexed(view));
        Self { snapshot, _files: files }
    }

    pub(crate) fn anna(&self) -> Access {
        self.snapshot.access("anna").unwrap()
    }
}

fn directory(schema: &Arc<Schema>) -> Directory {
    let mut directory = Directory::new(Arc::clone(schema));
    let verbs =
        [("view", "group in my.groups"), ("view_private", "assignee = me"), ("view_side", "brand in my.brands")];
    let verbs = verbs.map(|(verb, source)| (verb.into(), ExprSource::Text(source.into()))).to_vec();
    directory.set_role(&RoleFact { id: "agent".into(), verbs }).unwrap();
    for (id, name, email) in PEOPLE {
        directory.set_principal(&PrincipalFact {
            id: id.into(),
            role: Some("agent".into()),
            active: true,
            name: name.map(Into::into),
            email: email.map(Into::into),
            locale: None,
            time_zone: None,
        });
    }
    for (rel, value) in [("groups", "g1"), ("brands", "b1")] {
        directory.set_rel(&RelFact { principal: "anna".into(), rel: rel.into(), value: value.into(), level: None });
    }
    directory
}
