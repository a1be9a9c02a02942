use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

use serde_json::Value;
use thiserror::Error;
use ticketscope_model::{ExprSource, RoleFact, Schema};

use crate::{Role, RoleError};

/// A role as a help desk product defines it. Its name has a dot: the product, then the role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preset {
    product: Arc<str>,
    verified: Verified,
    note: Arc<str>,
    role: Role,
    sources: Vec<(Arc<str>, Arc<str>)>,
}

/// How far the reading of a product's rule was checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verified {
    /// The product's own documentation says so.
    Doc,
    /// The product's source code does so.
    Src,
    /// The documents that this project starts from say so.
    Mission,
    /// Our reading; nobody says so.
    Infer,
    /// No source was found.
    Unverified,
}

impl Preset {
    /// Its name, under which principals hold it.
    pub fn id(&self) -> &Arc<str> {
        self.role.id()
    }

    /// The product family.
    pub fn product(&self) -> &Arc<str> {
        &self.product
    }

    /// How far it was checked.
    pub fn verified(&self) -> Verified {
        self.verified
    }

    /// What it is, in a sentence.
    pub fn note(&self) -> &Arc<str> {
        &self.note
    }

    /// The role itself.
    pub fn role(&self) -> &Role {
        &self.role
    }

    /// Its verbs as the preset file writes them.
    pub fn sources(&self) -> &[(Arc<str>, Arc<str>)] {
        &self.sources
    }
}

impl Verified {
    /// Every mark.
    pub const ALL: [Self; 5] = [Self::Doc, Self::Src, Self::Mission, Self::Infer, Self::Unverified];

    /// Its name in preset files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Doc => "doc",
            Self::Src => "src",
            Self::Mission => "mission",
            Self::Infer => "infer",
            Self::Unverified => "unverified",
        }
    }
}

/// Every preset, in order of names.
pub fn presets() -> impl Iterator<Item = &'static Preset> {
    all().values()
}

/// The preset called `id`.
pub fn preset(id: &str) -> Option<&'static Preset> {
    if id.contains('.') { all().get(id) } else { None }
}

macro_rules! files {
    ($($product:literal)*) => { [$(($product, include_str!(concat!("../presets/", $product, ".json")))),*] };
}

/// The preset files, one for each product family.
const FILES: [(&str, &str); 18] = files!(
    "chatwoot" "desku" "frappe" "freshdesk" "front" "generic" "helpscout" "intercom" "jira" "libredesk" "liveagent"
    "osticket" "rt" "servicenow" "uvdesk" "voximplant" "zammad" "zendesk"
);

fn all() -> &'static BTreeMap<Arc<str>, Preset> {
    static ALL: OnceLock<BTreeMap<Arc<str>, Preset>> = OnceLock::new();
    ALL.get_or_init(|| read_all().expect("the preset files are part of the program and a test reads each of them"))
}

/// Why a preset file is refused.
#[derive(Debug, Error)]
enum PresetError {
    #[error("{product}.json: {place} is missing or has another type")]
    Shape { product: &'static str, place: &'static str },
    #[error("{product}.json is no JSON")]
    Syntax { product: &'static str, source: serde_json::Error },
    #[error("{product}.json: preset `{id}` does not begin with the product, or stands there twice")]
    Id { product: &'static str, id: String },
    #[error("{product}.json")]
    Role { product: &'static str, source: RoleError },
}

fn read_all() -> Result<BTreeMap<Arc<str>, Preset>, PresetError> {
    let schema = Schema::builtin();
    let mut all = BTreeMap::new();
    for (product, text) in FILES {
        let file: Value = serde_json::from_str(text).map_err(|source| PresetError::Syntax { product, source })?;
        let list = file.get("presets").and_then(Value::as_array);
        for entry in list.ok_or(PresetError::Shape { product, place: "`presets`" })? {
            let preset = read(product, entry, &schema)?;
            let id = Arc::clone(preset.id());
            let own = id.strip_prefix(product).is_some_and(|rest| rest.starts_with('.'));
            if !own || all.insert(Arc::clone(&id), preset).is_some() {
                return Err(PresetError::Id { product, id: id.to_string() });
            }
        }
    }
    Ok(all)
}

fn read(product: &'static str, entry: &Value, schema: &Schema) -> Result<Preset, PresetError> {
    let missing = |place| PresetError::Shape { product, place };
    let text = |key, place| entry.get(key).and_then(Value::as_str).ok_or_else(|| missing(place));
    let mark = text("verified", "`verified`")?;
    let verified = Verified::ALL.into_iter().find(|known| known.name() == mark).ok_or_else(|| missing("`verified`"))?;
    let note = text("note", "`note`")?.into();
    let named = entry.get("verbs").and_then(Value::as_object).ok_or_else(|| missing("`verbs`"))?;
    let mut sources: Vec<(Arc<str>, Arc<str>)> = Vec::with_capacity(named.len());
    for (verb, expr) in named {
        sources.push((verb.as_str().into(), expr.as_str().ok_or_else(|| missing("an expression"))?.into()));
    }
    let verbs = sources.iter().map(|(verb, expr)| (Arc::clone(verb), ExprSource::Text(Arc::clone(expr)))).collect();
    let fact = RoleFact { id: text("id", "`id`")?.into(), verbs };
    let role = Role::read(&fact, schema).map_err(|source| PresetError::Role { product, source })?;
    Ok(Preset { product: product.into(), verified, note, role, sources })
}
