//! A tenant looked at as the next opening would find it, without changing anything.

use std::path::Path;

use bitmap::differences;
use model::Opstamp;
use query::text::{
    TextDefect, TextIdentity, TextIndex, TextMark,
    analysis::{Language, Languages},
};
use storage::{InspectedTenant, VerifyError};
use thiserror::Error;
use ticketscope_bitmap as bitmap;
use ticketscope_model as model;
use ticketscope_query as query;
use ticketscope_storage as storage;

use crate::{
    RecoverError, Recovery,
    state::{self, Recovered},
};

/// Why a tenant could not be looked at to the end.
#[derive(Debug, Error)]
pub enum InspectError {
    /// Its rows lead to no state: the next opening fails alike.
    #[error(transparent)]
    Recover(#[from] RecoverError),
    /// Its files could not be read.
    #[error(transparent)]
    Verify(#[from] VerifyError),
}

/// What the next opening of a tenant will find.
#[derive(Debug)]
pub struct TenantInspection {
    /// How it will be brought back.
    pub recovery: Recovery,
    /// Its tickets.
    pub tickets: u64,
    /// The last change that is durable.
    pub applied: Opstamp,
    /// Where the index that it begins with is not the one that its rows lead to; nothing else should ever be here.
    pub differences: Vec<String>,
    /// Its text index.
    pub text: TextInspection,
}

/// What the next opening will make of a text index.
#[derive(Debug)]
pub enum TextInspection {
    /// There is none, and none is needed.
    NotNeeded,
    /// There is none: it is made from the rows.
    Missing,
    /// It is whole. What came after this batch is added.
    Whole(Opstamp),
    /// It is of no use, put aside, and made anew from the rows.
    Useless(TextDefect),
}

/// Brings a tenant back in memory, compares its index with its rows, and checks the text index in the directory `text`.
/// Nothing is changed; linear in the tenant. A tenant without any change holds nothing to look at.
///
/// # Errors
/// [`InspectError`].
pub fn inspect(tenant: &InspectedTenant, text: Option<&Path>) -> Result<TenantInspection, InspectError> {
    let store = tenant.store();
    let applied = store.applied();
    if applied == Opstamp(0) {
        let (recovery, text) = (Recovery::default(), TextInspection::NotNeeded);
        return Ok(TenantInspection { recovery, tickets: 0, applied, differences: Vec::new(), text });
    }
    let Recovered { working, recovery, .. } = state::recover(store)?;
    let rebuilt = state::restore(store, &working.schema, working.index.ordinals())?;
    let texts = store.reader().and_then(|reader| reader.count(storage::Table::Texts)).map_err(RecoverError::from)?;
    let languages: Languages = working.schema.languages().filter_map(Language::parse).collect();
    let identity = TextIdentity { uuid: store.uuid().0, languages };
    let text = match text.map(|path| TextIndex::inspect(path, identity)) {
        None | Some(Ok(None)) if texts == 0 => TextInspection::NotNeeded,
        None | Some(Ok(None)) => TextInspection::Missing,
        Some(Ok(Some(TextMark { position, .. }))) if position > applied => TextInspection::Useless(TextDefect::Ahead),
        Some(Ok(Some(TextMark { position, .. }))) if position < store.log_start() && position > Opstamp(0) => {
            TextInspection::Useless(TextDefect::Behind)
        }
        Some(Ok(Some(TextMark { position, history }))) if position > Opstamp(0) => {
            let known = store.reader().and_then(|reader| reader.history(position)).map_err(RecoverError::from)?;
            if known == history { TextInspection::Whole(position) } else { TextInspection::Useless(TextDefect::Forked) }
        }
        Some(Ok(Some(TextMark { position, .. }))) => TextInspection::Whole(position),
        Some(Err(defect)) => TextInspection::Useless(defect),
    };
    Ok(TenantInspection {
        recovery,
        tickets: working.index.universe().len().into(),
        applied,
        differences: differences(&working.index, &rebuilt),
        text,
    })
}
