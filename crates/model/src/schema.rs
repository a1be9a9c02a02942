use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use thiserror::Error;

use crate::{
    FieldDecl, FieldDef, FieldId, FieldKind, RelationSide, SchemaDecl,
    relation::{MY_RELATIONS, TENANT_RELATIONS, canonical},
};

/// The id of the first custom field.
pub const FIRST_CUSTOM_FIELD: u16 = 256;

/// The most fields a tenant may have, built in and custom.
pub const MAX_FIELDS: usize = 4096;

macro_rules! builtin_fields {
    ($($id:literal $constant:ident $name:literal $kind:ident $many:literal $($order:expr)?;)*) => {
        /// The ids of the built-in fields.
        pub mod fields {
            use crate::FieldId;
            $(#[doc = concat!("`", $name, "`")] pub const $constant: FieldId = FieldId($id);)*
        }

        fn builtin() -> Vec<FieldDef> {
            vec![$(FieldDef {
                id: FieldId($id),
                name: $name.into(),
                kind: FieldKind::$kind,
                many: $many,
                order: builtin_fields!(@order $($order)?),
            }),*]
        }
    };
    (@order) => { &[] };
    (@order $order:expr) => { $order };
}

builtin_fields! {
    1 LIFE "life" Keyword false;
    2 GROUP "group" Keyword false;
    3 TEAM "team" Keyword false;
    4 DEPARTMENT "department" Tree false;
    5 INBOX "inbox" Keyword true;
    6 QUEUE "queue" Keyword false;
    7 CAMPAIGN "campaign" Keyword false;
    8 ORGANIZATION "organization" Keyword false;
    9 BRAND "brand" Keyword false;
    10 PROJECT "project" Keyword false;
    11 WORKSPACE "workspace" Keyword false;
    12 LEVEL "level" Keyword false;
    13 ASSIGNEE "assignee" Principal false;
    14 INTERNAL_AGENT "internal_agent" Principal false;
    15 REQUESTER "requester" Principal false;
    16 SUBMITTER "submitter" Principal false;
    17 CC "cc" Principal true;
    18 FOLLOWER "follower" Principal true;
    19 PARTICIPANT "participant" Principal true;
    20 MENTION "mention" Principal true;
    21 ADMINCC "admincc" Principal true;
    22 REF_AGENT "ref_agent" Principal true;
    23 REF_TEAM "ref_team" Keyword true;
    24 REF_DEPT "ref_dept" Tree true;
    25 COMMENTER "commenter" Principal true;
    26 STATUS "status" Keyword false &["new", "open", "pending", "hold", "solved", "closed"];
    27 STATE "state" Keyword false;
    28 CUSTOM_STATUS "custom_status" Keyword false;
    29 PRIORITY "priority" Keyword false &["low", "normal", "high", "urgent"];
    30 TYPE "type" Keyword false;
    31 TAGS "tags" Keyword true;
    32 FORM "form" Keyword false;
    33 CHANNEL "channel" Keyword false;
    34 LANGUAGE "language" Keyword false;
    35 SATISFACTION "satisfaction" Keyword false &["bad", "badwithcomment", "good", "goodwithcomment", "offered"];
    36 HAS_ATTACHMENT "has_attachment" Flag false;
    37 CREATED_AT "created_at" Date false;
    38 UPDATED_AT "updated_at" Date false;
    39 SOLVED_AT "solved_at" Date false;
    40 DUE_AT "due_at" Date false;
    41 COMMENTED_AT "commented_at" Date false;
    42 MERGED_INTO "merged_into" Keyword false;
    43 PARENT "parent" Keyword false;
    44 PROBLEM "problem" Keyword false;
    45 SHARING "sharing" Keyword true;
    46 EXTERNAL_ID "external_id" Keyword false;
    47 RECIPIENT "recipient" Keyword false;
    48 SUPPORT_TYPE "support_type" Keyword false;
    49 SUBJECT "subject" Text false;
    50 DESCRIPTION "description" Text false;
}

/// Names under which a field may also be written, in expressions, queries and files.
const ALIASES: &[(&str, &str)] = &[
    ("org", "organization"),
    ("dept", "department"),
    ("created", "created_at"),
    ("updated", "updated_at"),
    ("body", "description"),
    ("due", "due_at"),
    ("due_date", "due_at"),
    ("solved", "solved_at"),
    ("commented", "commented_at"),
    ("ticket_type", "type"),
    ("custom_status_id", "custom_status"),
    ("via", "channel"),
    ("watch_list", "cc"),
];

/// Which fields and relations a tenant knows: the built-in ones and those its schema lines declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schema {
    fields: Vec<FieldDef>,
    by_name: HashMap<Arc<str>, usize>,
    relations: HashMap<Arc<str>, RelationSide>,
    languages: BTreeSet<Arc<str>>,
}

/// The languages whose inflection text search knows, by their codes.
pub const LANGUAGES: [&str; 8] = ["en", "es", "fr", "de", "pl", "it", "pt", "nl"];

/// The language of a tenant that declares none.
const DEFAULT_LANGUAGE: &str = "en";

/// Why a declaration is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DeclareError {
    /// Names are `[a-z_][a-z0-9_]*`, 1 to 64 bytes.
    #[error("`{0}` is no name: use 1 to 64 lower-case letters, digits and `_`, not beginning with a digit")]
    Name(String),
    /// A field changes what its values are.
    #[error("field `{name}` is already declared as {kind}{}", if *.many { " (many)" } else { "" })]
    Conflict {
        /// The field.
        name: Arc<str>,
        /// What it is.
        kind: FieldKind,
        /// Whether it holds many.
        many: bool,
    },
    /// More than [`MAX_FIELDS`].
    #[error("a tenant may have at most {MAX_FIELDS} fields")]
    TooMany,
    /// Words in the way of the languages.
    #[error("`{0}` is a word of the query or scope language and cannot name a field")]
    Reserved(String),
    /// A language that text search does not know.
    #[error("`{0}` is no language that text search knows: declare some of {list}", list = LANGUAGES.join(", "))]
    Language(String),
}

/// Words that mean something else in a query or an expression.
const RESERVED: &[&str] = &[
    "order_by",
    "sort",
    "all",
    "none",
    "no",
    "in",
    "has",
    "me",
    "my",
    "tenant",
    "members",
    "under",
    "comment",
    "note",
    "fieldvalue",
    "attachment_name",
    "id",
    "k",
    "rev",
    "gone",
    "comments",
];

impl Schema {
    /// The schema of a tenant that has declared nothing.
    pub fn builtin() -> Self {
        let fields = builtin();
        let by_name = fields.iter().enumerate().map(|(at, field)| (Arc::clone(&field.name), at)).collect();
        let mut relations: HashMap<Arc<str>, RelationSide> =
            MY_RELATIONS.iter().map(|name| ((*name).into(), RelationSide::My)).collect();
        for name in TENANT_RELATIONS {
            relations
                .entry((*name).into())
                .and_modify(|side| *side = RelationSide::Both)
                .or_insert(RelationSide::Tenant);
        }
        Self { fields, by_name, relations, languages: BTreeSet::new() }
    }

    /// The field called `name`, by its name or an alias.
    pub fn field(&self, name: &str) -> Option<&FieldDef> {
        let canonical = ALIASES.iter().find(|(alias, _)| *alias == name).map_or(name, |(_, target)| target);
        self.by_name.get(canonical).and_then(|at| self.fields.get(*at))
    }

    /// The field with number `id`.
    pub fn by_id(&self, id: FieldId) -> Option<&FieldDef> {
        let guess = match usize::from(id.0) {
            custom if custom >= usize::from(FIRST_CUSTOM_FIELD) => {
                custom - usize::from(FIRST_CUSTOM_FIELD) + builtin_count(self)
            }
            builtin => builtin.checked_sub(1)?,
        };
        self.fields.get(guess).filter(|field| field.id == id)
    }

    /// Every field, built-in ones first.
    pub fn fields(&self) -> &[FieldDef] {
        &self.fields
    }

    /// The fields that the tenant declared, in order.
    pub fn custom_fields(&self) -> impl Iterator<Item = &FieldDef> {
        self.fields.iter().filter(|field| field.id.0 >= FIRST_CUSTOM_FIELD)
    }

    /// The canonical name of the relation called `name` and the side it may stand on, or nothing if it is unknown.
    pub fn relation(&self, name: &str) -> Option<(Arc<str>, RelationSide)> {
        self.relations.get_key_value(canonical(name)).map(|(name, side)| (Arc::clone(name), *side))
    }

    /// The names of all relations, sorted.
    pub fn relations(&self) -> Vec<(Arc<str>, RelationSide)> {
        let mut all: Vec<_> = self.relations.iter().map(|(name, side)| (Arc::clone(name), *side)).collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
    }

    /// The languages that the tenant's people write in, by their codes, sorted; English if none was declared.
    pub fn languages(&self) -> impl Iterator<Item = &str> {
        let default = self.languages.is_empty().then_some(DEFAULT_LANGUAGE);
        self.languages.iter().map(|code| &**code).chain(default)
    }

    /// The languages that were declared.
    pub fn declared_languages(&self) -> impl Iterator<Item = &Arc<str>> {
        self.languages.iter()
    }

    /// Adds what `decl` declares; what is already there in the same form changes nothing. A built-in keyword,
    /// principal or tree field may be redeclared with `many: true` (a help desk with several assignees); the caller
    /// checks that no ticket holds it yet.
    ///
    /// # Errors
    /// [`DeclareError`]; the schema is then unchanged.
    pub fn declare(&mut self, decl: &SchemaDecl) -> Result<(), DeclareError> {
        let mut next = self.clone();
        for field in &decl.fields {
            next.declare_field(field)?;
        }
        for name in &decl.relations {
            check_name(name)?;
            // Declared, it may stand on either side, also where it is built in on one.
            next.relations.insert(canonical(name).into(), RelationSide::Both);
        }
        for code in &decl.languages {
            if !LANGUAGES.contains(&&**code) {
                return Err(DeclareError::Language(code.chars().take(80).collect()));
            }
            next.languages.insert(Arc::clone(code));
        }
        *self = next;
        Ok(())
    }

    fn declare_field(&mut self, decl: &FieldDecl) -> Result<(), DeclareError> {
        check_name(&decl.name)?;
        if let Some(known) = self.field(&decl.name) {
            let conflict = DeclareError::Conflict { name: Arc::clone(&known.name), kind: known.kind, many: known.many };
            let at = known.id;
            if known.kind != decl.kind {
                return Err(conflict);
            }
            if decl.many && !known.many {
                if at.0 >= FIRST_CUSTOM_FIELD
                    || !matches!(known.kind, FieldKind::Keyword | FieldKind::Principal | FieldKind::Tree)
                {
                    return Err(conflict);
                }
                if let Some(field) = self.fields.iter_mut().find(|field| field.id == at) {
                    field.many = true;
                }
            }
            return Ok(());
        }
        if RESERVED.contains(&&*decl.name) {
            return Err(DeclareError::Reserved(decl.name.to_string()));
        }
        if self.fields.len() >= MAX_FIELDS {
            return Err(DeclareError::TooMany);
        }
        let custom = self.fields.len() - builtin_count(self);
        let id = FieldId(FIRST_CUSTOM_FIELD + u16::try_from(custom).ok().ok_or(DeclareError::TooMany)?);
        self.by_name.insert(Arc::clone(&decl.name), self.fields.len());
        let many = decl.many && decl.kind.is_keyword() && decl.kind != FieldKind::Flag;
        if decl.many && !many {
            return Err(DeclareError::Conflict { name: Arc::clone(&decl.name), kind: decl.kind, many: false });
        }
        self.fields.push(FieldDef { id, name: Arc::clone(&decl.name), kind: decl.kind, many, order: &[] });
        Ok(())
    }
}

fn builtin_count(schema: &Schema) -> usize {
    schema.fields.partition_point(|field| field.id.0 < FIRST_CUSTOM_FIELD)
}

fn check_name(name: &str) -> Result<(), DeclareError> {
    let letters = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_';
    let good = (1..=64).contains(&name.len()) && name.bytes().all(letters) && !name.as_bytes()[0].is_ascii_digit();
    if good { Ok(()) } else { Err(DeclareError::Name(name.chars().take(80).collect())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decl(name: &str, kind: FieldKind, many: bool) -> SchemaDecl {
        SchemaDecl { fields: vec![FieldDecl { name: name.into(), kind, many }], ..SchemaDecl::default() }
    }

    #[test]
    fn a_tenant_has_as_many_fields_as_the_limit_says_and_no_more() {
        let mut schema = Schema::builtin();
        for number in schema.fields().len()..MAX_FIELDS {
            schema.declare(&decl(&format!("f{number}"), FieldKind::Keyword, false)).unwrap();
        }
        assert_eq!(schema.declare(&decl("one_more", FieldKind::Keyword, false)), Err(DeclareError::TooMany));
        assert_eq!(schema.fields().len(), MAX_FIELDS);
    }

    #[test]
    fn every_field_is_found_by_name_and_number() {
        let mut schema = Schema::builtin();
        schema.declare(&decl("region", FieldKind::Tree, false)).unwrap();
        for field in schema.fields() {
            assert_eq!(schema.field(&field.name), Some(field));
            assert_eq!(schema.by_id(field.id), Some(field));
        }
        assert_eq!(schema.by_id(FieldId(0)), None);
        assert_eq!(schema.by_id(FieldId(255)), None);
        assert_eq!(schema.field("region").unwrap().id, FieldId(FIRST_CUSTOM_FIELD));
    }

    #[test]
    fn every_alias_names_a_field() {
        let schema = Schema::builtin();
        for (alias, name) in ALIASES {
            assert_eq!(&*schema.field(alias).unwrap().name, *name);
        }
    }

    #[test]
    fn a_declaration_holds_wholly_or_not_at_all() {
        let mut schema = Schema::builtin();
        let before = schema.clone();
        let mut bad = decl("good", FieldKind::Keyword, false);
        bad.fields.push(FieldDecl { name: "status".into(), kind: FieldKind::Date, many: false });
        assert!(matches!(schema.declare(&bad), Err(DeclareError::Conflict { .. })));
        assert_eq!(schema, before);
    }

    #[test]
    fn names_are_checked() {
        let mut schema = Schema::builtin();
        for name in ["", "Region", "1st", "a b", "caf\u{e9}", &"x".repeat(65)] {
            assert!(
                matches!(schema.declare(&decl(name, FieldKind::Keyword, false)), Err(DeclareError::Name(_))),
                "{name}"
            );
        }
        assert!(schema.declare(&decl(&"x".repeat(64), FieldKind::Keyword, false)).is_ok());
        assert!(schema.declare(&decl("custom_field_360", FieldKind::Keyword, false)).is_ok());
        assert_eq!(
            schema.declare(&decl("sort", FieldKind::Keyword, false)),
            Err(DeclareError::Reserved("sort".into()))
        );
    }

    #[test]
    fn a_built_in_field_may_become_many_but_not_another_kind() {
        let mut schema = Schema::builtin();
        schema.declare(&decl("assignee", FieldKind::Principal, true)).unwrap();
        assert!(schema.field("assignee").unwrap().many);
        assert!(schema.declare(&decl("assignee", FieldKind::Principal, false)).is_ok());
        assert!(schema.field("assignee").unwrap().many);
        assert!(schema.declare(&decl("created_at", FieldKind::Date, true)).is_err());
    }

    #[test]
    fn languages_add_up_and_unknown_ones_are_refused() {
        let languages = |codes: &[&str]| SchemaDecl {
            languages: codes.iter().map(|code| (*code).into()).collect(),
            ..SchemaDecl::default()
        };
        let mut schema = Schema::builtin();
        assert_eq!(schema.languages().collect::<Vec<_>>(), ["en"]);
        schema.declare(&languages(&["pl"])).unwrap();
        assert_eq!(schema.languages().collect::<Vec<_>>(), ["pl"]);
        schema.declare(&languages(&["en", "pl"])).unwrap();
        assert_eq!(schema.languages().collect::<Vec<_>>(), ["en", "pl"]);
        let before = schema.clone();
        assert_eq!(schema.declare(&languages(&["de", "tlh"])), Err(DeclareError::Language("tlh".into())));
        assert_eq!(schema, before);
    }

    #[test]
    fn relations_know_their_side() {
        let schema = Schema::builtin();
        assert_eq!(schema.relation("orgs"), Some(("organizations".into(), RelationSide::My)));
        assert_eq!(schema.relation("public_groups"), Some(("public_groups".into(), RelationSide::Tenant)));
        assert_eq!(schema.relation("shared_orgs"), Some(("shared_organizations".into(), RelationSide::Both)));
        assert_eq!(schema.relation("gruops"), None);
    }
}
