//! Writes the golden files of the format's current version anew. Only for a new version: files of a version that was
//! released are never changed, for they are what proves that old data still opens.
//!
//! `cargo run -p ticketscope-storage --example golden`

use std::fs;

use ticketscope_storage::DataDir;

mod content;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    if fs::exists(content::DIR)? {
        fs::remove_dir_all(content::DIR)?;
    }
    content::write_tenant(&DataDir::open(content::DIR)?)?.compact()?;
    // Every opening makes it.
    Ok(fs::remove_file(format!("{}/LOCK", content::DIR))?)
}
