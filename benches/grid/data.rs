//! Where the tickets come from, and the history in which every side that can have one gets them.

use std::{path::PathBuf, sync::Arc};

use anyhow::Result;

use crate::{
    fitted, lines,
    ticket::{Ticket, Version},
};

/// The tickets of one run. They are streamed: no side holds them all in memory.
#[derive(Debug, Clone)]
pub(crate) enum Data {
    /// Made up.
    Fitted {
        /// How many.
        tickets: u64,
    },
    /// Of a file in the plain ticket format.
    Lines(PathBuf),
}

const SEED: u64 = 5;

impl Data {
    /// For people to read.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Fitted { tickets } => format!("{tickets} generated tickets, seed {SEED}"),
            Self::Lines(path) => {
                let path = path.canonicalize().unwrap_or_else(|_| path.clone());
                let name = |path: &std::path::Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
                let folder = path.parent().and_then(name).unwrap_or_default();
                format!("{folder}/{}", name(&path).unwrap_or_default())
            }
        }
    }

    /// Every ticket with its history.
    ///
    /// # Errors
    /// For a file that cannot be read; the iterator, for a line that is no ticket.
    pub(crate) fn versions(&self) -> Result<impl Iterator<Item = Result<Version>>> {
        let tickets: Box<dyn Iterator<Item = Result<Ticket>>> = match self {
            Self::Fitted { tickets } => Box::new(fitted::Tickets::new(SEED, *tickets).map(Ok)),
            Self::Lines(path) => Box::new(lines::read(path)?),
        };
        // A ticket that changes its group was in that of its neighbour before.
        let mut before: Option<Arc<str>> = None;
        Ok((0..).zip(tickets).map(move |(number, ticket)| {
            let ticket = ticket?;
            let group = before.replace(Arc::clone(&ticket.group)).unwrap_or_else(|| Arc::clone(&ticket.group));
            Ok(Version::of(ticket, number, &group))
        }))
    }

    /// Every ticket as it is in the end.
    ///
    /// # Errors
    /// As of [`Self::versions`].
    pub(crate) fn tickets(&self) -> Result<impl Iterator<Item = Result<Ticket>>> {
        Ok(self.versions()?.map(|version| Ok(version?.last)))
    }

    /// The tickets as they first come.
    ///
    /// # Errors
    /// As of [`Self::versions`].
    pub(crate) fn arrivals(&self) -> Result<impl Iterator<Item = Result<Ticket>>> {
        Ok(self.versions()?.map(|version| version.map(|version| version.first.unwrap_or(version.last))))
    }

    /// The tickets that change later, as they first came and as they are then.
    ///
    /// # Errors
    /// As of [`Self::versions`].
    pub(crate) fn updates(&self) -> Result<impl Iterator<Item = Result<(Ticket, Ticket)>>> {
        let changed = self.versions()?.filter_map(|version| match version {
            Ok(Version { last, first }) => first.map(|first| Ok((first, last))),
            Err(error) => Some(Err(error)),
        });
        Ok(changed)
    }
}
