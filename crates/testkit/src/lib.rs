//! The slow truth and the generators; development only.
