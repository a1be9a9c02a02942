//! What an import is applied to: a tenant of ours, or one of the server that holds the data directory.

use std::{collections::BTreeSet, sync::Arc};

use parking_lot::Mutex;
use ticketscope_engine::{ImportSession, Tenant, storage::TenantId};
use ticketscope_import::Format;
use ticketscope_model::{Change, Schema};

use crate::{
    data::Data,
    failure::Failure,
    open::{self, Opened},
    operator::{Answer, Ask, Refused, Remote, Totals, declare_languages, misunderstood, require_empty},
};

/// Where tenants are.
#[derive(Debug)]
pub(super) enum Place {
    Here(Opened),
    There(Remote),
}

impl Place {
    /// The data directory, or the server that holds it.
    pub(super) fn open(data: &Data) -> Result<Self, Failure> {
        match open::data_dir(data) {
            Err(locked) if locked.is_locked() => Remote::find(data, locked).map(Self::There),
            opened => opened.map(Self::Here),
        }
    }

    /// Begins an import into a tenant, which is made if there is none; whether it was.
    pub(super) fn begin(
        self,
        id: &TenantId,
        languages: Vec<String>,
        only_new: bool,
    ) -> Result<(Target, bool), Failure> {
        match self {
            Self::Here(engine) => {
                let created = !engine.has_tenant(id);
                let tenant = engine.tenant_or_create(id)?;
                if only_new {
                    require_empty(&tenant)?;
                }
                declare_languages(&tenant, &languages)?;
                Ok((Target::Here { engine, tenant, session: Arc::default() }, created))
            }
            Self::There(remote) => {
                let ask = Ask::BeginImport { tenant: id.to_string(), languages, only_new };
                let Answer::ImportBegun { import, created } = remote.ask(&ask, &[])? else {
                    return Err(misunderstood());
                };
                Ok((Target::There { remote, import, opstamp: None, totals: None }, created))
            }
        }
    }
}

/// A tenant that an import goes into.
#[derive(Debug)]
pub(super) enum Target {
    Here {
        engine: Opened,
        tenant: Arc<Tenant>,
        session: Arc<Mutex<ImportSession>>,
    },
    There {
        remote: Remote,
        import: u64,
        /// Of the last batch.
        opstamp: Option<u64>,
        /// Once the import has ended.
        totals: Option<Totals>,
    },
}

/// Which fields of a ticket hold many values: events of these add or remove one.
#[derive(Debug)]
pub(super) enum Many {
    Of(Arc<Schema>),
    /// By their names; what else they may be called is the same in every tenant.
    Named {
        names: BTreeSet<String>,
        builtin: Schema,
    },
}

impl Many {
    /// Whether the field that a line calls `field` does.
    pub(super) fn holds(&self, field: &str) -> bool {
        match self {
            Self::Of(schema) => schema.field(field).is_some_and(|field| field.many),
            Self::Named { names, builtin } => names.contains(builtin.field(field).map_or(field, |def| &*def.name)),
        }
    }
}

impl Target {
    /// Whether it takes lines as they are written.
    pub(super) fn takes_lines(&self) -> bool {
        matches!(self, Self::There { .. })
    }

    /// The lines that follow are of a file of this format.
    pub(super) fn begin_file(&mut self, format: Format) -> Result<Many, Failure> {
        match self {
            Self::Here { tenant, .. } => Ok(Many::Of(Arc::clone(tenant.snapshot().schema()))),
            Self::There { remote, import, .. } => {
                let ask = Ask::BeginFile { import: *import, format: format.name().to_owned() };
                match remote.ask(&ask, &[])? {
                    Answer::FileBegun { many } => {
                        Ok(Many::Named { names: many.into_iter().collect(), builtin: Schema::builtin() })
                    }
                    _ => Err(misunderstood()),
                }
            }
        }
    }

    /// Applies changes, which the lines state, but for those that are refused; none after the first of them
    /// if `until_refused`.
    pub(super) fn apply<'l>(
        &mut self,
        changes: Vec<Change>,
        lines: impl Iterator<Item = &'l [u8]>,
        until_refused: bool,
    ) -> Result<Vec<Refused>, Failure> {
        match self {
            Self::Here { tenant, session, .. } => {
                let ack = if until_refused {
                    tenant.submit_import_until_refused(changes, session)
                } else {
                    tenant.submit_import(changes, session)
                };
                Ok(ack?.refused.into_iter().map(Refused::from).collect())
            }
            Self::There { remote, import, opstamp, .. } => {
                let mut body = Vec::new();
                for line in lines {
                    body.extend_from_slice(line);
                    body.push(b'\n');
                }
                match remote.ask(&Ask::Apply { import: *import, until_refused }, &body)? {
                    Answer::Applied { opstamp: applied, refused }
                        if refused.iter().all(|refused| refused.at < changes.len()) =>
                    {
                        *opstamp = Some(applied);
                        Ok(refused)
                    }
                    _ => Err(misunderstood()),
                }
            }
        }
    }

    /// The opstamp of what was applied, as far as it is known.
    pub(super) fn opstamp(&self) -> Option<u64> {
        match self {
            Self::Here { tenant, .. } => Some(tenant.snapshot().opstamp().0),
            Self::There { opstamp, .. } => *opstamp,
        }
    }

    /// Ends the import: returns once its words are found.
    pub(super) fn end(&mut self) -> Result<(), Failure> {
        match self {
            // Closing brings the text index up to date.
            Self::Here { engine, .. } => Ok(engine.close()?),
            Self::There { remote, import, totals, .. } => loop {
                match remote.ask(&Ask::EndImport { import: *import }, &[])? {
                    Answer::ImportEnded { is_searchable, totals: told } => {
                        *totals = Some(told);
                        if is_searchable {
                            return Ok(());
                        }
                    }
                    _ => return Err(misunderstood()),
                }
            },
        }
    }

    /// What the tenant has now; unknown if the end of the import was not heard of.
    pub(super) fn totals(&self) -> Option<Totals> {
        match self {
            Self::Here { tenant, .. } => Some(Totals::of(tenant)),
            Self::There { totals, .. } => *totals,
        }
    }
}
