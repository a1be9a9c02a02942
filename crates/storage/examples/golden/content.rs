//! What the golden files of format version 2 hold. Shared by the program that writes them and the test that reads them.

use ticketscope_model::Opstamp;
use ticketscope_storage::{Batch, DataDir, Row, SnapshotError, Store, Table, TenantId, TenantIdError, TenantUuid};

/// Of the golden tenant.
pub(crate) const UUID: TenantUuid = TenantUuid(*b"golden tenant v1");

/// Where the golden files stand.
pub(crate) const DIR: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/format/v2");

/// The golden tenant's id.
///
/// # Errors
/// Never: the id is one.
pub(crate) fn id() -> Result<TenantId, TenantIdError> {
    TenantId::parse("golden")
}

/// The golden tenant's batches: every table, a deleted row, an empty value, values short and long enough to be
/// compressed.
pub(crate) fn batches() -> Vec<Batch> {
    let row =
        |table, key: &[u8], value: Option<&[u8]>| Row { table, key: key.to_vec(), value: value.map(<[u8]>::to_vec) };
    let long = b"the printer is on fire; ".repeat(40);
    vec![
        Batch {
            log: vec![(Opstamp(1), b"first".to_vec()), (Opstamp(2), Vec::new())],
            rows: vec![
                row(Table::Tickets, b"1", Some(b"open")),
                row(Table::Tickets, b"2", Some(b"gone soon")),
                row(Table::Texts, b"1/subject", Some(&long)),
                row(Table::Revs, b"", Some(b"empty key")),
            ],
        },
        Batch {
            log: vec![(Opstamp(3), long)],
            rows: vec![
                row(Table::Tickets, b"2", None),
                row(Table::Values, b"status", Some(b"")),
                row(Table::Facts, &[0, 255], Some(&[255, 0])),
            ],
        },
    ]
}

/// Up to where the golden tenant's log is cut.
pub(crate) const CUT: Opstamp = Opstamp(1);

/// The golden snapshot's opstamp.
pub(crate) const SNAPSHOT: Opstamp = Opstamp(2);

/// The golden snapshot's sections: shorter than, as long as and longer than the alignment, and empty.
pub(crate) fn sections() -> Vec<(u32, Vec<u8>)> {
    vec![(1, b"bitmaps".to_vec()), (2, vec![2; 64]), (9, Vec::new()), (3, (0..=255).collect())]
}

/// Writes the golden snapshot.
///
/// # Errors
/// [`SnapshotError`] of the store.
pub(crate) fn write_snapshot(store: &Store) -> Result<(), SnapshotError> {
    let mut writer = store.begin_snapshot(SNAPSHOT)?;
    for (section, bytes) in sections() {
        writer.section(section, &bytes)?;
    }
    writer.finish()
}

/// Makes the golden tenant.
///
/// # Errors
/// Any error of the store.
pub(crate) fn write_tenant(data: &DataDir) -> Result<Store, Box<dyn std::error::Error>> {
    let store = data.create_as(&id()?, UUID)?;
    for batch in batches() {
        store.commit(&batch)?;
    }
    write_snapshot(&store)?;
    store.cut_log(CUT)?;
    store.mark_clean()?;
    Ok(store)
}
