//! The files in `data/`, read once.

use std::{collections::HashSet, sync::OnceLock};

use thiserror::Error;
use ticketscope_model::RoleFact;

use crate::{
    cast::{self, CastMember},
    language::{Language, WRITTEN},
    phrases::Phrases,
    records::{self, Brand, Department, Group, Names, Organization, Tags},
    sections::{Section, sections},
};

/// Everything the desk is made of.
#[derive(Debug)]
pub(crate) struct Data {
    pub(crate) departments: Vec<Department>,
    pub(crate) brands: Vec<Brand>,
    /// Busiest first.
    pub(crate) groups: Vec<Group>,
    /// Busiest first, inside one language.
    pub(crate) organizations: Vec<Organization>,
    pub(crate) cast: Vec<CastMember>,
    pub(crate) roles: Vec<RoleFact>,
    /// For each topic.
    pub(crate) tags: Tags,
    /// For each language.
    pub(crate) names: Vec<Names>,
    /// For each language.
    pub(crate) phrases: Vec<Phrases>,
}

/// Why a data file is refused.
#[derive(Debug, Error)]
pub(crate) enum DataError {
    #[error("{file}: `{line}` stands above the first heading")]
    NoSection { file: &'static str, line: &'static str },
    #[error("{file}: section `{section}` is empty")]
    EmptySection { file: &'static str, section: &'static str },
    #[error("{file}: section `{section}` is missing")]
    MissingSection { file: &'static str, section: String },
    #[error("{file}: section `{section}` stands there twice")]
    TwiceSection { file: &'static str, section: &'static str },
    #[error("{file}: `{line}` does not have {expected} columns")]
    Columns { file: &'static str, line: &'static str, expected: usize },
    #[error("{file}: `{value}` is not what its column holds")]
    Value { file: &'static str, value: &'static str },
    #[error("{file}: the subjects, openings and replies of `{topic}` are not as many as each other")]
    Matters { file: &'static str, topic: &'static str },
    #[error("{file}: `{line}` names no fact and no section, or leaves a brace open")]
    Slot { file: &'static str, line: &'static str },
}

/// The text of a file in `data/`, with its name.
macro_rules! file {
    ($name:literal) => {
        ($name, include_str!(concat!("../data/", $name)))
    };
}

const SHARED: (&str, &str) = file!("shared.txt");

/// The phrases of each language, in the order of [`WRITTEN`].
const PROSE: [(&str, &str); WRITTEN.len()] = [
    file!("prose/en.txt"),
    file!("prose/es.txt"),
    file!("prose/fr.txt"),
    file!("prose/de.txt"),
    file!("prose/pl.txt"),
    file!("prose/it.txt"),
    file!("prose/pt.txt"),
    file!("prose/nl.txt"),
    file!("prose/ja.txt"),
];

/// The data, read at the first call.
pub(crate) fn data() -> &'static Data {
    static DATA: OnceLock<Data> = OnceLock::new();
    DATA.get_or_init(|| read().expect("the data files are part of the program and a test reads each of them"))
}

fn read() -> Result<Data, DataError> {
    let mut topics = Vec::new();
    let groups = records::groups(file!("groups.txt"), &mut topics)?;
    let shared = named_once(SHARED)?;
    let mut phrases = Vec::with_capacity(PROSE.len());
    for prose in PROSE {
        phrases.push(Phrases::read(prose.0, &named_once(prose)?, &shared, &topics)?);
    }
    let names = named_once(file!("names.txt"))?;
    Ok(Data {
        departments: records::departments(file!("departments.txt"))?,
        brands: records::brands(file!("brands.txt"))?,
        groups,
        organizations: records::organizations(file!("organizations.txt"))?,
        cast: cast::read(file!("cast.txt"))?,
        roles: records::roles(file!("roles.txt"))?,
        tags: records::tags(file!("tags.txt"), &topics)?,
        names: Language::all().map(|language| records::names(&names, language)).collect::<Result<_, _>>()?,
        phrases,
    })
}

/// The sections of a file, no two of the same name.
fn named_once((file, text): (&'static str, &'static str)) -> Result<Vec<Section>, DataError> {
    let sections = sections(file, text)?;
    let mut seen = HashSet::new();
    match sections.iter().find(|section| !seen.insert(section.name)) {
        Some(twice) => Err(DataError::TwiceSection { file, section: twice.name }),
        None => Ok(sections),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_read() {
        if let Err(error) = read() {
            panic!("{error}");
        }
    }
}
