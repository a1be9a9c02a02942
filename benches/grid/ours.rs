//! Ours: the library as an application embeds it.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use tantivy::Index;
use ticketscope_engine::{
    Engine, Tenant,
    query::{
        Access, ListPlan, Query, Snapshot, Start,
        ast::{Clause, Pattern, Sort, ValuePattern, WordClause, WordPattern, WordScope},
        count, facets, list_keys, list_with, plans,
        scope::Scope,
    },
    storage::TenantId,
};
use ticketscope_model::{
    Change, ExprSource, Fact, FieldId, PrincipalFact, RelFact, RoleFact, TicketKey, TicketOrd, fields,
};

use crate::{
    census::Census,
    data::Data,
    question::{Column, Question, Shape},
    reach::Reach,
    side::{Answer, Failure, NEWEST, Scored, Side, TOP, Task},
    words::Cutter,
};

/// Tickets that are submitted at once.
const BATCH: usize = 5_000;
/// Text commits that are waited for while tickets arrive, and while they change.
pub(crate) const COMMITS: (u64, u64) = (20, 5);
const PATIENCE: Duration = Duration::from_hours(6);
const ROLE: &str = "grid";

/// A tenant with all tickets, and a snapshot of it.
#[derive(Debug)]
pub(crate) struct Ours {
    engine: Engine,
    tenant: Arc<Tenant>,
    snapshot: Arc<Snapshot>,
    place: PathBuf,
    asked: Option<Asked>,
}

/// What is asked next.
#[derive(Debug)]
struct Asked {
    access: Access,
    top: Query,
    newest: Query,
}

/// The id of the principal who has the scope `label` of a variant.
pub(crate) fn principal(reach: &Reach, variant: usize) -> String {
    format!("{} {variant}", reach.label)
}

impl Ours {
    /// Gives the tickets with their history to a tenant below `place`, and counts what is in them.
    ///
    /// # Errors
    /// If the data cannot be read or the tenant refuses it.
    pub(crate) fn build(data: &Data, place: &Path) -> Result<(Self, Census)> {
        let mut census = Census::default();
        let mut cutter = Cutter::new();
        for ticket in data.tickets()? {
            census.add(&ticket?, &mut cutter);
        }
        let ours = Self::open(place)?;
        let role =
            RoleFact { id: ROLE.into(), verbs: vec![("view".into(), ExprSource::Text("group in my.groups".into()))] };
        ours.submit(vec![Change::state(Fact::Role(role))])?;
        let arrivals = data.arrivals()?.map(|ticket| Ok(ticket?.change()));
        let updates = data.updates()?.map(|update| update.map(|(first, last)| last.change_from(&first)));
        ours.feed(arrivals, u64::from(census.tickets) / COMMITS.0)?;
        ours.feed(updates, u64::from(census.tickets) / 4 / COMMITS.1)?;
        ours.settled().map(|ours| (ours, census))
    }

    /// The tenant below `place`, with nothing in its caches.
    ///
    /// # Errors
    /// If its files cannot be opened.
    pub(crate) fn open(place: &Path) -> Result<Self> {
        let engine = Engine::open(place)?;
        let tenant = engine.tenant_or_create(&TenantId::parse("grid")?)?;
        let ours = Self { snapshot: tenant.snapshot(), engine, tenant, place: place.to_owned(), asked: None };
        ours.settled()
    }

    fn settled(mut self) -> Result<Self> {
        self.wait_for_text()?;
        self.snapshot = self.tenant.snapshot();
        Ok(self)
    }

    fn wait_for_text(&self) -> Result<()> {
        ensure!(self.tenant.wait_for_text(self.tenant.snapshot().opstamp(), PATIENCE), "the text is not indexed");
        Ok(())
    }

    fn submit(&self, changes: Vec<Change>) -> Result<()> {
        let ack = self.tenant.submit(changes)?;
        ensure!(ack.refused.is_empty(), "changes are refused");
        Ok(())
    }

    fn feed(&self, changes: impl Iterator<Item = Result<Change>>, commit_every: u64) -> Result<()> {
        let mut batch = Vec::with_capacity(BATCH);
        for (number, change) in (1..).zip(changes) {
            batch.push(change?);
            let is_commit = number % commit_every.max(1) == 0;
            if batch.len() == BATCH || is_commit {
                self.submit(std::mem::take(&mut batch))?;
            }
            if is_commit {
                self.wait_for_text()?;
            }
        }
        self.submit(batch)
    }

    /// Makes a principal for each scope of a variant.
    ///
    /// # Errors
    /// If the tenant refuses them.
    pub(crate) fn hire(&mut self, reaches: &[Reach], variant: usize) -> Result<()> {
        let mut changes = Vec::new();
        for reach in reaches {
            let Some(groups) = &reach.groups else { continue };
            let id: Arc<str> = principal(reach, variant).into();
            changes.push(Change::state(Fact::Principal(PrincipalFact {
                id: Arc::clone(&id),
                role: Some(ROLE.into()),
                active: true,
                name: None,
                email: None,
                locale: None,
                time_zone: None,
            })));
            changes.extend(groups.iter().map(|group| {
                let (principal, rel, value) = (Arc::clone(&id), "groups".into(), Arc::clone(group));
                Change::state(Fact::Rel(RelFact { principal, rel, value, level: None }))
            }));
        }
        self.submit(changes)?;
        self.snapshot = self.tenant.snapshot();
        Ok(())
    }

    /// What the principal with a scope may see; public text alone, for that is what the others hold.
    ///
    /// # Errors
    /// If nobody was hired for it.
    pub(crate) fn access(&self, reach: &Reach, variant: usize) -> Result<Access> {
        if reach.groups.is_none() {
            return Ok(Access::from(Scope::admin()));
        }
        let access = self.snapshot.access(&principal(reach, variant)).context("ask as one of the grid")?;
        Ok(Access::from(access.view))
    }

    /// The snapshot that is asked.
    pub(crate) fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// The tickets that a question finds, as keys with the time of their last change, ascending.
    ///
    /// # Errors
    /// If it cannot be answered.
    pub(crate) fn matching(&self, reach: &Reach, question: &Question) -> Result<Vec<(i64, i64)>> {
        let found = ticketscope_engine::query::matching(&self.snapshot, self.access(reach, 0)?, &query(question))?;
        let index = self.snapshot.index();
        let updated = index.field(fields::UPDATED_AT).context("tickets have a time")?;
        let keys = found.iter().map(|ord| match index.key(TicketOrd(ord)) {
            TicketKey::Int(key) => Ok((key, updated.number(ord).context("every ticket has a time")?)),
            TicketKey::Text(text) => bail!("{text} is no integer"),
        });
        let mut keys = keys.collect::<Result<Vec<_>>>()?;
        keys.sort_unstable();
        Ok(keys)
    }

    /// Documents and deleted documents of each segment of the text index.
    ///
    /// # Errors
    /// If the index cannot be read beside the tenant.
    pub(crate) fn segments(&self) -> Result<Vec<(u32, u32)>> {
        let index = Index::open_in_dir(self.place.join("tenants/grid/text"))?;
        Ok(index.searchable_segment_metas()?.iter().map(|meta| (meta.num_docs(), meta.num_deleted_docs())).collect())
    }

    /// Writes what is open and lets the directory go.
    ///
    /// # Errors
    /// If the last snapshot cannot be written.
    pub(crate) fn close(self) -> Result<()> {
        drop((self.snapshot, self.tenant));
        Ok(self.engine.close()?)
    }

    fn list(&self, query: &Query, limit: usize) -> Result<(Vec<i64>, u64), Failure> {
        let asked = self.asked()?;
        let page = page(limit);
        let list = list_keys(&self.snapshot, &asked.access, query, &page).map_err(anyhow::Error::from)?;
        let key = |key: TicketKey| match key {
            TicketKey::Int(key) => key,
            TicketKey::Text(_) => i64::MIN,
        };
        Ok((list.keys.into_iter().map(key).collect(), u64::from(list.total)))
    }

    /// Compares what every plan lists of what was prepared with what is timed.
    ///
    /// # Errors
    /// Names the plan that lists otherwise.
    pub(crate) fn compare_plans(&self) -> Result<()> {
        let asked = self.asked()?;
        for (query, limit) in [(&asked.top, TOP), (&asked.newest, NEWEST)] {
            let page = page(limit);
            let timed = list_keys(&self.snapshot, &asked.access, query, &page)?;
            let mut scores = None;
            // An order of the scope, once made, would be there for what is timed: it is compared where it is chosen.
            for plan in plans(query).into_iter().filter(|plan| *plan != ListPlan::ScopeOrder) {
                let listed = list_with(&self.snapshot, &asked.access, query, &page, plan)?;
                let keys = listed.hits.iter().map(|hit| &hit.key);
                let is_same = listed.total == timed.total && keys.eq(&timed.keys);
                ensure!(is_same, "{plan:?} lists other tickets than {:?}, which is chosen", timed.plan);
                let bits: Vec<_> = listed.hits.iter().map(|hit| hit.score.map(f32::to_bits)).collect();
                ensure!(*scores.get_or_insert_with(|| bits.clone()) == bits, "{plan:?} scores otherwise");
            }
        }
        Ok(())
    }

    fn asked(&self) -> Result<&Asked> {
        self.asked.as_ref().context("nothing was prepared")
    }
}

/// A first page.
pub(crate) fn page(limit: usize) -> ticketscope_engine::query::Page {
    let limit = u32::try_from(limit).expect("pages are short");
    ticketscope_engine::query::Page {
        start: Start::First,
        limit,
        asker: "grid".to_owned(),
        now: ticketscope_benches::ask::NOW,
    }
}

/// A question as a query.
pub(crate) fn query(question: &Question) -> Query {
    let clause = |pattern| WordClause::new(WordScope::Anywhere, pattern);
    let word = |word: &str| WordPattern::Word(word.into());
    let everything = Query::everything();
    match &question.shape {
        Shape::Word(only) => everything.and_word(clause(word(&only.surface))),
        Shape::Both([a, b]) => everything.and_word(clause(word(&a.surface))).and_word(clause(word(&b.surface))),
        Shape::Any(words) => {
            let any_of = words.iter().map(|any| word(&any.surface)).collect();
            everything.and_word(WordClause { any_of, ..clause(word("")) })
        }
        Shape::Phrase(words) => {
            let words = words.iter().map(|word| word.as_str().into()).collect();
            everything.and_word(clause(WordPattern::Phrase(words)))
        }
        Shape::Prefix(beginning) => everything.and_word(clause(WordPattern::Prefix(beginning.as_str().into()))),
        Shape::Not([with, without]) => {
            everything.and_word(clause(word(&with.surface))).and_word(clause(word(&without.surface)).negate())
        }
        Shape::Filter(values) => values.iter().fold(everything, |query, (column, value)| {
            query.and(Clause::one_of(field(*column), vec![Pattern::Value(ValuePattern::literal(value))]))
        }),
        Shape::Everything => everything,
    }
}

fn field(column: Column) -> FieldId {
    match column {
        Column::Status => fields::STATUS,
        Column::Priority => fields::PRIORITY,
        Column::Tags => fields::TAGS,
    }
}

impl Side for Ours {
    fn name(&self) -> &'static str {
        "ours"
    }

    fn prepare(&mut self, reach: &Reach, question: &Question) -> Result<(), Failure> {
        let top = query(question);
        let newest = top.clone().ordered(Sort::default());
        self.asked = Some(Asked { access: self.access(reach, 0)?, top, newest });
        Ok(())
    }

    fn answer(&mut self, task: Task) -> Result<Answer, Failure> {
        let asked = self.asked()?;
        let unscored = |keys: Vec<i64>| -> Vec<Scored> { keys.into_iter().map(|key| (key, 0.0)).collect() };
        Ok(match task {
            Task::Top => Answer::Top(unscored(self.list(&asked.top, TOP)?.0)),
            Task::TopAndTotal => {
                let (keys, total) = self.list(&asked.top, TOP)?;
                Answer::TopAndTotal(unscored(keys), total)
            }
            Task::Newest => Answer::Newest(self.list(&asked.newest, NEWEST)?.0),
            Task::Count => {
                let found = count(&self.snapshot, &asked.access, &asked.top).map_err(anyhow::Error::from)?;
                Answer::Count(u64::from(found))
            }
            Task::Groups => {
                let (_, mut facets) = facets(&self.snapshot, &asked.access, &asked.top, &[fields::GROUP], usize::MAX)
                    .map_err(anyhow::Error::from)?;
                let rows = facets.remove(0).rows.into_iter();
                Answer::Groups(rows.filter_map(|row| Some((row.value?, u64::from(row.count)))).collect())
            }
        })
    }
}
