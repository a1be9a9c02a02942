//! tantivy, with the filters that a good engineer would write, and without any.

use std::{rc::Rc, sync::Arc};

use anyhow::{Context, Result};
use tantivy::{
    Order, Term,
    collector::{Collector, Count, FilterCollector, TopDocs},
    query::{AllQuery, BooleanQuery, ConstScoreQuery, Occur, PhraseQuery, Query, RegexQuery, TermQuery, TermSetQuery},
    schema::{Field, IndexRecordOption},
};

use crate::{
    bits::Bits,
    group_counts::GroupCounts,
    question::{Column, Question, Shape},
    reach::Reach,
    shelf::{GROUP, Shelf, UPDATED},
    side::{Answer, Failure, NEWEST, Side, TOP, Task},
};

/// How a query is held inside a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Filter {
    /// Not at all.
    None,
    /// By an inner query on the groups: text AND one of these terms.
    Terms,
    /// By the collector, which looks at the group of each document found.
    Column,
    /// By an inner query on a bit for each document, made beforehand.
    Bits,
}

impl Filter {
    /// Every filter.
    pub(crate) const ALL: [Self; 4] = [Self::None, Self::Terms, Self::Column, Self::Bits];

    /// The name of the side.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::None => "tantivy unrestricted",
            Self::Terms => "tantivy term set",
            Self::Column => "tantivy fast field",
            Self::Bits => "tantivy bitset",
        }
    }
}

/// tantivy with one filter.
pub(crate) struct Tantivy {
    shelf: Rc<Shelf>,
    filter: Filter,
    query: Box<dyn Query>,
    /// For each group whether it is seen, where the collector looks.
    allowed: Option<Arc<[bool]>>,
    /// The scope that `bits` belongs to.
    bits: Option<(&'static str, Bits)>,
}

impl Tantivy {
    /// A side that reads the shelf.
    pub(crate) fn new(shelf: Rc<Shelf>, filter: Filter) -> Self {
        Self { shelf, filter, query: Box::new(AllQuery), allowed: None, bits: None }
    }

    fn allowed(&self, reach: &Reach) -> Option<Vec<bool>> {
        let mut allowed = vec![false; self.shelf.census.groups.counts().len()];
        for group in reach.groups.as_ref()? {
            allowed[self.shelf.census.groups.code(group) as usize] = true;
        }
        Some(allowed)
    }

    /// The scope as a query, where it is one.
    fn restriction(&mut self, reach: &Reach) -> Result<Option<Box<dyn Query>>> {
        let Some(groups) = &reach.groups else { return Ok(None) };
        Ok(match self.filter {
            Filter::None | Filter::Column => None,
            Filter::Terms => {
                let field = self.shelf.fields.group;
                let code = |group| u64::from(self.shelf.census.groups.code(group));
                let terms = groups.iter().map(|group| Term::from_field_u64(field, code(group)));
                Some(Box::new(ConstScoreQuery::new(Box::new(TermSetQuery::new(terms)), 0.0)))
            }
            Filter::Bits => {
                if self.bits.as_ref().is_none_or(|(label, _)| *label != reach.label) {
                    let allowed = self.allowed(reach).unwrap_or_default();
                    self.bits = Some((reach.label, Bits::of(&self.shelf.searcher, &allowed)?));
                }
                self.bits.as_ref().map(|(_, bits)| Box::new(bits.clone()) as Box<dyn Query>)
            }
        })
    }

    fn search<C>(&self, collector: C) -> Result<C::Fruit>
    where
        C: Collector + Send + Sync,
    {
        match &self.allowed {
            None => self.shelf.search(&*self.query, &collector),
            Some(allowed) => {
                let allowed = Arc::clone(allowed);
                let sees = move |group: u64| allowed.get(group as usize) == Some(&true);
                self.shelf.search(&*self.query, &FilterCollector::new(GROUP.to_owned(), sees, collector))
            }
        }
    }
}

/// A question as a query on the same words.
fn question(shelf: &Shelf, question: &Question) -> Result<Box<dyn Query>> {
    let fields = shelf.fields;
    let stem = |stem: &str| -> Box<dyn Query> {
        Box::new(TermQuery::new(Term::from_field_text(fields.stems, stem), IndexRecordOption::WithFreqs))
    };
    let value = |column: Column, value: &str| -> Box<dyn Query> {
        let census = &shelf.census;
        let values = match column {
            Column::Status => &census.statuses,
            Column::Priority => &census.priorities,
            Column::Tags => &census.tags,
        };
        let term = code_term(fields.column(column), values.code(value));
        Box::new(TermQuery::new(term, IndexRecordOption::Basic))
    };
    Ok(match &question.shape {
        Shape::Word(word) => stem(&word.stem),
        Shape::Both(words) => {
            Box::new(BooleanQuery::new(words.iter().map(|word| (Occur::Must, stem(&word.stem))).collect()))
        }
        Shape::Any(words) => {
            Box::new(BooleanQuery::new(words.iter().map(|word| (Occur::Should, stem(&word.stem))).collect()))
        }
        Shape::Phrase(words) => {
            Box::new(PhraseQuery::new(words.iter().map(|word| Term::from_field_text(fields.surfaces, word)).collect()))
        }
        Shape::Prefix(beginning) => Box::new(RegexQuery::from_pattern(&format!("{beginning}.*"), fields.surfaces)?),
        Shape::Not([with, without]) => {
            Box::new(BooleanQuery::new(vec![(Occur::Must, stem(&with.stem)), (Occur::MustNot, stem(&without.stem))]))
        }
        Shape::Filter(values) => {
            let mut tests: Vec<_> = values.iter().map(|(column, text)| value(*column, text)).collect();
            if tests.len() == 1 {
                tests.remove(0)
            } else {
                Box::new(BooleanQuery::new(tests.into_iter().map(|test| (Occur::Must, test)).collect()))
            }
        }
        Shape::Everything => Box::new(AllQuery),
    })
}

fn code_term(field: Field, code: u32) -> Term {
    Term::from_field_u64(field, u64::from(code))
}

impl Side for Tantivy {
    fn name(&self) -> &'static str {
        self.filter.name()
    }

    fn is_restricted(&self) -> bool {
        self.filter != Filter::None
    }

    fn breaks_ties(&self) -> bool {
        false
    }

    fn prepare(&mut self, reach: &Reach, asked: &Question) -> Result<(), Failure> {
        let text = question(&self.shelf, asked)?;
        let restriction = self.restriction(reach)?;
        self.query = match restriction {
            None => text,
            // Alone it is the whole question.
            Some(scope) if matches!(asked.shape, Shape::Everything) => scope,
            Some(scope) => Box::new(BooleanQuery::new(vec![(Occur::Must, text), (Occur::Must, scope)])),
        };
        self.allowed = match self.filter {
            Filter::Column => self.allowed(reach).map(Into::into),
            Filter::None | Filter::Terms | Filter::Bits => None,
        };
        Ok(())
    }

    fn answer(&mut self, task: Task) -> Result<Answer, Failure> {
        let index = &self.shelf;
        let top = || TopDocs::with_limit(TOP).order_by_score();
        let keys = |found: Vec<(f32, tantivy::DocAddress)>| {
            found.into_iter().map(|(score, at)| (index.key(at), score)).collect()
        };
        let number = |count: usize| u64::try_from(count).context("a count");
        Ok(match task {
            Task::Top => Answer::Top(keys(self.search(top())?)),
            Task::TopAndTotal => {
                let (found, total) = self.search((top(), Count))?;
                Answer::TopAndTotal(keys(found), number(total)?)
            }
            Task::Newest => {
                let newest = TopDocs::with_limit(NEWEST).order_by_fast_field::<i64>(UPDATED, Order::Desc);
                Answer::Newest(self.search(newest)?.into_iter().map(|(_, at)| index.key(at)).collect())
            }
            Task::Count => Answer::Count(number(self.search(Count)?)?),
            Task::Groups => {
                let groups = index.census.groups.counts();
                let counts = self.search(GroupCounts { groups: groups.len() })?;
                let rows = groups.iter().zip(counts).filter(|(_, count)| *count > 0);
                Answer::Groups(rows.map(|((group, _), count)| (group.to_string(), count)).collect())
            }
        })
    }
}
