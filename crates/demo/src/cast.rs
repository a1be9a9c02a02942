//! The people whom a tour of the desk is about.

use std::sync::Arc;

use ticketscope_model::{Member, PrincipalFact, RelFact};

use crate::{
    data::{DataError, data},
    language::Language,
    sections::rows,
};

/// Administrator: unrestricted, sees every ticket and every note.
pub const ANA: &str = "ana";
/// Agent of Tier 1 and Billing: sees the tickets of his groups, private notes included.
pub const BRUNO: &str = "bruno";
/// Account manager: sees the tickets of two customer organizations, whatever the group.
pub const CHLOE: &str = "chloe";
/// Supervisor: sees what the members of the three groups he leads are assigned.
pub const DMITRI: &str = "dmitri";
/// Light agent: sees exactly the tickets that [`BRUNO`] sees, but only their public text.
pub const ERIN: &str = "erin";
/// Agent of three logistics groups.
pub const FARID: &str = "farid";
/// Coordinator of a department and everything below it.
pub const GOSIA: &str = "gosia";
/// Trainee: sees only what he is assigned.
pub const HUGO: &str = "hugo";
/// Agent of Security incident response, a private group.
pub const INES: &str = "ines";
/// Suspended: sees nothing.
pub const JONAS: &str = "jonas";
/// Night shift: a custom role written as an expression.
pub const KIRA: &str = "kira";
/// Returns agent of one brand.
pub const LUISA: &str = "luisa";
/// Engineer with two groups, one of them to look at only.
pub const MAREK: &str = "marek";
/// A customer.
pub const NORA: &str = "nora";
/// Owner of the account: unrestricted.
pub const OSKAR: &str = "oskar";
/// Auditor: closed tickets of public groups, public text only.
pub const PRIYA: &str = "priya";

/// One of the people whom a tour is about. All of them are there in every desk.
#[derive(Debug)]
#[non_exhaustive]
pub struct CastMember {
    /// The principal's id.
    pub id: &'static str,
    /// Their name.
    pub name: &'static str,
    /// Their locale, BCP 47.
    pub locale: &'static str,
    /// Their time zone, an IANA name.
    pub time_zone: &'static str,
    /// Their role: with a dot a preset, without one a custom role of the desk.
    pub role: &'static str,
    /// Whether they may see anything at all.
    pub active: bool,
    /// Their relations: name, value, and the level where it is graded.
    pub relations: Vec<(&'static str, &'static str, Option<&'static str>)>,
    /// Who they are and what they see, in a sentence.
    pub line: &'static str,
}

/// The people whom a tour is about, [`ANA`] first.
pub fn cast() -> &'static [CastMember] {
    &data().cast
}

impl CastMember {
    /// Their e-mail address.
    pub fn email(&self) -> String {
        format!("{}@ferrowick.example", self.id)
    }

    /// The values of one of their relations.
    pub fn related(&self, rel: &str) -> impl Iterator<Item = &'static str> {
        self.relations.iter().filter(move |(name, ..)| *name == rel).map(|(_, value, _)| *value)
    }

    /// Their given name.
    pub(crate) fn given(&self) -> &'static str {
        self.name.split_once(' ').map_or(self.name, |(given, _)| given)
    }

    /// Whether tickets of their groups are assigned to them.
    pub(crate) fn answers(&self) -> bool {
        self.active && self.role != "light_agent"
    }

    pub(crate) fn principal(&self) -> PrincipalFact {
        PrincipalFact {
            id: self.id.into(),
            role: Some(self.role.into()),
            active: self.active,
            name: Some(self.name.into()),
            email: Some(self.email().into()),
            locale: Some(self.locale.into()),
            time_zone: Some(self.time_zone.into()),
        }
    }

    pub(crate) fn rels(&self) -> impl Iterator<Item = RelFact> {
        self.relations.iter().map(|(rel, value, level)| RelFact {
            principal: self.id.into(),
            rel: (*rel).into(),
            value: (*value).into(),
            level: level.map(Arc::from),
        })
    }

    /// In which groups they are, for those who lead these groups.
    pub(crate) fn members(&self) -> impl Iterator<Item = Member> {
        self.related("groups").map(|group| Member { group: group.into(), user: self.id.into() })
    }
}

/// Reads the file of the cast.
pub(crate) fn read((file, text): (&'static str, &'static str)) -> Result<Vec<CastMember>, DataError> {
    let relation = |text: &'static str| {
        let (rel, value) = text.split_once('=').ok_or(DataError::Value { file, value: text })?;
        let graded = value.split_once(':');
        Ok(graded.map_or((rel, value, None), |(value, level)| (rel, value, Some(level))))
    };
    let member = |[id, name, language, time_zone, role, state, relations, line]: [&'static str; 8]| {
        if Language::tagged(language).is_none() || !matches!(state, "active" | "suspended") {
            return Err(DataError::Value { file, value: line });
        }
        Ok(CastMember {
            id,
            name,
            locale: language,
            time_zone,
            role,
            active: state == "active",
            relations: relations.split_whitespace().map(relation).collect::<Result<_, _>>()?,
            line,
        })
    };
    rows::<8>(file, text)?.into_iter().map(member).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_with_a_name_in_the_code_is_there_once() {
        let named =
            [ANA, OSKAR, BRUNO, ERIN, CHLOE, DMITRI, FARID, GOSIA, HUGO, INES, JONAS, KIRA, LUISA, MAREK, PRIYA, NORA];
        let ids: Vec<_> = cast().iter().map(|member| member.id).collect();
        assert_eq!(ids, named);
    }

    #[test]
    fn a_level_follows_a_colon() {
        let file = ("f", "id | A B | en | UTC | r | active | groups=a groups_graded=b:read | A line.");
        let [member] = <[CastMember; 1]>::try_from(read(file).unwrap()).unwrap();
        assert_eq!(member.relations, [("groups", "a", None), ("groups_graded", "b", Some("read"))]);
        assert_eq!(member.related("groups").collect::<Vec<_>>(), ["a"]);
    }
}
