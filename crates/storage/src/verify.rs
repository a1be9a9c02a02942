use ticketscope_model::Opstamp;

use crate::{
    Condition, Damaged, ReadError, RejectedSnapshot, Store, Table, VerifyError,
    error::Failure,
    integrity::{self, CheckError},
};

/// What [`Store::verify`] looked at and found.
#[derive(Debug)]
pub struct Verification {
    /// The last change of the view that was read.
    pub applied: Opstamp,
    /// State rows read.
    pub rows: u64,
    /// Log rows read.
    pub log_rows: u64,
    /// Mapped snapshots read.
    pub snapshots: u64,
    /// Damage in the database: of its pages, and the first of each table and of the log.
    pub damaged: Vec<Damaged>,
    /// Mapped snapshots that cannot be used.
    pub rejected: Vec<RejectedSnapshot>,
}

impl Verification {
    /// Whether nothing is wrong.
    pub fn is_intact(&self) -> bool {
        self.damaged.is_empty() && self.rejected.is_empty()
    }
}

impl Store {
    /// Reads everything: redb's check of its pages, every row of every table, the whole chain of the log, and every
    /// mapped snapshot. Linear in the tenant's bytes; nothing else reads or commits during the check of the pages.
    ///
    /// Damaged pages poison the store, since redb's check may have gone back to an older transaction.
    ///
    /// # Errors
    /// [`VerifyError`] if the check could not be made. Damage is no error but what the answer lists.
    pub fn verify(&self) -> Result<Verification, VerifyError> {
        match self.check_pages()? {
            Some(damaged) => Ok(Verification::of_damaged_pages(self.applied(), damaged)),
            None => self.verify_rows(),
        }
    }

    /// Everything but the pages.
    pub(crate) fn verify_rows(&self) -> Result<Verification, VerifyError> {
        let mut verification = Verification::nothing_yet(self.applied());
        let reader = match self.reader() {
            Ok(reader) => reader,
            Err(error) => {
                verification.note(Err(error))?;
                return Ok(verification);
            }
        };
        verification.applied = reader.applied();
        for table in Table::ALL {
            let rows = &mut verification.rows;
            let scanned = reader.scan::<ReadError>(table, |_, _| {
                *rows += 1;
                Ok(())
            });
            verification.note(scanned)?;
        }
        let log_rows = &mut verification.log_rows;
        let read = reader.log_after::<ReadError>(reader.meta().log_start.opstamp, |_, _| {
            *log_rows += 1;
            Ok(())
        });
        verification.note(read)?;
        (verification.snapshots, verification.rejected) = self.check_snapshots();
        Ok(verification)
    }

    /// redb's check, which needs the database for itself.
    fn check_pages(&self) -> Result<Option<Damaged>, VerifyError> {
        if self.condition() != Condition::Sound {
            return Err(VerifyError::Poisoned);
        }
        match integrity::check(&*self.disk, &mut self.database.write(), &self.dir) {
            Ok(()) => Ok(None),
            Err(CheckError::Failure(Failure::Damaged(damaged))) => {
                self.worsen(Condition::Damaged);
                Ok(Some(damaged))
            }
            Err(CheckError::Failure(Failure::Database(error))) => match *error {
                redb::Error::TransactionInProgress => Err(VerifyError::Busy),
                _ => Err(VerifyError::Database(error)),
            },
            Err(CheckError::File(error)) => Err(error.into()),
        }
    }
}

impl Verification {
    fn nothing_yet(applied: Opstamp) -> Self {
        Self { applied, rows: 0, log_rows: 0, snapshots: 0, damaged: Vec::new(), rejected: Vec::new() }
    }

    /// Of a database whose rows are not worth reading.
    pub(crate) fn of_damaged_pages(applied: Opstamp, damaged: Damaged) -> Self {
        Self { damaged: vec![damaged], ..Self::nothing_yet(applied) }
    }

    /// Lists the damage behind a read error; any other ends the verification.
    fn note(&mut self, outcome: Result<(), ReadError>) -> Result<(), VerifyError> {
        match outcome {
            Ok(()) => Ok(()),
            Err(ReadError::Damaged(damaged)) => {
                self.damaged.push(damaged);
                Ok(())
            }
            Err(ReadError::Database(error)) => Err(VerifyError::Database(error)),
            Err(ReadError::Poisoned | ReadError::Full) => Err(VerifyError::Poisoned),
            Err(ReadError::NotInLog { .. }) => unreachable!("the log is read from its own start"),
        }
    }
}
