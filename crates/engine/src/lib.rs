//! Tenants, the single writer, publication and recovery; the only crate with threads and locks.
