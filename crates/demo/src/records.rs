//! What the desk consists of, as its files state it.

use std::sync::Arc;

use ticketscope_model::{ExprSource, RoleFact};

use crate::{
    data::DataError,
    language::Language,
    phrases::Topic,
    sections::{Section, rows, sections},
};

/// A file's name and text.
type File = (&'static str, &'static str);

/// A department, below another one or at the top.
#[derive(Debug)]
pub(crate) struct Department {
    pub(crate) id: Arc<str>,
    pub(crate) parent: Option<Arc<str>>,
}

/// A brand and its percentage of all tickets.
#[derive(Debug)]
pub(crate) struct Brand {
    pub(crate) id: Arc<str>,
    pub(crate) percent: u32,
}

/// A group of agents.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) id: Arc<str>,
    pub(crate) department: Arc<str>,
    pub(crate) public: bool,
    /// How many agents it has besides the cast.
    pub(crate) agents: usize,
    /// Whether employees write to it, rather than customers.
    pub(crate) internal: bool,
    /// What they write about, most frequent first.
    pub(crate) topics: Vec<Topic>,
}

/// A customer organization.
#[derive(Debug)]
pub(crate) struct Organization {
    pub(crate) id: Arc<str>,
    pub(crate) parent: Option<Arc<str>>,
    pub(crate) language: Language,
    /// Whether its customers see each other's tickets.
    pub(crate) shared: bool,
    pub(crate) name: &'static str,
}

/// Given and family names.
#[derive(Debug)]
pub(crate) struct Names {
    pub(crate) given: Vec<&'static str>,
    pub(crate) family: Vec<&'static str>,
}

/// Tags of tickets.
#[derive(Debug)]
pub(crate) struct Tags {
    /// That any ticket may have.
    pub(crate) any: Vec<Arc<str>>,
    /// For each topic.
    pub(crate) of: Vec<Vec<Arc<str>>>,
}

pub(crate) fn departments((file, text): File) -> Result<Vec<Department>, DataError> {
    let rows = rows::<2>(file, text)?;
    Ok(rows.into_iter().map(|[id, parent]| Department { id: id.into(), parent: optional(parent) }).collect())
}

pub(crate) fn brands((file, text): File) -> Result<Vec<Brand>, DataError> {
    let brand = |[id, percent]: [&'static str; 2]| Ok(Brand { id: id.into(), percent: number(file, percent)? });
    rows::<2>(file, text)?.into_iter().map(brand).collect()
}

/// The groups; `topics` receives the names of theirs, by number.
pub(crate) fn groups((file, text): File, topics: &mut Vec<&'static str>) -> Result<Vec<Group>, DataError> {
    let mut groups = Vec::new();
    for [id, department, public, agents, writers, about] in rows::<6>(file, text)? {
        let topic = |name| {
            let known = topics.iter().position(|known| *known == name);
            Topic(known.unwrap_or_else(|| {
                topics.push(name);
                topics.len() - 1
            }))
        };
        groups.push(Group {
            id: id.into(),
            department: department.into(),
            public: either(file, public, ["public", "private"])?,
            agents: number(file, agents)?,
            internal: either(file, writers, ["staff", "customers"])?,
            topics: about.split_whitespace().map(topic).collect(),
        });
    }
    Ok(groups)
}

pub(crate) fn organizations((file, text): File) -> Result<Vec<Organization>, DataError> {
    let organization = |[id, parent, language, shared, name]: [&'static str; 5]| {
        Ok(Organization {
            id: id.into(),
            parent: optional(parent),
            language: Language::tagged(language).ok_or(DataError::Value { file, value: language })?,
            shared: either(file, shared, ["shared", "own"])?,
            name,
        })
    };
    rows::<5>(file, text)?.into_iter().map(organization).collect()
}

/// Custom roles: a section each, a verb and its expression a line.
pub(crate) fn roles((file, text): File) -> Result<Vec<RoleFact>, DataError> {
    let verb = |line: &'static str| -> Result<(Arc<str>, ExprSource), DataError> {
        let (verb, expr) = line.split_once(" = ").ok_or(DataError::Value { file, value: line })?;
        Ok((verb.into(), ExprSource::Text(expr.into())))
    };
    let role = |section: Section| {
        let verbs = section.lines.into_iter().map(verb).collect::<Result<_, _>>()?;
        Ok(RoleFact { id: section.name.into(), verbs })
    };
    sections(file, text)?.into_iter().map(role).collect()
}

pub(crate) fn tags((file, text): File, topics: &[&str]) -> Result<Tags, DataError> {
    let sections = sections(file, text)?;
    let of = |name: &str| -> Result<Vec<Arc<str>>, DataError> {
        Ok(find(file, &sections, name)?.iter().map(|tag| (*tag).into()).collect())
    };
    Ok(Tags { any: of("any")?, of: topics.iter().map(|topic| of(topic)).collect::<Result<_, _>>()? })
}

/// The names of a language, from the sections of all.
pub(crate) fn names(sections: &[Section], language: Language) -> Result<Names, DataError> {
    let of = |kind| find("names.txt", sections, &format!("{}.{kind}", language.tag())).cloned();
    Ok(Names { given: of("given")?, family: of("family")? })
}

fn find<'s>(file: &'static str, sections: &'s [Section], name: &str) -> Result<&'s Vec<&'static str>, DataError> {
    let found = sections.iter().find(|section| section.name == name);
    found.map(|section| &section.lines).ok_or_else(|| DataError::MissingSection { file, section: name.to_owned() })
}

fn optional(column: &str) -> Option<Arc<str>> {
    if column.is_empty() { None } else { Some(column.into()) }
}

/// Whether a column says the first of two words rather than the second.
fn either(file: &'static str, value: &'static str, [yes, no]: [&str; 2]) -> Result<bool, DataError> {
    if value == yes || value == no { Ok(value == yes) } else { Err(DataError::Value { file, value }) }
}

fn number<T: std::str::FromStr>(file: &'static str, value: &'static str) -> Result<T, DataError> {
    value.parse().ok().ok_or(DataError::Value { file, value })
}
