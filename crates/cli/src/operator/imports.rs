use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use ticketscope_engine::{Engine, ImportSession, Tenant, storage::TenantId};
use ticketscope_import::{Chunks, Format, Parser};
use ticketscope_model::{Change, Fact, Opstamp, Schema, SchemaDecl};

use super::{Answer, OTHER_VERSION, Refused, Totals};
use crate::{exit::Exit, failure::Failure, open};

/// Imports that go on at once.
const MAX_IMPORTS: usize = 16;

/// After so long without a word an import may give its place to another: its command has gone, or waits for a pipe.
const IDLE: Duration = Duration::from_mins(10);

/// How long the end of an import waits for words before it says that they are not found yet.
const WORDS: Duration = Duration::from_secs(10);

/// The imports that go on in a server, by number.
#[derive(Debug, Default)]
pub(super) struct Imports {
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    by_number: BTreeMap<u64, Import>,
}

/// What of an import outlives its batches.
#[derive(Debug, Clone)]
struct Import {
    tenant: TenantId,
    session: Arc<Mutex<ImportSession>>,
    format: Format,
    /// By which its current file is read: that of the tenant when the file began.
    schema: Arc<Schema>,
    heard: Instant,
}

impl Imports {
    pub(super) fn begin(
        &self,
        engine: &Engine,
        tenant: &str,
        languages: &[String],
        only_new: bool,
    ) -> Result<Answer, Failure> {
        let id = TenantId::parse(tenant).map_err(|error| Failure::of(Exit::Usage, "bad_tenant_id", &error))?;
        let number = self.make_room()?;
        let created = !engine.has_tenant(&id);
        let tenant = engine.tenant_or_create(&id)?;
        if only_new {
            require_empty(&tenant)?;
        }
        declare_languages(&tenant, languages)?;
        let import = Import {
            tenant: id,
            session: Arc::default(),
            format: Format::ScopeJsonl,
            schema: Arc::clone(tenant.snapshot().schema()),
            heard: Instant::now(),
        };
        self.known.lock().by_number.insert(number, import);
        Ok(Answer::ImportBegun { import: number, created })
    }

    /// The number of one more import.
    fn make_room(&self) -> Result<u64, Failure> {
        let mut known = self.known.lock();
        if known.by_number.len() >= MAX_IMPORTS {
            known.by_number.retain(|_, import| import.heard.elapsed() < IDLE);
        }
        if known.by_number.len() >= MAX_IMPORTS {
            let message = format!("{MAX_IMPORTS} imports go on already; wait until one has ended");
            return Err(Failure::new(Exit::Data, "busy", message));
        }
        Ok(fastrand::u64(..))
    }

    /// The import, heard of now.
    fn import(&self, number: u64) -> Result<Import, Failure> {
        let mut known = self.known.lock();
        let gone = || Failure::new(Exit::Data, "import_gone", "the server knows nothing of this import any more");
        let import = known.by_number.get_mut(&number).ok_or_else(gone)?;
        import.heard = Instant::now();
        Ok(import.clone())
    }

    /// The tenant of an import.
    pub(super) fn tenant(&self, number: u64) -> Option<TenantId> {
        self.import(number).ok().map(|import| import.tenant)
    }

    pub(super) fn begin_file(&self, engine: &Engine, number: u64, format: &str) -> Result<Answer, Failure> {
        let format = format.parse().map_err(|error| Failure::of(Exit::Usage, "usage", &error))?;
        let tenant = open::tenant_of(engine, &self.import(number)?.tenant)?;
        let schema = Arc::clone(tenant.snapshot().schema());
        let many = schema.fields().iter().filter(|field| field.many).map(|field| field.name.to_string()).collect();
        if let Some(import) = self.known.lock().by_number.get_mut(&number) {
            (import.format, import.schema) = (format, schema);
        }
        Ok(Answer::FileBegun { many })
    }

    pub(super) fn apply(
        &self,
        engine: &Engine,
        number: u64,
        until_refused: bool,
        lines: &[u8],
    ) -> Result<Answer, Failure> {
        let import = self.import(number)?;
        let tenant = open::tenant_of(engine, &import.tenant)?;
        let changes = import.changes(lines)?;
        let ack = if until_refused {
            tenant.submit_import_until_refused(changes, &import.session)
        } else {
            tenant.submit_import(changes, &import.session)
        }?;
        let refused = ack.refused.into_iter().map(Refused::from).collect();
        Ok(Answer::Applied { opstamp: ack.opstamp.0, refused })
    }

    pub(super) fn end(&self, engine: &Engine, number: u64) -> Result<Answer, Failure> {
        let tenant = open::tenant_of(engine, &self.import(number)?.tenant)?;
        let is_searchable = tenant.wait_for_text(tenant.snapshot().opstamp(), WORDS);
        if !is_searchable && let Some(failure) = tenant.stats()?.text.failure {
            self.known.lock().by_number.remove(&number);
            let message = format!("the text of this tenant cannot be indexed: {failure}");
            return Err(Failure::new(Exit::Data, "text_not_ready", message));
        }
        if is_searchable {
            self.known.lock().by_number.remove(&number);
        }
        Ok(Answer::ImportEnded { is_searchable, totals: Totals::of(&tenant) })
    }
}

impl Import {
    /// The change of each line.
    fn changes(&self, lines: &[u8]) -> Result<Vec<Change>, Failure> {
        let unread = |message: String| Failure::new(Exit::Internal, "lines", message).hint(OTHER_VERSION);
        let many = |field: &str| self.schema.field(field).is_some_and(|field| field.many);
        let parser = Parser::new(self.format, &many);
        let mut changes = Vec::new();
        for chunk in Chunks::new(lines).map_err(|error| unread(error.to_string()))? {
            let chunk = chunk.map_err(|error| unread(error.to_string()))?;
            for line in parser.lines(&chunk) {
                changes.push(line.change.map_err(|error| unread(error.to_string()))?);
            }
        }
        Ok(changes)
    }
}

impl Totals {
    /// What `tenant` has now.
    pub(crate) fn of(tenant: &Tenant) -> Self {
        let snapshot = tenant.snapshot();
        Self {
            tickets: snapshot.index().universe().len().into(),
            principals: snapshot.directory().counts().principals as u64,
            opstamp: snapshot.opstamp().0,
        }
    }
}

/// Refuses a tenant that holds anything.
pub(crate) fn require_empty(tenant: &Tenant) -> Result<(), Failure> {
    // The first batch is that by which the tenant began.
    if tenant.snapshot().opstamp() <= Opstamp(1) {
        return Ok(());
    }
    let message = format!("tenant `{}` is not empty", tenant.id());
    Err(Failure::new(Exit::Usage, "tenant_not_empty", message)
        .hint("a dump is loaded into a tenant that is new: name another; `import` adds to what there is"))
}

/// Says in which languages the people of `tenant` write, unless none are named.
pub(crate) fn declare_languages(tenant: &Tenant, languages: &[String]) -> Result<(), Failure> {
    if !languages.is_empty() {
        let languages = languages.iter().map(|code| code.as_str().into()).collect();
        tenant.submit(vec![Change::state(Fact::Schema(SchemaDecl { languages, ..SchemaDecl::default() }))])?;
    }
    Ok(())
}
