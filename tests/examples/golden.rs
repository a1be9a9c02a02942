//! Writes the engine's golden files of the format's current version anew. Only for a new version: files of a version
//! that was released are never changed, for they are what proves that old data still opens.
//!
//! `cargo run -p ticketscope-tests --example golden`

use std::{error::Error, fs, path::Path};

use ticketscope_engine::Engine;
use ticketscope_model::Timestamp;
use ticketscope_storage::DataDir;
use ticketscope_tests::golden;

fn main() -> Result<(), Box<dyn Error>> {
    let dir = Path::new(golden::DIR);
    if dir.exists() {
        fs::remove_dir_all(dir)?;
    }
    let data = dir.join(golden::DATA);
    let engine = Engine::open(&data)?;
    let tenant = engine.create_tenant(&golden::id())?;
    for batch in golden::batches() {
        tenant.submit(batch)?;
    }
    fs::write(dir.join(golden::ACCOUNT), golden::account(&tenant))?;
    fs::write(dir.join(golden::DUMP), golden::dump(&tenant))?;
    engine.back_up(&[golden::id()], &dir.join(golden::BACKUP), Timestamp(0))?;
    drop(tenant);
    engine.close()?;
    drop(engine);
    fs::write(dir.join(golden::BYTES), golden::bytes(&data))?;
    let store = DataDir::open(&data)?;
    let store = store.open_tenant(&golden::id())?;
    store.compact()?;
    store.mark_clean()?;
    drop(store);
    // The text index is derived, and others own its form.
    let text = data.join("tenants").join(golden::id().as_str()).join("text");
    if text.exists() {
        fs::remove_dir_all(text)?;
    }
    // Every opening makes it.
    Ok(fs::remove_file(data.join("LOCK"))?)
}
