use std::sync::Arc;

use bitmap::{Index, SetExpr, TicketBatch, TicketSet, Touched};
use model::{Opstamp, Schema, TicketKey, TicketOrd};
use scope::{Directory, Scope, UnknownPrincipal};
use ticketscope_bitmap as bitmap;
use ticketscope_model as model;
use ticketscope_scope as scope;

use crate::{
    TextChanges, TextState,
    cache::{CachedScope, ScopeBytes, ScopeCache},
    lower::lower_scope,
};

/// Everything that one request reads: the tickets and the people of a tenant at one opstamp. Immutable; the engine
/// publishes a new one for each batch and hands out references.
#[derive(Debug)]
pub struct Snapshot {
    opstamp: Opstamp,
    schema: Arc<Schema>,
    index: Index,
    directory: Directory,
    cursor_secret: [u8; 32],
    text: TextState,
    pub(crate) cache: ScopeCache,
}

impl Snapshot {
    /// A snapshot without cached scopes and without text. `cursor_secret` authenticates the cursors of the tenant.
    pub fn new(
        opstamp: Opstamp,
        schema: Arc<Schema>,
        index: Index,
        directory: Directory,
        cursor_secret: [u8; 32],
    ) -> Self {
        let text = TextState::nowhere();
        Self { opstamp, schema, index, directory, cursor_secret, text, cache: ScopeCache::default() }
    }

    /// This snapshot without kept scopes, and with another bound on what its own and those of the snapshots after it take,
    /// in bytes: see [`crate::DEFAULT_SCOPE_BYTES`].
    #[must_use]
    pub fn with_scope_bytes(self, bytes: usize) -> Self {
        Self { cache: ScopeCache::new(bytes), ..self }
    }

    /// The snapshot after a batch: `index` is this one's with `touched` changed, `directory` is this one's unless the
    /// batch changed it, `texts` says whose text changed. Cached scopes are carried over and kept current ticket by ticket.
    #[must_use]
    pub fn next(
        &self,
        opstamp: Opstamp,
        schema: Arc<Schema>,
        index: Index,
        directory: Option<Directory>,
        touched: &Touched,
        texts: &TextChanges,
    ) -> Self {
        let cache = self.cache.follow(&self.index, &index, touched, directory.is_some());
        let directory = directory.unwrap_or_else(|| self.directory.clone());
        let text = self.text.after(texts);
        Self { opstamp, schema, index, directory, cursor_secret: self.cursor_secret, text, cache }
    }

    /// This snapshot with another state of the text.
    #[must_use]
    pub fn with_text(&self, text: TextState) -> Self {
        Self {
            opstamp: self.opstamp,
            schema: Arc::clone(&self.schema),
            index: self.index.clone(),
            directory: self.directory.clone(),
            cursor_secret: self.cursor_secret,
            text,
            cache: self.cache.share(),
        }
    }

    /// How far the text is.
    pub fn text(&self) -> &TextState {
        &self.text
    }

    /// The last batch that it shows.
    pub fn opstamp(&self) -> Opstamp {
        self.opstamp
    }

    /// The fields and relations of the tenant.
    pub fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// The tickets. Whoever reads it answers an admin or has gone through [`Self::visible`].
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// The people.
    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    pub(crate) fn cursor_secret(&self) -> &[u8; 32] {
        &self.cursor_secret
    }

    /// What `principal` may do with `verb`, from this snapshot's directory.
    ///
    /// # Errors
    /// [`UnknownPrincipal`]: nobody of that id.
    pub fn scope(&self, principal: &str, verb: &str) -> Result<Scope, UnknownPrincipal> {
        self.cache.scope_of(principal, verb, || self.directory.scope_of(principal, verb))
    }

    /// The tickets of a scope, evaluated once per snapshot and kept by content: principals with equal scopes share them.
    pub fn visible(&self, scope: &Scope) -> Arc<CachedScope> {
        self.cache.visible(scope, || self.index.eval(&lower_scope(&self.index, scope)))
    }

    /// The tickets of a scope, evaluated now and not kept: what [`Self::visible`] must equal.
    pub fn evaluate(&self, scope: &Scope) -> TicketSet {
        self.index.eval(&lower_scope(&self.index, scope))
    }

    /// The formula that a scope is evaluated by.
    pub fn formula(&self, scope: &Scope) -> SetExpr {
        lower_scope(&self.index, scope)
    }

    /// Whether the ticket with `key` exists and `principal` may `verb` it, judged from the parsed rule and this one
    /// ticket alone: absent and hidden are the same answer.
    ///
    /// # Errors
    /// [`UnknownPrincipal`]: nobody of that id.
    pub fn sees(&self, principal: &str, verb: &str, key: &TicketKey) -> Result<bool, UnknownPrincipal> {
        match self.index.find(key) {
            None => self.directory.scope_of(principal, verb).map(|_| false),
            Some(ord) => self.directory.point_check(principal, verb, &self.index.ticket(ord)),
        }
    }

    /// How many scopes are cached, and what they take. Linear in them.
    pub fn cached_scopes(&self) -> ScopeBytes {
        self.cache.bytes()
    }

    /// Whether `scope` covers ticket `ord`, from its columns.
    pub fn covers(&self, scope: &Scope, ord: TicketOrd) -> bool {
        scope.matches(&self.index.ticket(ord))
    }
}

/// Convenience for tests and tools that have no engine: the index of a batch applied to nothing.
pub fn index_of(schema: &Schema, batch: &TicketBatch) -> Index {
    let mut index = Index::new();
    index.apply(schema, batch);
    index
}
