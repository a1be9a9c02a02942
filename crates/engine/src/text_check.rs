//! Whether the text index says what the texts say.

use std::{path::Path, time::Duration};

use query::text::{Form, TextDefect, TextError, TextField, TextIndex};
use storage::ReadError;
use thiserror::Error;
use ticketscope_query as query;
use ticketscope_storage as storage;

use crate::{
    RecoverError, Tenant,
    text_source::{Stored, TextFault, all, identity, mark},
    text_worker::Checked,
    trouble::chain,
};

/// How long one file may take to be checked.
const FILE_PATIENCE: Duration = Duration::from_mins(1);

/// Differences that are told.
const TOLD: usize = 20;

/// Why the text index could not be checked. What is wrong with it is no error but in [`TextVerification::differences`].
#[derive(Debug, Error)]
pub enum VerifyTextError {
    /// The texts cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The rows of the texts are not of the form they should have.
    #[error(transparent)]
    Recover(#[from] RecoverError),
    /// The index to compare with cannot be made.
    #[error("make the text index anew to compare with")]
    Make(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The index in force cannot be read.
    #[error("read the text index")]
    Index(#[from] TextError),
}

/// What a check of the text index looked at and found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TextVerification {
    /// Files of the index of which every byte was checked.
    pub files: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Tickets that have words.
    pub tickets: u64,
    /// Words as written, of all fields.
    pub words: u64,
    /// What is damaged, or other than the texts say; some of it at most.
    pub differences: Vec<String>,
}

impl Tenant {
    /// Checks every file of the text index, and compares it with one that is made anew of the texts in the empty directory
    /// `scratch`: the tickets, every word of every field and in how many tickets it stands, and the lengths. Exact only
    /// while nothing is written and everything is indexed; takes as long as indexing everything.
    ///
    /// # Errors
    /// [`VerifyTextError`] if it cannot be checked.
    pub fn verify_text(&self, scratch: &Path) -> Result<TextVerification, VerifyTextError> {
        let mut verification = TextVerification::default();
        // The pass in the background waits meanwhile.
        let checking = self.shared().text.checking.lock();
        let check = self.shared().text.begin_check();
        loop {
            match self.shared().text.check_file(check, FILE_PATIENCE) {
                Checked::Whole(bytes) => {
                    verification.files += 1;
                    verification.bytes += bytes;
                }
                Checked::Waiting => {}
                Checked::Damaged(what) => {
                    verification.differences.push(what);
                    return Ok(verification);
                }
                Checked::End => break,
            }
        }
        drop(checking);
        let view = self.view()?;
        let snapshot = view.snapshot();
        let unmakeable = |error: &dyn std::error::Error| VerifyTextError::Make(chain(error).into());
        let defective = |error: TextDefect| unmakeable(&error);
        let mut anew = TextIndex::open(scratch, identity(self.shared(), snapshot)).map_err(defective)?;
        let reader = view.reader()?;
        let texts = Stored { worker: &self.shared().text, reader };
        let tickets: Vec<u32> = all(reader).map_err(|fault| unmakeable(&fault))?.iter().collect();
        anew.write(&tickets, &texts).map_err(|fault: TextFault| unmakeable(&fault))?;
        let expected = anew.commit(mark(reader)?)?;
        verification.tickets = expected.tickets().len().into();
        let Some(found) = snapshot.text().view() else {
            verification.differences.push("words cannot be asked for".to_owned());
            return Ok(verification);
        };
        let same = found.tickets().iter().eq(expected.tickets().iter());
        verification.note(same, || "the text index holds other tickets than have words".to_owned());
        for field in TextField::ALL {
            for form in [Form::Stem, Form::Surface] {
                let all = expected.tickets();
                let (is, should) = (found.length(field, form, all)?, expected.length(field, form, all)?);
                verification.note(is == should, || format!("{field:?} {form:?}: {is} words are indexed, not {should}"));
            }
            let words = |index: &query::text::TextView| index.words(&[(field, expected.tickets())], "", usize::MAX);
            let (is, should) = (words(found)?, words(&expected)?);
            verification.words += should.len() as u64;
            if let Some((is, should)) = is.iter().zip(&should).find(|(is, should)| is != should) {
                verification.note(false, || format!("{field:?}: {is:?} is indexed where {should:?} is written"));
            }
            verification.note(is.len() == should.len(), || {
                format!("{field:?}: {} words are indexed, not {}", is.len(), should.len())
            });
        }
        Ok(verification)
    }
}

impl TextVerification {
    fn note(&mut self, is_so: bool, what: impl FnOnce() -> String) {
        if !is_so && self.differences.len() < TOLD {
            self.differences.push(what());
        }
    }
}
