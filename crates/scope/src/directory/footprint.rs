use super::{Counts, Directory};

/// Bytes of one entry of a persistent map or set: a node with its color or hash, its reference counts, and those of key
/// and value, as they are allocated on a 64-bit machine.
const ENTRY: usize = 96;

/// Entries of a principal beside those of its relations: by id, and by folded id, name and e-mail.
const ENTRIES_OF_PRINCIPAL: usize = 4;

impl Directory {
    /// Bytes on the heap, estimated from the number of facts and the length of the names: persistent maps share most of
    /// theirs with earlier directories, and do not tell what they take. Linear in the principals.
    pub fn heap_bytes(&self) -> usize {
        let Counts { principals, roles, relations, tenant_relations, members, values } = self.counts();
        let names = self.principals.iter().map(|fact| {
            let texts = [Some(&fact.id), fact.name.as_ref(), fact.email.as_ref()];
            // As they are written, and folded.
            2 * texts.into_iter().flatten().map(|text| text.len()).sum::<usize>() + size_of_val(fact)
        });
        let entries =
            ENTRIES_OF_PRINCIPAL * principals + roles + relations + tenant_relations + 2 * members + 2 * values;
        names.sum::<usize>() + entries * ENTRY
    }
}
